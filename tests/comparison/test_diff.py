"""Diff: layer by layer against the oracle, what counts as below the bar, and the shell."""

import copy
import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import oracle
from helpers.provenance import without_provenance
from helpers.quick import slow_unless

import isorep
from isorep.cli import main
from isorep.comparison.diff_result import diff_columns

torch = pytest.importorskip("torch")
nn = torch.nn
rng = np.random.default_rng(0)
N = 401


def layered(n=N):
    """Return a base and a changed network, as arrays, on the same samples."""
    a, b = rng.standard_normal((n, 7)), rng.standard_normal((n, 5))
    return (
        {"same": a, "noisy": b, "other": rng.standard_normal((n, 4))},
        {
            "same": 3 * a @ rng.standard_normal((7, 7)) + 1,
            "noisy": b + 0.7 * rng.standard_normal((n, 5)),
            "other": rng.standard_normal((n, 4)),
        },
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.conv2(self.conv1(x).relu()).relu().mean((2, 3)))


def net(seed=0):
    torch.manual_seed(seed)
    return Net()


IMAGES = torch.randn(300, 1, 8, 8, generator=torch.Generator().manual_seed(1))


# --- Numbers -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_layer_is_that_of_the_oracle_most_changed_first():
    a, b = layered()
    found = isorep.diff(a, b)
    assert [layer.layer for layer in found.layers] == ["other", "noisy", "same"]
    for layer in found.layers:
        x, y = a[layer.layer], b[layer.layer]
        assert layer.raw == pytest.approx(oracle.naive_pwcca(x, y), abs=1e-9)
        corrected = isorep.similarity(x, y, "pwcca", correct=True)
        assert layer.similarity == pytest.approx(corrected.similarity, abs=1e-12)
        bounds = isorep.inference.interval(isorep.overlap(x, y))
        assert (layer.low, layer.high) == pytest.approx((bounds.low, bounds.high), abs=1e-12)
        assert layer.low <= layer.similarity <= layer.high
        assert (layer.n_samples, layer.base_rank) == (N, x.shape[1])
    # The table keeps the order in which the layers ran.
    assert found.table["layer"].to_numpy().tolist() == ["same", "noisy", "other"]
    other, noisy, same = found.layers
    assert same.similarity == pytest.approx(1, abs=1e-9)
    # Unrelated layers: the raw number is at chance, the corrected one near 0.
    assert other.raw == pytest.approx(other.chance, abs=0.05)
    assert other.similarity < other.chance / 2
    assert noisy.chance < noisy.low


@pytest.mark.slow
def test_without_intervals_the_verdict_is_the_same():
    a, b = layered()
    whole, quick = (
        isorep.diff(a, b, fail_below=0.9),
        isorep.diff(a, b, fail_below=0.9, interval=False),
    )
    assert [x.layer for x in quick.below] == [x.layer for x in whole.below] == ["other", "noisy"]
    assert [x.similarity for x in quick.layers] == [x.similarity for x in whole.layers]
    assert all(np.isnan((x.low, x.high, x.chance)).all() for x in quick.layers)
    assert list(diff_columns(quick, quick.layers)) == ["similarity", "max error", "rel error"]


def test_a_measure_that_cannot_be_corrected_counts_as_it_is():
    a, b = layered(211)
    found = isorep.diff(a, b, measure="cka_debiased", fail_below=0.5)
    for layer in found.layers:
        expected = oracle.naive_cka_debiased(a[layer.layer], b[layer.layer])
        assert layer.similarity == layer.raw == pytest.approx(expected, abs=1e-9)
    assert [layer.layer for layer in found.below] == ["other"]


def test_arguments_where_base_and_changed_differ():
    """`base` is x: what regression explains of changed is not what it explains of base."""
    x = rng.standard_normal((N, 6))
    found = isorep.diff({"fc": x[:, :3]}, {"fc": x}, measure="linear_regression", interval=False)
    raw = isorep.similarity(x[:, :3], x, "linear_regression").similarity
    assert found.layers[0].raw == pytest.approx(raw, abs=1e-12)
    assert raw < 0.6


# --- The bar -------------------------------------------------------------------------------------


