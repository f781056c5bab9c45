"""Completion: what the Tab key offers, and that it never fails."""

import numpy as np
import pytest
from helpers.shell import command_runner

import isorep

X = np.random.default_rng(0).standard_normal((20, 2))


@pytest.fixture
def tab(monkeypatch, capsys, tmp_path):
    """Return a function that gives the words that bash offers for the last word of a command."""
    monkeypatch.chdir(tmp_path)
    shell = command_runner(monkeypatch, capsys)

    def complete(*words):
        monkeypatch.setenv("_ISOREP_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(["isorep", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        status, out, err = shell()
        assert status == 0, err
        assert err == ""
        return out.split()

    return complete


def test_commands_and_options(tab):
    assert tab("d") == ["demo", "diff", "doctor"]
    assert tab("measures", "--bib") == ["--bibtex"]


@pytest.mark.parametrize("command", [["measures"], ["certify"], ["diff", "a", "b", "--measure"]])
def test_measures(tab, command):
    assert tab(*command, "pw") == ["pwcca"]


def test_layers_of_the_files_on_the_command_line(tab):
    isorep.Representations({"conv1": X, "conv\x1b": X, "fc": X}).save("a.npz")
    isorep.Representations({"conv1": X, "conv2": X}).save("b.zarr")
    assert tab("compare", "a.npz", "b.zarr", "--layers", "") == ["conv1", "fc", "conv2"]
    assert tab("pairwise", "a.npz", "b.zarr", "-o", "c.zarr", "--layer", "conv2") == ["conv2"]
    assert tab("diff", "a.npz", "b.zarr", "--layers-changed", "f") == ["fc"]


def test_a_file_that_cannot_be_read_offers_nothing(tab, tmp_path):
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    (tmp_path / "weights.pt").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("notes")
    assert tab("compare", "damaged.npz", "weights.pt", "--layers", "") == []
    assert tab("compare", "notes.txt", "missing.npz", "--layers", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell(monkeypatch, capsys, shell):
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: shell)
    status, out, _ = command_runner(monkeypatch, capsys)("--show-completion")
    assert status == 0
    assert f"_ISOREP_COMPLETE=complete_{shell}" in out
