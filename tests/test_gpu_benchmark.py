"""The benchmark of a GPU, at small sizes on the CPU: its table, and what it does about failures."""

import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

ARGUMENTS = ["--device", "cpu", "--small"]


@pytest.fixture(scope="module")
def gpu():
    """Return the benchmark as a module."""
    folder = str(Path(__file__).parents[1] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("gpu")
    finally:
        sys.path.remove(folder)


@pytest.fixture
def quick(gpu, monkeypatch):
    """Replace the work of the parts, each of which notes that it ran."""
    ran = []

    def part(name):
        def run(sizes, device):
            ran.append(name)
            return gpu.Measured(1.5, "2 pairs/s", "products 100%")

        return gpu.Part(f"the work of {name}", run)

    known = {name: part(name) for name in ("tests", "sweep", "grid")}
    monkeypatch.setattr(gpu, "parts", lambda sizes: known)
    return known, ran


@pytest.mark.parametrize("with_transformers", [pytest.param(True, marks=pytest.mark.slow), False])
def test_every_part_measures_its_work(gpu, tmp_path, capsys, monkeypatch, with_transformers):
    if not with_transformers:
        monkeypatch.setitem(sys.modules, "transformers", None)
    out = tmp_path / "gpu.md"
    names = ["sweep", "grid", "model"]
    assert gpu.main([*ARGUMENTS, "--out", str(out), *names]) == 0
    text = out.read_text()
    assert text == capsys.readouterr().out
    rows = gpu.read_rows(out)
    assert len(rows) == len(names)
    for (_, device, version), (seconds, memory, throughput, where) in rows.items():
        assert device == gpu.card(torch.device("cpu"))
        assert version == torch.__version__
        assert float(seconds) > 0
        assert memory == ""
        assert "/s" in throughput
        assert where.count("%") > 1


def test_a_grid_stops_when_its_time_is_over(gpu):
    sizes = replace(gpu.SMALL, grid_seconds=0.0)
    measured = gpu.run_grid(sizes, torch.device("cpu"))
    assert "; 1 of 9 cells, all would take" in measured.throughput


def test_the_grid_has_as_many_samples_as_fit(gpu, monkeypatch):
    card = torch.device("cuda", 0)
    found = {}
    for gib in (140, 80, 40, 16):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, gib=gib: (gib * 2**30, 0))
        found[gib] = gpu.fits_on(card, gpu.Sizes())
    assert found == {140: (16384, 33), 80: (16384, 33), 40: (6144, 31), 16: (6144, 11)}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2**30, 0))
    with pytest.raises(MemoryError, match=r"two layers of 4,096 features need 3\.1 GiB, and 0\.8 "):
        gpu.fits_on(card, gpu.Sizes())


def test_a_grid_in_parts_computes_each_cell_once(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "fits_on", lambda device, sizes: (100, 2))
    pairs = []
    overlap = gpu.isorep.overlap

    def noted(x, y):
        pairs.append((x.mean.sum().item(), y.mean.sum().item()))
        return overlap(x, y)

    monkeypatch.setattr(gpu.isorep, "overlap", noted)
    measured = gpu.run_grid(gpu.SMALL, torch.device("cpu"))
    assert "cells, all" not in measured.throughput
    assert len(set(pairs)) == len(pairs) == 9


@pytest.mark.slow
@pytest.mark.parametrize("holds", [True, False])
def test_the_tests_run_in_a_process_of_their_own(gpu, tmp_path, holds):
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    assert {holds}\n")
    sizes = replace(gpu.SMALL, tests=("-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)))
    if holds:
        measured = gpu.run_tests(sizes, torch.device("cpu"))
        assert measured.where.startswith("1 passed")
    else:
        with pytest.raises(RuntimeError, match=r"1 failed.*; FAILED .*test_it"):
            gpu.run_tests(sizes, torch.device("cpu"))


def test_a_part_that_fails_says_why_and_runs_again(gpu, quick, tmp_path, capsys):
    known, ran = quick
    works = known["sweep"]

    def fails(*_):
        raise torch.OutOfMemoryError("CUDA out of memory |\n tried 3 GiB")

    known["sweep"] = replace(works, run=fails)
    arguments = [*ARGUMENTS, "--out", str(tmp_path / "gpu.md")]
    assert gpu.main(arguments) == 1
    assert ran == ["tests", "grid"]
    shown = capsys.readouterr().out.splitlines()
    assert "| failed |  |  | OutOfMemoryError: CUDA out of memory / tried 3 GiB |" in shown[3]
    known["sweep"] = works
    assert gpu.main(arguments) == 0
    assert ran == ["tests", "grid", "sweep"]
    assert capsys.readouterr().out.count("already)") == 2
    assert "failed" not in (tmp_path / "gpu.md").read_text()
    assert gpu.main([*arguments, "--again", "grid"]) == 0
    assert ran == ["tests", "grid", "sweep", "grid"]
    assert len(gpu.read_rows(tmp_path / "gpu.md")) == 3


def test_an_interrupted_run_goes_on(gpu, quick, tmp_path, monkeypatch):
    known, ran = quick
    works = known["sweep"]

    def interrupted(*_):
        raise KeyboardInterrupt

    known["sweep"] = replace(works, run=interrupted)
    arguments = [*ARGUMENTS, "--out", str(tmp_path / "gpu.md")]
    with pytest.raises(KeyboardInterrupt):
        gpu.main(arguments)
    known["sweep"] = works
    gpu.main(arguments)
    assert ran == ["tests", "sweep", "grid"]
    monkeypatch.setattr(gpu, "card", lambda device: "another card")
    gpu.main(arguments)
    assert ran == ["tests", "sweep", "grid"] * 2
    assert len(gpu.read_rows(tmp_path / "gpu.md")) == 6


def test_what_it_cannot_do_is_said_at_once(gpu, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    other = tmp_path / "notes.md"
    other.write_text("# Notes\n")
    for arguments, text in (
        (["--out", "gpu.md"], "finds no CUDA device: install a build with CUDA"),
        ([*ARGUMENTS, "--out", "gpu.md", "swep"], "unknown parts swep; known: tests, sweep, grid"),
        ([*ARGUMENTS, "--out", str(other)], "has no table of this script: name another file"),
    ):
        with pytest.raises(SystemExit) as stopped:
            gpu.main(arguments)
        assert stopped.value.code == 2
        assert text in " ".join(capsys.readouterr().err.split())
    assert other.read_text() == "# Notes\n"


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [
        ("void cutlass::Kernel2<cutlass_80_tensorop_d884gemm_64x32_16x4_nt_align1>", "products"),
        ("void syevj_batched_kernel<float>", "decompositions"),
        ("void trsm_left_kernel<double, 256>", "decompositions"),
        ("Memcpy DtoH (Device -> Pageable)", "copies"),
        ("void at::native::vectorized_elementwise_kernel<4, MulFunctor<double>>", "other kernels"),
    ],
)
def test_kinds_of_kernels(gpu, kernel, kind):
    assert gpu.kind_of(kernel) == kind