def test_a_layer_with_nan_is_below_any_bar_and_named():
    a, b = layered()
    b["noisy"][17, 2] = np.nan
    found = isorep.diff(a, b, fail_below=0.0, interval=False)
    (layer,) = found.below
    assert layer.layer == "noisy"
    assert "changed['noisy'] holds 1 NaN and 0 infinite values" in layer.reason
    assert found.layers[0] is layer  # the worst of all
    lines = str(found).splitlines()
    assert lines[1].split() == ["noisy", "nan", "nan", "nan", "below", "0.0"]
    assert "noisy: changed['noisy'] holds 1 NaN" in str(found)


def test_forced_correlations_are_not_judged():
    """CCA of 21 samples and 20 neurons a side is 1 whatever the data: that must not pass."""
    x, y = rng.standard_normal((2, 21, 20))
    a, b = {"fc": x, "thin": x[:, :2]}, {"fc": y, "thin": x[:, :2]}
    for interval in (True, False):
        diff = isorep.diff(a, b, fail_below=0.5, interval=interval)
        assert diff["fc"].raw == pytest.approx(1)
        assert np.isnan(diff["fc"].similarity)
        assert (diff["fc"].verdict, diff["thin"].verdict) == ("not judged", "pass")
        assert diff.not_judged == (diff["fc"],)
        assert not diff.below
        assert "take 80 samples or more" in diff["fc"].reason


def test_nothing_but_nan_is_an_error_with_the_samples_to_take():
    """The number follows from the features, as 30 samples have only 29 directions."""
    x, y = rng.standard_normal((2, 30, 50))
    with pytest.raises(ValueError, match="take 200 samples or more"):
        isorep.diff({"fc": x}, {"fc": y}, interval=False)


def test_dead_layers():
    """Dead before and after is no change; dead after alone is the greatest there is."""
    a, b = layered()
    a |= {"dead": np.ones((N, 2)), "dies": rng.standard_normal((N, 2))}
    b |= {"dead": np.zeros((N, 2)), "dies": np.full((N, 2), 0.1)}
    found = isorep.diff(a, b, fail_below=0.0, interval=False)
    assert found.dead == ("dead",)
    assert [layer.layer for layer in found.below] == ["dies"]
    assert "changed['dies'] has no variance" in found.below[0].reason
    assert str(found).splitlines()[-1] == "constant on both sides: dead"
    # And a layer that loses some of its directions says so: PWCCA looks at the others alone.
    x = rng.standard_normal((N, 6))
    found = isorep.diff({"fc": x}, {"fc": x * [1, 1, 1, 1, 0, 0]}, fail_below=0.95, interval=False)
    assert not found.below
    assert str(found).splitlines()[1].endswith("  2 of 6 directions lost")


def test_identity_passes_a_bar_of_one():
    model = net()
    assert not isorep.diff(model, copy.deepcopy(model), IMAGES, fail_below=1, interval=False).below


def test_a_bar_out_of_range():
    with pytest.raises(ValueError, match="fail_below must be between 0 and 1 for pwcca, got 95"):
        isorep.diff(*layered(), fail_below=95)
    with pytest.raises(TypeError, match="fail_below must be a number, got '0"):
        isorep.diff(*layered(), fail_below="0.9")


# --- Layers and sides ----------------------------------------------------------------------------


def test_layers_are_matched_by_name_and_others_listed():
    a, b = layered()
    b["new_head"], a["old_head"] = b.pop("other"), a.pop("other")
    found = isorep.diff(a, b, interval=False)
    assert (found.removed, found.added) == (("old_head",), ("new_head",))
    assert str(found).splitlines()[-2:] == ["only in base: old_head", "only in changed: new_head"]
    # A glob may match on one side alone; what it does not match is not listed.
    found = isorep.diff(a, b, layers=["s*", "old*"], interval=False)
    assert (found.removed, found.added) == (("old_head",), ())
    with pytest.raises(ValueError, match="unknown layer of changed 'old_head'"):
        isorep.diff(a, b, layers=["same", "old_head"])
    with pytest.raises(ValueError, match=r"unknown layer of base and changed 'conv\?'"):
        isorep.diff(a, b, layers=["same", "conv?"])
    with pytest.raises(ValueError, match="no layer is on both sides: base has old_head, and "):
        isorep.diff({"old_head": a["same"]}, b)
    with pytest.raises(ValueError, match="no layer is selected"):
        isorep.diff(a, b, layers=[])


