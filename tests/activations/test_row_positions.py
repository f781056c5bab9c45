"""Rows that are positions know their sample, position and token; and positions can be left out."""

import numpy as np
import pytest
import torch
from torch import nn

import isorep
from isorep.activations.capture import capture
from isorep.representations.row_positions import RowPositions
from isorep.storage import open_store

N, T, H = 7, 5, 3
BOS, LENGTHS = 1, [5, 3, 4, 2, 5, 5, 3]


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.inner = nn.Embedding(50, H), nn.Linear(H, 4)

    def forward(self, input_ids, attention_mask=None):
        return self.inner(self.embed(input_ids)).mean(1)


def text(side="right"):
    """Return token ids that begin with BOS, padded on one side, and their mask."""
    ids = torch.randint(3, 50, (N, T), generator=torch.Generator().manual_seed(1))
    number = torch.arange(T) if side == "right" else torch.arange(T).flip(0)
    mask = (number < torch.tensor(LENGTHS)[:, None]).long()
    ids[torch.arange(N), mask.argmax(1)] = BOS
    return {"input_ids": ids, "attention_mask": mask}


def batches(data, size=4):
    return [{key: x[i : i + size] for key, x in data.items()} for i in range(0, N, size)]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Text()


@pytest.mark.parametrize("side", ["left", "right"])
def test_every_row_is_the_token_that_it_says(model, side):
    data = text(side)
    reps = capture(model, batches(data), reduce="positions")
    rows = reps.row_positions["embed"]
    assert rows is reps.row_positions["inner"]  # once in memory
    assert len(rows) == sum(LENGTHS)
    expected = [(i, t) for i in range(N) for t in range(T) if data["attention_mask"][i, t]]
    assert list(zip(rows.samples, rows.positions, strict=True)) == expected
    np.testing.assert_array_equal(
        rows.tokens, data["input_ids"][tuple(zip(*expected, strict=True))]
    )
    np.testing.assert_array_equal(reps["embed"], model.embed.weight.detach()[rows.tokens])
    frame = rows.to_dataframe()
    assert list(frame.columns) == ["sample", "position", "token"]
    assert frame["token"].tolist() == rows.tokens.tolist()


def test_positions_of_maps_are_row_major():
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, 1)
    images = torch.randn(N, 2, 4, 5)
    reps = capture(nn.Sequential(conv, nn.Flatten()), images, layers=["0", "1"], reduce="positions")
    rows = reps.row_positions["0"]
    assert rows.tokens is None
    assert "1" not in reps.row_positions  # has one row for each sample
    maps = conv(images).detach().flatten(2).numpy()
    np.testing.assert_allclose(
        reps["0"], maps[rows.samples, :, rows.positions], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("size", [N, 2])
def test_files_keep_them(model, tmp_path, size):
    reps = capture(model, batches(text(), size), reduce={"embed": "positions"})
    reps.save(tmp_path / "a.npz")
    reps.save(tmp_path / "a.zarr")
    capture(model, batches(text(), size), reduce={"embed": "positions"}, out=tmp_path / "b.zarr")
    for name in ("a.npz", "a.zarr", "b.zarr"):
        assert isorep.load(tmp_path / name) == reps, name
    for name in ("a.zarr", "b.zarr"):
        assert open_store(tmp_path / name).row_positions == reps.row_positions, name


def test_a_store_that_was_interrupted_has_them_all(model, tmp_path, monkeypatch):
    from isorep._formats import resumable, zarr

    monkeypatch.setattr(resumable, "_SECONDS", 0.0)  # a commit after each batch
    monkeypatch.setattr(zarr, "_CHUNK_ROWS", 4)
    data = batches(text(), 2)

    def stops():
        yield from data[:2]
        raise KeyboardInterrupt

    path = tmp_path / "a.zarr"
    with pytest.raises(KeyboardInterrupt):
        capture(model, stops(), reduce="positions", out=path)
    assert not path.exists()
    capture(model, data, reduce="positions", out=path)
    assert isorep.load(path) == capture(model, data, reduce="positions")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("skip", "left"),
    [
        ([0], lambda tokens: tokens[1:]),
        (0, lambda tokens: tokens[1:]),
        ([0, -1], lambda tokens: tokens[1:-1]),
        ({"tokens": [BOS]}, lambda tokens: tokens[1:]),
        ({"positions": -1, "tokens": BOS}, lambda tokens: tokens[1:-1]),
        ({"embed": [-1]}, lambda tokens: tokens[:-1]),
    ],
)
def test_positions_are_left_out_without_changing_the_input(model, side, skip, left):
    data = {key: x[[0, 1, 2, 4, 5, 6]] for key, x in text(side).items()}  # at least three tokens
    kept = [left(ids[mask == 1]) for ids, mask in zip(*data.values(), strict=True)]
    embedded = [model.embed.weight.detach()[tokens].numpy() for tokens in kept]
    for reduce, expected in {
        "mean": np.stack([x.mean(0) for x in embedded]),
        "max": np.stack([x.max(0) for x in embedded]),
        "first": np.stack([x[0] for x in embedded]),
        "last": np.stack([x[-1] for x in embedded]),
        "positions": np.concatenate(embedded),
    }.items():
        reps = capture(model, data, layers="embed", reduce=reduce, skip=skip)
        np.testing.assert_allclose(reps["embed"], expected, rtol=1e-5, atol=1e-6)
    rows = reps.row_positions["embed"] if reduce == "positions" else None
    assert rows.tokens.tolist() == np.concatenate(kept).tolist()


