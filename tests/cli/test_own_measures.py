"""Measures of the user's modules, named module:name in the shell."""

import sys

import numpy as np
import pytest
import xarray
from helpers.shell import command_runner

import isorep
from isorep.measures import registry

MODULE = """
import isorep


@isorep.register(invariance="none")
def closeness(x, y, *, scale: float = 1.0):
    return float(1 / (1 + scale * ((x - y) ** 2).mean()))


def plain(x, y):
    return 1.0
"""
X, Y = np.random.default_rng(0).standard_normal((2, 40, 3))


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    (tmp_path / "their_measures.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.savez("a.npz", fc=X)
    np.savez("b.npz", fc=Y)
    monkeypatch.delitem(sys.modules, "their_measures", raising=False)
    yield command_runner(monkeypatch, capsys)
    registry._ROWS.pop("closeness", None)
    sys.modules.pop("their_measures", None)


def test_every_command_takes_a_measure_of_a_module(shell):
    spec = "their_measures:closeness(scale=0.5)"
    expected = 1 / (1 + 0.5 * np.mean((X - Y) ** 2))
    assert shell("pairwise", "a.npz", "b.npz", "--measure", spec, "-o", "s.zarr")[0] == 0
    table = xarray.open_zarr("s.zarr", chunks=None)["closeness(scale=0.5)"].sel(
        x="a", y="b", layer="fc"
    )
    assert table.item() == pytest.approx(expected, abs=1e-12)
    status, out, _ = shell("compare", "a.npz", "b.npz", "--measure", spec, "--measure", "cka")
    assert (status, f"{expected:.6f}"[:4] in out) == (0, True)
    status, out, _ = shell("diff", "a.npz", "b.npz", "--measure", spec)
    assert (status, f"{expected:.6f}"[:4] in out) == (0, True)
    status, out, _ = shell("measures", "their_measures:closeness")
    assert (status, "closeness" in out) == (0, True)
    assert isorep.similarity(X, Y, "closeness(scale=0.5)").similarity == pytest.approx(expected)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("their_measures:plain", "is a function: expected what isorep.register returned"),
        ("their_measures:nothing", "unknown name in their_measures 'nothing'"),
        ("no_such_module:f", "no module 'no_such_module'"),
        ("their_measures:closeness(sale=2)", "sale"),
    ],
)
def test_what_is_no_measure(shell, spec, message):
    status, _, err = shell("compare", "a.npz", "b.npz", "--measure", spec)
    assert (status, message in err) == (2, True), err


FAILING = """
import isorep


@isorep.register()
def closeness(x, y):
    return 1 / 0
"""


@pytest.mark.parametrize("command", ["compare", "diff", "pairwise"])
def test_an_error_in_a_measure_names_it(shell, command, tmp_path):
    (tmp_path / "their_measures.py").write_text(FAILING)
    output = ["-o", "s.zarr"] if command == "pairwise" else []
    options = ["--measure", "their_measures:closeness", *output]
    status, _, err = shell(command, "a.npz", "b.npz", *options)
    assert status == 2
    assert "measure closeness failed: ZeroDivisionError: division by zero; correct its" in err
    assert "bug in isorep" not in err