@pytest.mark.slow
def test_models_run_on_the_same_batches():
    base, changed = net(), net()
    changed.conv2.weight.data[:, :3] = 0
    expected = isorep.diff(
        isorep.capture(base, IMAGES), isorep.capture(changed, IMAGES), interval=False
    )
    # An iterator serves two models only if what it yields is kept.
    once = iter(IMAGES.split(70))
    found = isorep.diff(base, changed, once, interval=False)
    for own, its in zip(found.layers, expected.layers, strict=True):
        assert own.layer == its.layer
        assert own.similarity == pytest.approx(its.similarity, abs=1e-6)
    # A store of the one and the model of the other do as well.
    mixed = isorep.diff(isorep.capture(base, IMAGES), changed, IMAGES, interval=False)
    assert mixed.layers == expected.layers


def test_what_a_model_does_to_its_input_is_its_own_matter():
    """The first layer writes into the images; the second model must see them as they were."""
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 6, 3))
    images = IMAGES.clone()
    found = isorep.diff(model, copy.deepcopy(model), images, fail_below=1.0, interval=False)
    assert found.below == ()
    assert torch.equal(images, IMAGES)


def test_a_repeated_layer_goes_with_its_name():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.out = nn.Linear(4, 3)

        def forward(self, x):
            return self.out(self.fc(self.fc(x)))

    torch.manual_seed(0)
    model = Twice()
    found = isorep.diff(model, model, torch.randn(99, 4), layers="fc", interval=False)
    assert sorted(layer.layer for layer in found.layers) == ["fc", "fc#2"]


def test_samples_and_reductions_must_be_the_same():
    model = net()
    other = isorep.capture(model, IMAGES.flip(0), layers="fc")
    with pytest.raises(ValueError, match="base and changed hold the same samples in another order"):
        isorep.diff(isorep.capture(model, IMAGES), other)
    flat = isorep.capture(model, IMAGES, reduce="flatten")
    with pytest.raises(ValueError, match="'conv1' is reduced by 'mean' in base and by 'flatten'"):
        isorep.diff(isorep.capture(model, IMAGES), flat)


def test_what_sides_are_not():
    with pytest.raises(TypeError, match=r"changed: expected Representations .* got int"):
        isorep.diff({"fc": np.eye(3)}, 3)
    with pytest.raises(ValueError, match="base is a model: pass data"):
        isorep.diff(net(), net())
    with pytest.raises(ValueError, match="changed: the model failed on batch 0: RuntimeError"):
        isorep.diff(net(), nn.Sequential(nn.Linear(3, 3)), IMAGES, layers=["*"])
    with pytest.raises(ValueError, match=r"unknown layer of base 'convv1'; did you mean 'conv1'"):
        isorep.diff(net(), net(), IMAGES, layers="convv1")


@pytest.mark.slow
def test_reads_files(tmp_path):
    a, b = layered()
    isorep.Representations(a).save(tmp_path / "a.zarr")
    np.savez(tmp_path / "b.npz", **b)
    found = isorep.diff(tmp_path / "a.zarr", str(tmp_path / "b.npz"), interval=False)
    assert found.layers == isorep.diff(a, b, interval=False).layers


