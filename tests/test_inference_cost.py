"""The benchmark of inference: every part of the table runs, and the naive program."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = str(Path(__file__).parents[1] / "benchmarks" / "inference_cost.py")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_every_part_has_its_time(monkeypatch, capsys):
    options = ["--layers", "1", "1", "--samples", "150", "--permutations", "3"]
    monkeypatch.setattr(sys, "argv", [SCRIPT, *options])
    runpy.run_path(SCRIPT, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 cells, 2 measures, 3 permutations"
    assert len(lines) == 2 + 6 + 1
    assert all(float(line.split()[0]) >= 0 for line in lines[2:8])
