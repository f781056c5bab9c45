"""The command isorep contrast."""

import csv
import io

import numpy as np
import pytest
from helpers.shell import command_runner

import isorep


@pytest.fixture
def shell(monkeypatch, capsys):
    return command_runner(monkeypatch, capsys)


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    brain = {"V4": rng.standard_normal((120, 4)), "IT": rng.standard_normal((120, 4))}
    model = {
        "conv": brain["V4"] + 0.5 * rng.standard_normal((120, 4)),
        "fc": brain["IT"] + 0.5 * rng.standard_normal((120, 4)),
    }
    other = {name: rng.standard_normal((120, 4)) for name in model}
    paths = []
    for name, layers in (("model", model), ("brain", brain), ("other", other)):
        paths.append(tmp_path / f"{name}.npz")
        np.savez(paths[-1], **layers)
    return model, brain, other, [str(path) for path in paths]


def test_it_lists_each_pair_of_layers_once(files, shell):
    *_, (model, brain, _) = files
    status, out, _ = shell("contrast", model, brain, "--measure", "cka_debiased")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "cka_debiased: similarity of x and y minus other and y"
    assert len(lines) == 4
    assert {tuple(line.split()[:3]) for line in lines[2:]} == {
        ("conv", "fc", "V4"),
        ("conv", "fc", "IT"),
    }


def test_csv_has_the_numbers_of_the_table(files, shell):
    model, brain, other, paths = files
    arguments = ["--other", paths[2], "--measure", "cka_debiased", "--csv", "-"]
    _, out, _ = shell("contrast", *paths[:2], *arguments)
    rows = list(csv.DictReader(io.StringIO(out)))
    table = isorep.contrasts(model, brain, other, measures="cka_debiased", progress=False)
    assert len(rows) == 8
    for row in rows:
        cell = table.sel({dim: row[dim] for dim in table.dims})
        for name in ("difference", "low", "p_adjusted"):
            assert float(row[name]) == pytest.approx(cell[f"cka_debiased_{name}"].item(), abs=1e-9)


def test_raw_and_mistakes(files, shell):
    *_, (model, brain, other) = files
    raw = ("--other-layer", "fc", "--measure", "cka", "--raw")
    _, _, err = shell("contrast", model, brain, *raw)
    assert "[uncorrected-interval]" in err
    status, _, err = shell("contrast", model, brain, "--other", other, "--other-layer", "fc")
    assert status == 2
    assert "leave it out beside --other" in err