# --- Quantised models ----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions:UserWarning")
@pytest.mark.filterwarnings("ignore:Please use quant_min and quant_max:UserWarning")
@pytest.mark.skipif(torch.backends.quantized.engine == "none", reason="no quantised kernels here")
class TestQuantised:
    @pytest.mark.slow
    def test_int8_layers_keep_their_names_and_nearly_their_values(self):
        class Recurrent(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(11, 8)
                self.first = nn.LSTM(8, 6, batch_first=True)
                self.second = nn.GRU(6, 5)  # time first
                self.fc = nn.Linear(5, 4)

            def forward(self, x):
                hidden = self.first(self.embedding(x))[0].transpose(0, 1)
                return self.fc(self.second(hidden)[0])

        from torch.ao.quantization import quantize_dynamic

        torch.manual_seed(0)
        model, tokens = Recurrent(), torch.randint(0, 11, (301, 9))
        quantised = quantize_dynamic(model, {nn.Linear, nn.LSTM, nn.GRU}, dtype=torch.qint8)
        # No batch may be as long as the sequences: those axes could then not be told.
        batches = tokens.split(100)[:3]
        found = isorep.diff(model, quantised, batches, fail_below=0.95, interval=False)
        assert {x.layer for x in found.layers} == {"embedding", "first", "second", "fc"}
        assert (found.removed, found.added, found.below) == ((), (), ())
        assert 0.99 < found.layers[0].similarity < 1 - 1e-6

    def test_outputs_that_are_int8_are_read(self):
        from torch.ao import quantization

        torch.manual_seed(0)
        model = nn.Sequential(
            quantization.QuantStub(), nn.Conv2d(1, 6, 3), nn.Conv2d(6, 4, 3),
            quantization.DeQuantStub(),
        ).eval()  # fmt: skip
        model.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
        prepared = quantization.prepare(model)
        prepared(IMAGES)
        quantised = quantization.convert(prepared)
        found = isorep.diff(model, quantised, IMAGES, layers=["1", "2"], interval=False)
        assert [x.base_rank for x in found.layers] in ([6, 4], [4, 6])
        assert all(0.98 < x.similarity < 1 for x in found.layers)


# --- The shell -----------------------------------------------------------------------------------

NETS = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(180, 4))

def other():
    model = make()
    model[3].weight.data[:, 30:] = 0
    return model

def broken():
    model = make()
    model[3].weight.data[0, 0] = float("nan")
    return model

model = make()
images = torch.randn(301, 1, 8, 8, generator=torch.Generator().manual_seed(0))

def once():
    yield from images.split(100)

def fails():
    yield images[:9]
    raise RuntimeError("disk on fire")

def quits():
    raise SystemExit(0)

def torn():
    yield images[:9]
    raise SystemExit(0)
