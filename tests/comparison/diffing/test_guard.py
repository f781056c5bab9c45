"""A guard: what fails, what is not judged, what is missing, and which layer diverges first."""

import warnings

import numpy as np
import pytest

import isorep
from isorep.comparison.diffing.needed_samples import n_samples_of
from isorep.testing import assert_similar

rng = np.random.default_rng(0)
X = rng.standard_normal((400, 6))


def near_copy(n, p, seed):
    """Return a layer with a falling spectrum, and a copy rounded as bfloat16 rounds."""
    draw = np.random.default_rng(seed)
    turn = np.linalg.qr(draw.standard_normal((p, p)))[0]
    x = draw.standard_normal((n, p)) * np.logspace(0, -1.5, p) @ turn
    return x, x * (1 + 2.0**-8 * draw.uniform(-1, 1, x.shape))


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
@pytest.mark.parametrize("n", [25, 26, 30, 60])
def test_the_correction_of_a_near_copy_stays_at_one(n):
    """All correlations are above 0.999, also where n is just above both ranks together."""
    x, y = near_copy(n, 12, seed=n)
    assert isorep.overlap(x, y).correlations[-1] > 0.999
    assert isorep.similarity(x, y, correct=True).similarity > 0.999


@pytest.mark.parametrize(("n", "verdict"), [(27, "not judged"), (60, "pass")])
def test_near_the_edge_there_is_no_verdict(n, verdict):
    x, y = near_copy(n, 12, seed=1)
    diff = isorep.diff({"fc": x}, {"fc": y}, fail_below=0.95, interval=False)
    assert diff["fc"].verdict == verdict
    # A measure without finite-sample bias is judged.
    diff = isorep.diff({"fc": x}, {"fc": y}, fail_below=0.95, measure="cka_debiased")
    assert diff["fc"].verdict == "pass"


def test_what_is_not_judged_fails_a_test_in_its_own_words():
    x, y = near_copy(27, 12, seed=1)
    with pytest.raises(AssertionError, match=r"0 of 1 layers is below 0\.95; 1 cannot be judged"):
        assert_similar({"fc": x}, {"fc": y})


@pytest.mark.slow
def test_a_missing_layer_fails_unless_allowed():
    base, changed = {"a": X, "b": X**2, "c": X**3}, {"a": X, "c": X**3}
    diff = isorep.diff(base, changed, fail_below=0.95, interval=False)
    assert diff.missing == diff.removed == ("b",)
    assert "missing in changed: b" in str(diff)
    assert not isorep.diff(base, changed, interval=False).missing  # no threshold, no verdict
    with pytest.raises(AssertionError, match="1 of base are missing in changed"):
        assert_similar(base, changed)
    assert_similar(base, changed, allow_missing="b*")
    with pytest.raises(AssertionError, match="missing"):
        assert_similar(base, changed, allow_missing=["a", "c"])


def test_elementwise_errors_and_the_first_layer_that_diverges():
    x = X.astype(np.float32)
    base = {"a": x, "b": x[:, ::-1] * 2, "wide": x, "c": x**2}
    late = (x**2).copy()
    late[3, 1] += 0.5
    changed = {"a": x * np.float32(1 + 1e-6), "b": x[:, ::-1] * 2, "wide": x[:, :5], "c": late}
    diff = isorep.diff(base, changed, interval=False)
    assert diff.first_divergence.layer == "c"
    assert diff["c"].max_error == pytest.approx(0.5, abs=1e-6)
    assert diff["c"].relative_error == pytest.approx(0.5 / np.max(x**2), rel=1e-6)
    assert diff["b"].max_error == 0
    assert np.isnan(diff["wide"].max_error)  # of another shape: passed over
    # Rounding to bfloat16 is no divergence, if a side was computed in it.
    rough = isorep.Representations({"a": x * np.float32(1.01)}, dtypes={"a": "bfloat16"})
    assert isorep.diff({"a": x}, rough, interval=False).first_divergence is None
    assert isorep.diff({"a": x}, {"a": 1.01 * x}, interval=False).first_divergence is not None


def test_nan_diverges():
    bad = X.copy()
    bad[0, 0] = np.nan
    diff = isorep.diff({"a": X, "b": X}, {"a": X, "b": bad}, fail_below=0.5, interval=False)
    assert diff.first_divergence.layer == "b"
    assert (diff["a"].verdict, diff["b"].verdict) == ("pass", "fail")


