"""The benchmarks of one pair and of stacked layers run, and stacked products are right."""

import importlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_are_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_a_pair_has_a_row(monkeypatch, capsys):
    script = str(FOLDER / "pair_cost.py")
    monkeypatch.setattr(sys, "argv", [script, "--samples", "300", "--rounds", "1", "pair-128"])
    runpy.run_path(script, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| pair-128 | ")


@pytest.mark.parametrize("width", [5, 12, 100])
def test_stacked_products_are_those_of_the_pairs(width):
    stacks = importlib.import_module("stacked_products")
    rng = np.random.default_rng(0)
    xs, ys = ([rng.standard_normal((20, p)) for p in (4, 2, 5, 3)] for _ in range(2))
    pairs = zip(stacks.stacked(xs, ys, width), stacks.alone(xs, ys), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
