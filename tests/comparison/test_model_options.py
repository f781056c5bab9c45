"""Options of `isorep.capture` in comparisons of models: as if each model were captured first."""

import inspect
import json
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from helpers.quick import slow_unless

import isorep
from isorep.activations.options import ModelOptions
from isorep.cli import main
from isorep.cli.model_options import model_options

torch = pytest.importorskip("torch")

NAME = "nets_for_options"
SOURCE = """
import torch
from torch import nn

class Text(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(20, 6)
        self.query = nn.Linear(6, 4)
        self.heads = nn.Unflatten(-1, (2, 2))
        self.out = nn.Linear(4, 3)

    def forward(self, input_ids, attention_mask):
        return self.out(self.heads(self.query(self.embed(input_ids))).flatten(2))

def texts():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 20, (160, 7), generator=generator)
    lengths = torch.randint(5, 8, (160, 1), generator=generator)
    mask = (torch.arange(7) < lengths).long()
    return {"input_ids": ids * mask, "attention_mask": mask}

def a():
    return Text(1)

def b():
    return Text(2)
"""

CASES = [
    ({"reduce": "positions"}, ["--reduce", "positions"]),
    ({"mask": {"out": None}}, ["--mask", "out=none"]),
    (
        {"mask": {"query": "attention_mask", "*": None}},
        ["--mask", "query=attention_mask", "--mask", "*=none"],
    ),
    ({"heads": "heads"}, ["--heads", "heads"]),
    ({"skip": [0, -1]}, ["--skip", "0", "--skip", "-1"]),
    (
        {"skip": {"positions": [0], "tokens": [3]}, "reduce": "positions"},
        ["--skip", "0", "--skip-token", "3", "--reduce", "positions"],
    ),
    ({"channels": "first"}, ["--channels", "first"]),
    ({"max_samples": 100}, ["--max-samples", "100"]),
    ({"device": "cpu"}, ["--device", "cpu"]),
    ({"probe": False}, ["--no-probe"]),
]
QUICK = [case for case in CASES if set(case[0]) <= {"heads", "max_samples"}]
NO_EFFECT = ("device", "probe")  # on the values


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """The module of a user, in the current folder."""
    (tmp_path / f"{NAME}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield __import__(NAME)
    sys.modules.pop(NAME)


@pytest.fixture
def shell(nets, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["isorep", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr().err

    return run


def captures(nets, **options):
    return [isorep.capture(make(), nets.texts(), **options) for make in (nets.a, nets.b)]


def test_the_cases_are_all_options():
    # A tokenizer is an object: the shell takes those of Hugging Face folders.
    expected = set(ModelOptions.__annotations__) - {"tokenizer"}
    assert {name for options, _ in CASES for name in options} == expected
    in_shell = set(inspect.signature(model_options).parameters)
    assert in_shell - {"skip_token"} == expected


@pytest.mark.parametrize(("options", "arguments"), slow_unless(QUICK, CASES))
def test_compare_takes_the_options_of_capture(nets, shell, options, arguments):
    x, y = captures(nets, **options)
    expected = isorep.compare(x, y, measures="cka")
    table = isorep.compare(nets.a(), nets.b(), data=nets.texts(), measures="cka", **options)
    assert table["x_layer"].to_numpy().tolist() == list(x)
    np.testing.assert_allclose(table["cka"], expected["cka"], atol=1e-6)
    np.testing.assert_array_equal(table["n_samples"], expected["n_samples"])
    # A model beside a capture.
    table = isorep.compare(nets.a(), y, data=nets.texts(), measures="cka", **options)
    np.testing.assert_allclose(table["cka"], expected["cka"], atol=1e-12)
    command = ("compare", f"{NAME}:a", f"{NAME}:b", "--data", f"{NAME}:texts", "--measure", "cka")
    assert shell(*command, *arguments, "--json", "t.json") == (0, "")
    found = json.loads(Path("t.json").read_text())["measures"]["cka"]["similarity"]
    np.testing.assert_allclose(found, expected["cka"], atol=1e-6)
    usual = isorep.compare(*captures(nets), measures="cka")
    differs = usual["cka"].shape != expected["cka"].shape or not np.allclose(
        usual["cka"], expected["cka"], atol=1e-4
    )
    assert differs == (not set(options) <= set(NO_EFFECT))


@pytest.mark.slow
@pytest.mark.parametrize(("options", "arguments"), slow_unless(QUICK, CASES))
def test_diff_takes_the_options_of_capture(nets, shell, options, arguments):
    expected = isorep.diff(*captures(nets, **options), interval=False)
    result = isorep.diff(nets.a(), nets.b(), nets.texts(), interval=False, **options)
    pandas.testing.assert_frame_equal(result.to_dataframe(), expected.to_dataframe())
    command = ("diff", f"{NAME}:a", f"{NAME}:b", "--data", f"{NAME}:texts", "--no-interval")
    assert shell(*command, *arguments, "-o", "d.csv")[0] == 0
    names = {"base": f"{NAME}:a", "changed": f"{NAME}:b"}
    written = expected.to_dataframe().assign(**names).to_csv(lineterminator="\n")
    assert Path("d.csv").read_text() == written


@pytest.mark.parametrize(("options", "arguments"), slow_unless(QUICK, CASES))
def test_the_shell_captures_with_these_options(nets, shell, options, arguments):
    expected = isorep.capture(nets.a(), nets.texts(), **options)
    command = ("capture", f"{NAME}:a", "--data", f"{NAME}:texts", "-o", "a.npz")
    assert shell(*command, *arguments)[0] == 0
    found = isorep.load("a.npz")
    assert list(found) == list(expected)
    for layer in expected:
        np.testing.assert_array_equal(found[layer], expected[layer])


@pytest.mark.parametrize(("options", "n_runs"), [({}, 4), ({"probe": False}, 2)])
def test_without_a_probe_a_model_runs_once_more(options, n_runs):
    runs = []

    class Counted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(3, 2)

        def forward(self, x):
            runs.append(self)
            return self.fc(x)

    models = [Counted(), Counted()]
    x = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    isorep.compare(*models, data=x, measures="cca", **options)
    assert [runs.count(model) for model in models] == [n_runs, n_runs]


@pytest.mark.slow
def test_layers_are_selected_before_they_are_divided_into_heads(nets, shell):
    x, y = captures(nets, heads="heads", layers=["heads", "out"])
    assert list(x) == ["heads.head0", "heads.head1", "out"]
    options = {"heads": "heads", "layers": ["heads", "out"]}
    table = isorep.compare(nets.a(), nets.b(), data=nets.texts(), measures="cka", **options)
    assert table["x_layer"].to_numpy().tolist() == list(x)
    result = isorep.diff(nets.a(), nets.b(), nets.texts(), interval=False, **options)
    assert {layer.layer for layer in result.layers} == set(x)
    expected = isorep.diff(x, y, interval=False)
    pandas.testing.assert_frame_equal(result.to_dataframe(), expected.to_dataframe())
    command = ("compare", f"{NAME}:a", f"{NAME}:b", "--data", f"{NAME}:texts", "--html", "t.html")
    assert shell(*command, "--heads", "heads", "--layers", "heads", "--json", "t.json")[0] == 0
    assert json.loads(Path("t.json").read_text())["x_layers"] == list(x)[:2]


def test_a_map_of_modules_maps_their_heads(nets):
    model, wrapped = nets.a(), torch.nn.Sequential()
    wrapped.inner = nets.b()
    wrapped.forward = wrapped.inner.forward
    result = isorep.diff(
        model,
        wrapped,
        nets.texts(),
        layers="heads",
        heads="*heads",
        map={"heads": "inner.heads"},
        interval=False,
    )
    names = result.table["layer"].to_numpy(), result.table["changed_layer"].to_numpy()
    partners = dict(zip(*names, strict=True))
    assert partners == {f"heads.head{i}": f"inner.heads.head{i}" for i in range(2)}


def test_options_of_models_are_refused_without_a_model():
    sides = [{"fc": np.random.default_rng(seed).standard_normal((50, 2))} for seed in range(2)]
    for name, value in {"mask": {"fc": None}, "heads": "fc", "skip": [0], "probe": False}.items():
        for function in (isorep.compare, isorep.diff):
            with pytest.raises(ValueError, match=f"^{name} is for models, and neither side is a"):
                function(*sides, **{name: value})
    assert len(isorep.diff(*sides, max_samples=30, interval=False).layers) == 1
    for function, text in ((isorep.compare, "measures"), (isorep.diff, "measure")):
        with pytest.raises(TypeError, match=f"unknown option 'mesure'; did you mean '{text}'"):
            function(*sides, mesure="cka")


def test_a_mask_without_an_input_is_an_error_in_the_shell(shell):
    command = ("capture", f"{NAME}:a", "--data", f"{NAME}:texts", "-o", "a.npz")
    status, err = shell(*command, "--mask", "out")
    assert (status, err) == (
        2,
        "isorep: error: --mask 'out': expected GLOB=INPUT, or GLOB=none for no mask\n",
    )