@pytest.mark.slow
def test_equal_layers_are_folded_into_the_outermost():
    base = {"block.0.fc": X, "block.0": X, "drop": X, "other": X**2}
    changed = {"block.0.fc": 2 * X, "block.0": 2 * X, "drop": X, "other": X**2}
    diff = isorep.diff(base, changed, interval=False)
    assert diff.folded == {"block.0": ("block.0.fc",)}
    assert set(diff) == {"block.0", "drop", "other"}  # drop is equal in base alone
    assert diff["block.0.fc"] is diff["block.0"]
    assert len(isorep.diff(base, changed, interval=False, all_layers=True)) == 4
    # A name given in full keeps its row.
    named = isorep.diff(base, changed, layers=["block.0.fc", "block.0"], interval=False)
    assert set(named) == {"block.0.fc", "block.0"}


def test_a_list_of_layers_for_each_side():
    base, changed = {"h.0": X, "h.1": X**2}, {"l.0": X, "l.1": X**2, "h.0": X**3}
    layers = (["h.*"], ["l.*"])
    diff = isorep.diff(base, changed, layers=layers, map="order", interval=False)
    assert [diff[name].changed_layer for name in ("h.0", "h.1")] == ["l.0", "l.1"]
    assert min(diff[name].similarity for name in diff) == pytest.approx(1)


def test_the_first_samples():
    diff = isorep.diff({"a": X}, {"a": X + 1}, max_samples=120, interval=False)
    assert diff["a"].n_samples == 120


def test_both_sides_are_named_everywhere():
    diff = isorep.diff({"a": X}, isorep.Representations({"a": X}), interval=False)
    assert (diff.table.attrs["base"], diff.table.attrs["changed"]) == ("dict", "Representations")
    assert (diff.to_dict()["base"], diff.to_dict()["changed"]) == ("dict", "Representations")
    ax = isorep.plot.heatmap(diff.grid())
    assert ax.get_ylabel() == "layer of base, dict"


class TestModels:
    torch = pytest.importorskip("torch")

    def model(self):
        self.torch.manual_seed(0)
        linear = self.torch.nn.Linear
        return self.torch.nn.Sequential(linear(6, 8), self.torch.nn.ReLU(), linear(8, 4))

    @property
    def inputs(self):
        return self.torch.from_numpy(X.astype(np.float32))

    @pytest.mark.slow
    def test_wrapped_models(self):
        nn = self.torch.nn

        class Adapter(nn.Module):
            def __init__(self, model):
                super().__init__()
                self.base_model = nn.Module()
                self.base_model.model = model

            def forward(self, x):
                return self.base_model.model(x)

        model = self.model()
        for wrapped, prefix in ((nn.DataParallel(model), "module."),
                                (Adapter(model), "base_model.model.")):  # fmt: skip
            for layers in ("*", ["0", "2"]):
                diff = isorep.diff(model, wrapped, self.inputs, layers=layers, interval=False)
                assert prefix in diff.notes[0]
                assert diff["2"].changed_layer == f"{prefix}2"
                assert diff["2"].max_error == 0

    def test_a_random_model_is_not_blamed_on_the_change(self):
        nn = self.torch.nn

        class Noisy(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.noise, self.last = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)

            def forward(self, x):
                h = nn.functional.dropout(self.first(x), 0.5)  # also in evaluation mode
                return self.last(self.noise(h))

        self.torch.manual_seed(0)
        model = Noisy()
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            diff = isorep.diff(model, model, self.inputs, fail_below=0.95, interval=False)
        assert diff["first"].verdict == "pass"
        assert {layer.layer for layer in diff.not_judged} == {"noise", "last"}
        assert "first in layer 'noise'" in diff.notes[0]
        assert diff.to_dict()["notes"] == list(diff.notes)

    def test_the_samples_to_take_are_told_before_the_model_runs_on_all(self):
        runs = []

        class Counted(self.torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = torch.nn.Linear(6, 50)

            def forward(self, x):
                runs.append(len(x))
                return self.fc(x)

        torch = self.torch
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", isorep.FewSamplesWarning)
            with pytest.raises(isorep.FewSamplesWarning, match="take 200 samples"):
                isorep.diff(Counted(), Counted(), self.inputs[:100], interval=False)
        assert max(runs) < 100


def test_the_number_of_samples_of_data():
    torch = pytest.importorskip("torch")
    x = torch.zeros(10, 2)
    dataset = torch.utils.data.TensorDataset(x)
    loader = torch.utils.data.DataLoader(dataset, batch_size=4)
    known = (x, {"x": x}, [x, x[:3]], [(x, None)], dataset, loader)
    assert [n_samples_of(data, None) for data in known] == [10, 10, 13, 10, 10, 10]
    assert n_samples_of(x, 4) == 4
    assert n_samples_of(iter([x]), None) is None