def test_flatten_writes_zeros_for_what_is_left_out():
    torch.manual_seed(0)
    conv, images = nn.Conv2d(2, 3, 1), torch.randn(N, 2, 4, 5)
    reps = capture(nn.Sequential(conv), images, reduce="flatten", skip=[7])
    expected = conv(images).detach()
    expected[:, :, 1, 2] = 0
    np.testing.assert_allclose(reps["0"], expected.flatten(1).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("skip", "error", "text"),
    [
        ({"tokens": [1], "position": [0]}, ValueError, "unknown key of skip 'position'; did you"),
        ({"tokens": [1.5]}, TypeError, "skip tokens must be an integer, got 1.5"),
        (["a"], TypeError, "skip positions must be an integer, got 'a'"),
        ({"embde": [0]}, ValueError, "unknown layer 'embde'; did you mean 'embed'"),
        ({"*": {"token": [0]}}, ValueError, "unknown key of skip 'token'; did you mean 'tokens'"),
    ],
)
def test_what_skip_is_not(model, skip, error, text):
    with pytest.raises(error, match=text):
        capture(model, globals()["text"](), skip=skip)


def test_nothing_left_and_unknown_tokens(model):
    with pytest.raises(ValueError, match="'embed': skip leaves no position of sample 3 of the"):
        capture(model, text(), skip=[0, 1])
    images = torch.randn(N, 2, 4, 5)
    with pytest.raises(ValueError, match="'0': skip leaves out tokens, and the positions of this"):
        capture(nn.Sequential(nn.Conv2d(2, 3, 1)), images, skip={"tokens": [1]})


def test_rows_of_other_positions_are_not_compared(model, tmp_path):
    a = capture(model, text(), reduce="positions", skip=[0])
    b = capture(model, text(), reduce="positions", skip=[-1])
    reason = (
        r"row 0 is position 1 of sample 0 in a\['embed'\], and position 0 of sample 0 in b\['em"
    )
    with pytest.raises(ValueError, match=reason):
        isorep.compare(a, b)
    a.save(tmp_path / "a.zarr")
    b.save(tmp_path / "b.zarr")
    with pytest.raises(ValueError, match=reason):
        isorep.compare(tmp_path / "a.zarr", tmp_path / "b.zarr", memory="100 kB")
    table = isorep.compare(a, a, measures="cka")
    assert float(table["cka"].sel(x_layer="embed", y_layer="embed")) == pytest.approx(1)


class Translates(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.encoder, self.decoder = nn.Embedding(50, H), nn.Embedding(50, H)

    def forward(
        self, input_ids, decoder_input_ids, attention_mask=None, decoder_attention_mask=None
    ):
        return self.encoder(input_ids).mean(1) + self.decoder(decoder_input_ids).mean(1)


def test_models_on_one_loader_pair_the_same_positions_only():
    left, right = text("left"), text("right")  # as many tokens, elsewhere in the sample
    data = {
        "input_ids": left["input_ids"],
        "attention_mask": left["attention_mask"],
        "decoder_input_ids": right["input_ids"],
        "decoder_attention_mask": right["attention_mask"],
    }
    table = isorep.compare(
        Translates(1), Translates(2), data=data, measures="cka", reduce="positions"
    )
    same = [["encoder", "decoder"], ["encoder", "decoder"]]
    assert [table["x_layer"].values.tolist(), table["y_layer"].values.tolist()] == same
    reasons = table["reason"].to_numpy()
    assert reasons[0, 0] == reasons[1, 1] == ""
    for reason in (reasons[0, 1], reasons[1, 0]):
        assert "row 5 is position" in reason, reason


def test_representations_check_them():
    rows = RowPositions(np.array([0, 0, 1]), np.array([0, 1, 0]))
    reps = isorep.Representations(
        {"a": np.zeros((3, 2))},
        reductions={"a": "positions"},
        row_positions={"a": rows},
        n_samples=2,
    )
    assert reps.row_positions == {"a": rows}
    assert repr(rows) == "RowPositions(3 rows of 2 samples)"
    np.testing.assert_array_equal(np.asarray(rows), [[0, 0, -1], [0, 1, -1], [1, 0, -1]])
    with pytest.raises(ValueError, match="row_positions of layer 'a' should have 4 rows of the 2"):
        isorep.Representations(
            {"a": np.zeros((4, 2))},
            reductions={"a": "positions"},
            row_positions={"a": rows},
            n_samples=2,
        )
