"""The identity of samples: what enters their ids, and what cannot be told apart."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import isorep
from isorep.activations.capture import capture

N, P = 12, 5


@pytest.fixture
def x():
    return torch.randn(N, P, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(P, 8))


class Packs(nn.Module):
    """As models of images of several sizes: the patches of all images in one tensor."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.patch = nn.Embedding(20, 3), nn.Linear(4, 3)

    def forward(self, pixel_values, grid, input_ids):
        text = self.embed(input_ids).mean(1)
        owner = torch.repeat_interleave(torch.arange(len(grid)), grid)
        return text.index_add(0, owner, self.patch(pixel_values))


def packed():
    generator = torch.Generator().manual_seed(3)
    grid = torch.tensor([2, 5, 3, 4])
    return {
        "pixel_values": torch.randn(int(grid.sum()), 4, generator=generator),
        "grid": grid,
        "input_ids": torch.randint(20, (4, 6), generator=generator),
    }


def test_packed_patches_enter_as_a_whole_and_are_never_cut():
    data = packed()
    with pytest.warns(UserWarning, match="left out: 'patch' has shape"):
        reps = capture(Packs(), data)
    assert reps.n_samples == 4
    assert list(reps) == ["embed"]
    other = {**data, "pixel_values": data["pixel_values"] + 1}
    with pytest.warns(UserWarning, match="'patch'"):
        assert not set(capture(Packs(), other).sample_ids) & set(reps.sample_ids)
    with pytest.raises(ValueError, match="'pixel_values' has no row for each of the 4 samples"):
        capture(Packs(), data, max_samples=2)


def test_values_that_samples_share_enter_too(model, x):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x, scale):
            return self.inner(x * scale)

    ids = [capture(Scaled(), {"x": x, "scale": torch.tensor(s)}).sample_ids for s in (1.0, 2.0)]
    assert not set(ids[0]) & set(ids[1])
    parts = [{"x": part, "scale": torch.tensor(1.0)} for part in x.split(5)]
    assert capture(Scaled(), parts).sample_ids == ids[0]


@pytest.mark.parametrize(
    "sampler",
    [
        lambda data: RandomSampler(data),
        lambda data: SubsetRandomSampler(range(N)),
        lambda data: WeightedRandomSampler(torch.ones(N), N),
    ],
)
def test_ids_beside_a_loader_that_shuffles(model, x, sampler):
    data = TensorDataset(x)
    loader = DataLoader(data, batch_size=5, sampler=sampler(data))
    with pytest.raises(ValueError, match="this DataLoader shuffles them: pass shuffle=False"):
        capture(model, loader, sample_ids=range(N))
    assert capture(model, DataLoader(data, 5), sample_ids=range(N)).n_samples == N
    shuffled = DataLoader(data, 5, shuffle=True)
    assert sorted(capture(model, shuffled).sample_ids) == sorted(capture(model, x).sample_ids)


def test_ids_on_one_side_only(model, x):
    known, unknown = capture(model, x), dict(capture(model, x.flip(0)))
    with pytest.warns(UserWarning, match=r"a knows its samples and b does not, .* cannot be check"):
        isorep.compare(known, unknown)
    with pytest.warns(UserWarning, match="cannot be checked"):
        isorep.diff(known, unknown, interval=False)


class Twice(IterableDataset):
    """Every worker reads all samples."""

    def __init__(self, x):
        self.x = x

    def __iter__(self):
        yield from self.x


def test_repeated_samples_are_counted(model, x, tmp_path):
    data = [x, x[:3], x[:2]]
    text = "5 of the 17 samples repeat another one"
    with pytest.warns(UserWarning, match=text) as caught:
        assert capture(model, data).n_samples == 17
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match=text):
        capture(model, data, out=tmp_path / "a.zarr")
    with pytest.warns(UserWarning, match=text):
        capture(model, data, sample_ids=[*range(N), 0, 1, 2, 0, 1])
    capture(model, data, sample_ids=range(17))
    with pytest.warns(UserWarning, match="12 of the 24 samples repeat another one"):
        capture(model, DataLoader(Twice(x), batch_size=4, num_workers=2))


def test_arrays_keep_the_dtype_that_they_were_computed_in():
    torch.manual_seed(0)
    x = torch.randn(400, 4)
    a, b = (capture(nn.Sequential(nn.Linear(4, 16)).bfloat16(), x) for _ in range(2))
    table = isorep.compare(a, b, measures="cca")
    for x_array, y_array in ((a["0"], b["0"]), (a["0"][:], b["0"].copy())):
        score = isorep.cca(x_array, y_array)
        assert (score.x_rank, score.y_rank) == (4, 4)
        assert score.similarity == table["cca"].item()
    assert a["0"].dtype == np.float32
    assert type(np.asarray(a["0"])) is np.ndarray


def test_stored_layers_know_the_dtype_too(tmp_path):
    torch.manual_seed(0)
    a = capture(nn.Sequential(nn.Linear(4, 16)).bfloat16(), torch.randn(400, 4))
    a.save(tmp_path / "a.zarr")
    stored = isorep.storage.open_store(tmp_path / "a.zarr")["0"]
    assert isorep.Basis.from_array(stored).rank == isorep.Basis.from_array(stored[:]).rank == 4
    # Another program's file does not say it, but its values do.
    np.save(tmp_path / "a.npy", a["0"])
    with pytest.warns(UserWarning, match=r"all values of layer 'a' of .* are bfloat16 values"):
        table = isorep.compare(tmp_path / "a.npy", tmp_path / "a.npy", measures="cca")
    assert table["x_rank"].item() == 4
