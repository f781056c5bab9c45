"""Models, data and weights by name, in `isorep.compare` and the shell."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.shell import command_runner
from helpers.user_nets import NAME, SOURCE

import isorep
from isorep.comparison.read_result import read_result

torch = pytest.importorskip("torch")


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """The module of a user, in the current folder, with weights of `plain`."""
    (tmp_path / f"{NAME}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = __import__(NAME)
    state = {f"module.{key}": value + 0.1 for key, value in module.plain().state_dict().items()}
    torch.save({"state_dict": state}, "w.th")
    yield module
    sys.modules.pop(NAME)


@pytest.fixture
def shell(nets, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")

    return command_runner(monkeypatch, capsys)


def by_hand(nets, changed=0.0):
    """Run both architectures by hand; return the outputs of the linear layers."""
    x, plain, named = nets.inputs(), nets.plain(), nets.named()
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter += changed
        first = named.first(x)
        return (
            {"0": plain[0](x).numpy(), "2": plain(x).numpy()},
            {"first": first.numpy(), "second": named.second(first.tanh()).numpy()},
        )


def test_two_architectures_with_layers_of_their_own(nets):
    x, y = by_hand(nets)
    expected = isorep.compare(x, y, measures="cka")
    table = isorep.compare(
        f"{NAME}:plain",
        nets.named(),
        data=f"{NAME}:inputs",
        layers=(["0", "2"], ["*"]),
        measures="cka",
    )
    assert table["y_layer"].to_numpy().tolist() == ["first", "second"]
    np.testing.assert_allclose(table["cka"], expected["cka"], atol=1e-6)
    assert (table.attrs["a"], table.attrs["b"]) == (f"{NAME}:plain", "Named")


def test_one_model_with_other_weights(nets):
    x, _ = by_hand(nets)
    y, _ = by_hand(nets, changed=0.1)
    expected = isorep.compare(x, y, measures="cka")
    for name in ("model", "plain"):
        sides = (f"{NAME}:{name}", f"{NAME}:{name}@w.th")
        table = isorep.compare(*sides, data=nets.inputs(), layers=["0", "2"], measures="cka")
        np.testing.assert_allclose(table["cka"], expected["cka"], atol=1e-6)
    # The object in the module of the user keeps its weights.
    assert torch.equal(nets.model[0].weight, nets.plain()[0].weight)


def test_diff_of_names(nets):
    layers, data = ["0", "2"], nets.inputs()
    changed = nets.plain()
    with torch.no_grad():
        for parameter in changed.parameters():
            parameter += 0.1
    expected = isorep.diff(nets.plain(), changed, data, layers=layers, interval=False)
    sides = (f"{NAME}:model", f"{NAME}:model@w.th")
    result = isorep.diff(*sides, f"{NAME}:inputs", layers=layers, interval=False)
    np.testing.assert_array_equal(result.table["pwcca"], expected.table["pwcca"])
    assert result.table["pwcca"].min() < 0.99


def test_a_model_beside_its_capture(nets):
    isorep.capture(nets.plain(), nets.inputs(), layers="0").save("a.npz")
    options = {"data": f"{NAME}:inputs", "layers": ["0"], "measures": "cka"}
    for sides in (("a.npz", f"{NAME}:plain"), (nets.plain(), "a.npz")):
        table = isorep.compare(*sides, **options)
        assert table["cka"].item() == pytest.approx(1, abs=1e-12)
    isorep.capture(nets.plain(), nets.inputs() + 1, layers="0").save("b.npz")
    with pytest.raises(ValueError, match="a and b hold different samples"):
        isorep.compare("b.npz", f"{NAME}:plain", **options)


@pytest.mark.parametrize("suffix", [".npz", ".zarr"])
def test_layers_of_stored_activations(nets, suffix):
    x, y = by_hand(nets)
    paths = [f"{name}{suffix}" for name in "ab"]
    for side, path in zip((x, y), paths, strict=True):
        isorep.Representations(side, sample_ids=range(300)).save(path)
    table = isorep.compare(*paths, layers=(["2"], ["f*"]), measures="cka", memory="1 MB")
    assert (table["x_layer"].item(), table["y_layer"].item()) == ("2", "first")
    assert table["cka"].item() == pytest.approx(isorep.cka(x["2"], y["first"]).similarity, 1e-9)
    with pytest.raises(
        ValueError, match=r"cannot load 'b.*': unknown layer '2'. Known: first, second"
    ):
        isorep.compare(*paths, layers="2")


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((f"{NAME}:same", f"{NAME}:model"), "are one object: let the function make a new model"),
        (("w.th", f"{NAME}:plain"), r"'w\.th' is a file, but no model: .* module:name@w\.th"),
        ((".", f"{NAME}:plain"), "is a folder without config.json"),
        ((f"{NAME}:of_batches", f"{NAME}:plain"), "is a function of batch: .* from Python only"),
        (("plain", f"{NAME}:plain"), "'plain' must be module:name, .*no such folder"),
        ((f"{NAME}:plain@none.pt", f"{NAME}:plain"), r"no weights file 'none\.pt'"),
        ((f"{NAME}:inputs", f"{NAME}:plain"), "gave a Tensor, expected a torch.nn.Module"),
    ],
)
def test_names_of_no_model(nets, sides, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        isorep.compare(*sides, data=f"{NAME}:inputs")


def test_the_shell_compares_models(shell, nets):
    x, y = by_hand(nets, changed=0.1)
    sides = (f"{NAME}:plain@w.th", f"{NAME}:named")
    layers = ("--layers-a", "0", "--layers-a", "2", "--layers-b", "*")
    data = ("--data", f"{NAME}:inputs", "--measure", "cka")
    status, out, err = shell("compare", *sides, *data, *layers, "--json", "t.json")
    assert (status, err) == (0, "")
    assert out.splitlines()[1].split() == ["x", "\\", "y", "first", "second"]
    written = json.loads(Path("t.json").read_text())
    assert (written["a"], written["b"]) == sides
    expected = isorep.compare(x, y, measures="cka")["cka"]
    np.testing.assert_allclose(written["measures"]["cka"]["similarity"], expected, atol=1e-6)
    table = read_result("t.json")
    assert (table.attrs["a"], table.attrs["b"]) == sides
    ax = isorep.plot.heatmap(table)
    assert ax.get_ylabel() == f"layer of x, {sides[0]}"
    assert ax.get_xlabel() == f"layer of y, {sides[1]}"


def test_the_shell_takes_fewer_samples_and_a_device(shell):
    sides = (f"{NAME}:plain", f"{NAME}:named", "--data", f"{NAME}:inputs")
    options = ("--max-samples", "100", "--device", "cpu", "--reduce", "max", "--json", "-")
    status, out, _ = shell("compare", *sides, *options)
    assert status == 0
    assert json.loads(out)["n_samples"][0][0] == 100


def test_a_page_about_models(shell, nets):
    pytest.importorskip("plotly")
    sides = (f"{NAME}:plain", f"{NAME}:named", "--data", f"{NAME}:inputs")
    assert shell("compare", *sides, "--html", "p.html")[0] == 0
    page = Path("p.html").read_text()
    assert f"<title>{NAME}:plain and {NAME}:named</title>" in page
    assert f'"x_name":"x, {NAME}:plain","y_name":"y, {NAME}:named"' in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plain"], "is a model: pass data="),
        (["plain", "--data", "none"], "'none' names no data: expected module:name"),
        (["plain", "--data", f"{NAME}:inputs", "--layers", "0"], "unknown layer '0'"),
        (
            ["plain", "--data", f"{NAME}:inputs", "--layers", "0", "--layers-a", "0"],
            "give it alone",
        ),
    ],
)
def test_bad_arguments(shell, arguments, message):
    name, *options = arguments
    status, out, err = shell("compare", f"{NAME}:{name}", f"{NAME}:named", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