"""
LAYERS = ("--layers", "0", "--layers", "3")


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run `isorep diff` in a folder with a module; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "nets_for_diff.py").write_text(NETS)

    def run(*arguments):
        given = [str(x).replace("nets:", "nets_for_diff:") for x in arguments]
        monkeypatch.setattr(sys, "argv", ["isorep", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    yield run
    sys.modules.pop("nets_for_diff", None)


class TestShell:
    @pytest.mark.slow
    def test_prints_the_layers_and_judges(self, shell):
        told = ("diff", "nets:make", "nets:other", "--data", "nets:images", *LAYERS)
        status, out, err = shell(*told, "--fail-below", "0.9", "-o", "d.json", "-o", "d.csv")
        assert status == 1
        lines = out.splitlines()
        assert lines[0] == (
            "nets_for_diff:make and nets_for_diff:other: pwcca similarity (weights of x; x is "
            "base) on 301 samples, fail below 0.9"
        )
        numbers = ["similarity", "low", "high", "raw", "chance", "max", "error", "rel", "error"]
        assert lines[1].split() == ["layer", *numbers]
        assert lines[2].split()[0] == "3"
        assert lines[2].endswith("below 0.9")
        assert "isorep: pwcca similarity of 1 of 2 layers is below 0.9: 3" in err
        import nets_for_diff as nets

        found = isorep.diff(
            nets.make(), nets.other(), nets.images, layers=["0", "3"], fail_below=0.9
        )
        written = json.loads(Path("d.json").read_text())
        assert written["fail_below"] == 0.9
        assert written["layers"] == [vars(layer) for layer in found.layers]
        rows = list(csv.DictReader(Path("d.csv").read_text().splitlines()))
        assert [float(row["similarity"]) for row in rows] == [x.similarity for x in found.layers]
        assert [row["below"] for row in rows] == ["True", "False"]
        # Without a bar there is no verdict; the generator serves both models.
        told = ("diff", "nets:make", "nets:other", "--data", "nets:once", *LAYERS)
        status, out, _ = shell(*told, "--no-interval")
        assert status == 0
        assert "below" not in out

    def test_one_object_under_two_names_is_not_compared_with_itself(self, shell):
        import nets_for_diff as nets

        torch.save(nets.make().state_dict(), "old.pt")
        torch.save(nets.other().state_dict(), "new.pt")
        told = ("--data", "nets:images", *LAYERS, "--no-interval", "-o", "d.json")
        assert shell("diff", "nets:model@old.pt", "nets:model@new.pt", *told)[0] == 0
        found = json.loads(Path("d.json").read_text())
        assert found["layers"][0]["similarity"] < 0.9
        expected = isorep.diff(
            nets.make(), nets.other(), nets.images, layers=["0", "3"], interval=False
        )
        assert found["layers"][0]["similarity"] == expected.layers[0].similarity

    def test_nan_fails_the_bar(self, shell):
        told = ("diff", "nets:make", "nets:broken", "--data", "nets:images", *LAYERS)
        status, out, err = shell(*told, "--no-interval", "--fail-below", "0.5", "-o", "d.json")
        assert status == 1
        assert out.splitlines()[2].split()[:6] == ["3", "nan", "nan", "nan", "below", "0.5"]
        assert "changed['3'] holds 301 NaN and 0 infinite values" in err
        assert json.loads(Path("d.json").read_text())["layers"][0]["similarity"] is None

    @pytest.mark.parametrize(
        "name",
        slow_unless(["labelled.npz"], ["x.npy", "x.npz", "labelled.npz", "x.safetensors"]),
    )
    def test_inputs_from_a_file(self, shell, name):
        import nets_for_diff as nets

        images = nets.images.double().numpy()  # given to the model as float32
        np.save("x.npy", images)
        np.savez("x.npz", images)
        np.savez("labelled.npz", images=images, labels=np.arange(301))
        pytest.importorskip("safetensors.numpy").save_file({"any": images}, "x.safetensors")
        told = ("diff", "nets:make", "nets:other", *LAYERS, "--no-interval", "-o", "d.json")
        assert shell(*told, "--data", name)[0] == 0
        expected = isorep.diff(
            nets.make(), nets.other(), nets.images, layers=["0", "3"], interval=False
        )
        found = json.loads(Path("d.json").read_text())["layers"]
        assert [x["similarity"] for x in found] == [x.similarity for x in expected.layers]

    def test_a_log_is_not_cut_to_the_width_of_a_terminal(self, shell, monkeypatch):
        monkeypatch.delenv("COLUMNS")
        name = ".".join(["encoder"] * 20)
        np.savez("a.npz", **{name: rng.standard_normal((99, 3))})
        status, out, _ = shell("diff", "a.npz", "a.npz", "--no-interval")
        assert (status, out.splitlines()[2].split()[:2]) == (0, [name, "1.0000"])

    @pytest.mark.filterwarnings("default:layers left out:UserWarning")
    def test_layers_left_out_are_told_once(self, shell):
        Path("nets_left_out.py").write_text(
            "import torch\nfrom torch import nn\n"
            "class Net(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.table, self.fc = nn.Embedding(4, 3), nn.Linear(3, 2)\n"
            "    def forward(self, x):\n"
            "        return self.fc(x + self.table(torch.arange(1)))\n"
            "net, data = Net(), torch.randn(99, 3)\n"
        )
        told = ("diff", "nets_left_out:net", "nets_left_out:net", "--data", "nets_left_out:data")
        status, _, err = shell(*told, "--no-interval")
        sys.modules.pop("nets_left_out")
        assert status == 0
        assert err.count("layers left out: 'table' has shape (1, 3) for 8 samples and for 7") == 1

    def test_stores(self, shell):
        x = rng.standard_normal((500, 3))
        isorep.Representations({"fc": x}).save("a.zarr")
        isorep.Representations({"fc": x + 1}).save("b.npz")
        status, out, err = shell("diff", "a.zarr", "b.npz", "--fail-below", "1")
        assert (status, err) == (0, "")
        assert out.splitlines()[2].split()[:2] == ["fc", "1.0000"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["a.npz", "a.npz"], "cannot load 'a.npz': there is no such file"),
            (["nets:make", "nets:other"], "nets_for_diff:make is a model: pass --data"),
            (["a.npz", "b.npz", "--data", "nets:images"], "--data is for models"),
            (["a.npz", "b.npz", "--skip", "0"], "skip is for models"),
            (["mean.npz", "mean.npz", "--reduce", "max"], "was reduced by 'mean' when"),
            (["a.npz", "b.npz", "--device", "cuda"], "device is for models"),
            (["nets:make", "nets:images", "--data", "nets:images"], "gave a Tensor, expected a"),
            (["nets:make", "nets:othr", "--data", "nets:images"], "did you mean 'other'"),
            (["nets:make", "nets", "--data", "nets:images"], "'nets' must be module:name"),
            (
                ["nets:make", "empty", "--data", "nets:images"],
                "'empty' is a folder without config.js",
            ),
            (["nets:make@w.pt", "nets:make", "--data", "nets:images"], "no weights file 'w.pt'"),
            (["nets:make", "nets:make", "--data", "nets:fails"], "RuntimeError: disk on fire"),
            (["nets:make", "nets:quits", "--data", "nets:images"], "nets_for_diff:quits failed"),
            (["nets:make", "nets:make", "--data", "nets:torn"], "failed: SystemExit: 0"),
            (["a.npz", "nothere/"], "'nothere/' must be module:name"),
            (["nets:make", "nets:make", "--data", "x.npy"], "no data file 'x.npy'"),
            (["nets:make", "nets:make", "--data", "x.png"], "'x.png' names no data"),
            (["nets:make", "nets:make", "--data", "evil.npy"], "cannot read inputs from"),
            (["nets:make", "nets:make", "--data", "x.txt"], "text needs the tokenizer of a"),
            (
                ["nets:make", "nets:make", "--data", "nets:images", "--layers", "fc"],
                "layer of base",
            ),
            (["nets:make", "nets:make", "--data", "nets:images", "-o", "d.png"], "'d.png'"),
            (["nets:make", "nets:make", "--data", "nets:images", "-o", "no/d.csv"], "no folder"),
            (["a.npz", "b.npz", "--measure", "pwca"], "did you mean 'pwcca'"),
            (["a.npz", "b.npz", "--fail-below", "2"], "must be between 0 and 1 for pwcca, got 2"),
        ],
        ids=str,
    )
    def test_bad_input_is_one_message_and_status_2(self, shell, tmp_path, arguments, message):
        (tmp_path / "x.txt").write_text("a text\n")
        np.save("evil.npy", np.array([{}], dtype=object), allow_pickle=True)
        Path("empty").mkdir()
        isorep.Representations({"fc": [[1.0], [2.0]]}, reductions={"fc": "mean"}).save("mean.npz")
        status, out, err = shell("diff", *arguments)
        assert (status, out) == (2, "")
        assert message in err
        assert "Traceback" not in err
        assert not list(tmp_path.glob("d.*"))

    def test_html_is_the_reports(self, shell, monkeypatch):
        import types

        written = []
        fake = types.ModuleType("isorep.explorer.report")
        fake.report = lambda diff, path, a, b, title: written.append(
            (list(diff), str(path), list(a), list(b), title)
        )
        monkeypatch.setitem(sys.modules, "isorep.explorer.report", fake)
        np.savez("a.npz", fc=rng.standard_normal((99, 3)))
        assert shell("diff", "a.npz", "a.npz", "--no-interval", "-o", "d.html")[0] == 0
        assert written == [(["fc"], "d.html", ["fc"], ["fc"], "a.npz and a.npz")]

    @pytest.mark.slow
    def test_html_of_a_real_report(self, shell):
        pytest.importorskip("isorep.explorer.report")
        pytest.importorskip("plotly")
        a, b = layered()
        np.savez("a.npz", **a)
        np.savez("b.npz", **b)
        assert shell("diff", "a.npz", "b.npz", "-o", "d.html")[0] == 0
        assert "noisy" in Path("d.html").read_text()


@pytest.mark.slow
def test_the_grid_for_a_report_is_that_of_compare_on_its_diagonal():
    a, b = layered(211)
    result = isorep.diff(a, b)
    found, whole = result.grid(), isorep.compare(a, b, interval=True, chance=True)
    assert found.attrs["provenance"] == result.table.attrs["provenance"]
    found, whole = map(without_provenance, (found, whole))  # the sides have other names
    names = {"base": "dict", "changed": "dict"}
    assert whole.attrs.pop("precision") == "double"  # diff has no other
    assert found.attrs == whole.attrs | {"kind": "diff"} | names
    assert whole.attrs["kind"] == "compare"
    assert set(found) == set(whole)
    for name in ("pwcca", "pwcca_distance", "pwcca_corrected", "pwcca_low", "n_samples"):
        assert found[name].attrs == whole[name].attrs
        assert found[name].dims == whole[name].dims
        np.testing.assert_allclose(np.diag(found[name]), np.diag(whole[name]), rtol=1e-12)
    np.testing.assert_array_equal(found["x_rank"], whole["x_rank"])
    aside = ~np.eye(3, dtype=bool)
    assert np.isnan(found["pwcca"].to_numpy()[aside]).all()
    assert set(found["reason"].to_numpy()[aside]) == {
        "only layers with the same name were compared"
    }
    assert set(np.diag(found["reason"])) == {""}


# --- Display and other forms ----------------------------------------------------------------------


def test_a_diff_is_a_mapping_of_layers_most_changed_first():
    a, b = layered(211)
    diff = isorep.diff(a, b, fail_below=0.9, interval=False)
    assert list(diff) == ["other", "noisy", "same"]
    assert len(diff) == 3
    assert [diff[name] for name in diff] == list(diff.values()) == list(diff.layers)
    assert "conv" not in diff
    with pytest.raises(KeyError, match="conv"):
        diff["conv"]


@pytest.mark.slow
def test_a_diff_in_one_line_and_as_html():
    a, b = layered(211)
    a["<b>"], b["<b>"] = 2 * a["same"], b["same"]
    diff = isorep.diff(a, b, fail_below=0.9, interval=False)
    lowest = diff["other"].similarity
    assert repr(diff) == f"Diff(pwcca, 4 layers, 2 below 0.9, lowest {lowest:.4f})"
    bare = isorep.diff(a, b, interval=False)
    assert repr(bare) == f"Diff(pwcca, 4 layers, lowest {lowest:.4f})"
    html = diff._repr_html_()
    assert f"<th>other</th><td>{lowest:.4f}</td>" in html
    assert "<td>below 0.9</td>" in html
    assert "<th>&lt;b&gt;</th>" in html
    assert "<b>" not in html


def test_a_diff_as_a_frame_and_as_plain_values():
    a, b = layered(211)
    b["noisy"][3, 1] = np.nan
    diff = isorep.diff(a, b, fail_below=0.9)
    frame = diff.to_dataframe()
    assert list(frame.index) == list(diff) == ["noisy", "other", "same"]
    for name, layer in diff.items():
        values = vars(layer) | {}
        del values["layer"]
        for column, value in values.items():
            shown = frame.loc[name, column]
            assert shown == value or (np.isnan(shown) and np.isnan(value))
    content = diff.to_dict()
    assert json.loads(diff.to_json()) == content
    assert content["layers"][0]["similarity"] is None
    assert content["layers"][1] == vars(diff["other"])
    assert diff.to_csv().splitlines()[1].startswith("noisy,noisy,,,,,,,,fail,True,0,")


@pytest.mark.slow
def test_warnings_of_a_layer_have_no_measures_name():
    """A measure with options has a label that stands before its warnings in the table alone."""
    x, y = np.random.default_rng(0).standard_normal((2, 61, 9))
    for measure in ("pwcca", {"pwcca": {"weights_from": "both"}}):
        diff = isorep.diff({"fc": x}, {"fc": y}, measure=measure, interval=False)
        assert diff.measure == diff.table.attrs["measures"][0]
        warnings = diff.table["warnings"].item()
        assert warnings.startswith(f"{diff.measure}: 61 samples are few")
        assert diff["fc"].reason.startswith("61 samples are few")
        assert diff.measure not in diff["fc"].reason
        assert "\n" not in repr(diff)
        with pytest.warns(isorep.FewSamplesWarning, match="hidden in noise"):
            score = isorep.similarity(x, y, measure, correct=True)
        assert diff["fc"].similarity == score.similarity
        assert diff["fc"].raw == score.uncorrected


def test_a_measure_that_holds_samples_out_counts_as_it_is():
    x, y = rng.standard_normal((2, 211, 4))
    measure = "linear_regression(folds=5)"
    diff = isorep.diff({"fc": x}, {"fc": y}, measure=measure, interval=False)
    score = isorep.similarity(x, y, measure)
    assert diff["fc"].similarity == diff["fc"].raw == score.similarity
