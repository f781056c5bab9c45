import numpy as np
import pytest
import torch
from torch import nn

from isorep.activations import stream
from isorep.activations.reductions import Reduction
from isorep.activations.repeated_outputs import RepeatedOutputs

BATCHES = [torch.rand(5, 4, 32, generator=torch.Generator().manual_seed(i)) for i in range(3)]


@pytest.fixture
def reduced(monkeypatch):
    """Count the outputs that are reduced."""
    outputs = []
    rows = Reduction.rows

    def counted(self, output, features, mask):
        outputs.append(output)
        return rows(self, output, features, mask)

    monkeypatch.setattr(Reduction, "rows", counted)
    return outputs


class InPlace(nn.Module):
    """Changes its input, in a way that PyTorch counts or not, and returns it."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        self.change(x)
        return x


def rows_of(model, **options):
    """Return the rows of each batch, as the layers had them when they ran."""
    expected = []
    hooks = [
        module.register_forward_hook(
            lambda module, args, output, name=name: expected[-1].update(
                {name: output.mean(1).clone()}
            )
        )
        for name, module in model.named_modules()
        if name
    ]
    with torch.no_grad():
        for batch in BATCHES:
            expected.append({})
            model.eval()(batch.clone())
    for hook in hooks:
        hook.remove()
    batches = stream([model], BATCHES, channels="last", progress=False, **options)
    return [batch.arrays[0] for batch in batches], expected


def check(came, expected):
    for arrays, own in zip(came, expected, strict=True):
        assert list(arrays) == list(own)
        for name in own:
            np.testing.assert_allclose(arrays[name], own[name], rtol=1e-6)


def test_a_tensor_that_several_layers_return_is_reduced_once(reduced):
    block = nn.Sequential(nn.Linear(32, 32), nn.Dropout(), nn.Identity())
    came, expected = rows_of(nn.Sequential(block, nn.Linear(32, 3)))
    check(came, expected)
    # Five layers in the first batch, of which the first four return one tensor.
    assert len(reduced) == 5 + 2 * 2
    for arrays in came:
        places = {x.untyped_storage().data_ptr() for x in arrays.values()}
        assert len(places) == len(arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.mul_(2),
        lambda x: x.data.mul_(2),
        lambda x: x.numpy().__imul__(2),
        lambda x: setattr(x, "data", 2 * x.data),
    ],
    ids=["counted", "data", "numpy", "storage"],
)
def test_a_change_in_place_is_seen(change):
    model = nn.Sequential(nn.Linear(32, 32), InPlace(change), nn.Identity())
    came, expected = rows_of(model)
    check(came, expected)
    assert not np.allclose(came[-1]["0"], came[-1]["1"])


def test_layers_with_other_reductions_are_reduced_on_their_own():
    model = nn.Sequential(nn.Linear(32, 32), nn.Identity(), nn.Identity())
    reduce = {"0": "mean", "1": "max", "2": lambda x: x[:, 0]}
    for arrays, whole in zip(
        (x.arrays[0] for x in stream([model], BATCHES, reduce=reduce, progress=False)),
        BATCHES,
        strict=True,
    ):
        with torch.no_grad():
            x = model[0](whole)
        np.testing.assert_allclose(arrays["0"], x.mean(1), rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(arrays["1"], x.amax(1))
        np.testing.assert_array_equal(arrays["2"], x[:, 0])


def test_positions_and_dtypes_are_copied_too(reduced):
    model = nn.Sequential(nn.Linear(32, 32), nn.Identity())
    options = {"reduce": "positions", "dtype": "float16", "progress": False}
    for batch in stream([model], BATCHES, **options):
        (arrays,), (positions,) = batch.arrays, batch.row_positions
        assert torch.equal(arrays["0"], arrays["1"])
        assert np.array_equal(positions["0"], positions["1"])
        assert batch.dtypes == ({"0": "float16", "1": "float16"},)
        assert batch.reductions == ({"0": "positions", "1": "positions"},)
    assert len(reduced) == 2 + 2


def test_inference_mode(reduced):
    model = nn.Sequential(nn.Linear(32, 32), nn.Identity())
    with torch.inference_mode():
        came = [x.arrays[0] for x in stream([model], BATCHES, progress=False)]
    assert all(torch.equal(x["0"], x["1"]) for x in came)
    assert len(reduced) == 6


def test_nothing_of_a_batch_is_kept():
    repeated, x = RepeatedOutputs(), torch.rand(3, 2)
    repeated.add("a", x, None, x)
    repeated.add("b", x, None, x)
    assert repeated.layer_before("b", x) == "a"
    repeated.forget()
    assert repeated.layer_before("b", x) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.data.clamp_(max=0.9),
        lambda x: x.data.view(-1).clamp_(max=0.9),
        lambda x: torch.clamp(x, max=0.9, out=x.data),
        lambda x: torch._foreach_clamp_max_([x.data], 0.9),
    ],
    ids=["data", "view", "out", "list"],
)
def test_a_change_in_place_is_seen_that_changes_nothing_in_the_first_batch(change, monkeypatch):
    monkeypatch.setattr(f"{__name__}.BATCHES", [0.5 * BATCHES[0], *BATCHES[1:]])
    came, expected = rows_of(nn.Sequential(nn.ReLU(), InPlace(change), nn.Identity()))
    check(came, expected)
    assert np.array_equal(came[0]["0"], came[0]["1"])
    assert not np.allclose(came[-1]["0"], came[-1]["1"])


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x.view(-1), lambda x: x.detach()])
def test_counted_changes_leave_repeated_outputs_reduced_once(view, reduced):
    change = InPlace(lambda x: view(x).clamp_(max=0.9))
    came, expected = rows_of(nn.Sequential(nn.ReLU(), change, nn.Identity()))
    check(came, expected)
    assert len(reduced) == 3 + 2 * 2


def test_the_warning_about_guessed_axes_gives_repeated_outputs_one_shape():
    batches = [torch.rand(5, n, 32) for n in (4, 6)]
    unknown = nn.Sequential(InPlace(lambda x: None), nn.Identity())
    with pytest.warns(UserWarning, match="unknown axis") as warned:
        list(stream([unknown], batches, probe=False, progress=False))
    (text,) = [str(w.message) for w in warned if "unknown axis" in str(w.message)]
    assert "'0' axis 2 of (5, 4, 32); '1' axis 2 of (5, 4, 32)" in text


def test_layers_within_vmap():
    class Mapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(32, 32), nn.Identity())
            self.last = nn.Linear(32, 3)

        def forward(self, x):
            return self.last(torch.vmap(self.inner)(x))

    came = [x.arrays[0] for x in stream([Mapped()], BATCHES, layers=["last"], progress=False)]
    assert [x["last"].shape for x in came] == [(5, 3)] * 3
