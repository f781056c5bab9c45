"""Paths that no command can read or write: loops of links, pipes, names that are no text."""

import os

import numpy as np
import pytest
from helpers.shell import command_runner

X = np.random.default_rng(0).standard_normal((30, 3))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, pipes and names of bytes")


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("b.npz", fc=X)
    np.savez("c.npz", fc=X + 1)
    return command_runner(monkeypatch, capsys)


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "loop.npz", "b.npz"),
        ("compare", "b.npz", "c.npz", "--csv", "loop.npz"),
        ("compare", "b.npz", "c.npz", "--html", "loop.npz"),
        ("diff", "b.npz", "loop.npz"),
        ("pairwise", "b.npz", "loop.npz", "-o", "s.zarr"),
        ("trajectory", "b.npz", "loop.npz", "-o", "s.zarr"),
        ("report", "loop.npz", "-o", "r.html"),
    ],
)
def test_a_loop_of_links_is_one_error(shell, command):
    os.symlink("loop.npz", "loop.npz")
    status, _, err = shell(*command)
    assert status == 2
    assert err.count("\n") == 1
    assert "cannot use 'loop.npz': its symbolic links lead back to themselves" in err


@pytest.mark.parametrize("command", ["compare", "diff", "pairwise"])
def test_a_pipe_is_refused(shell, command):
    os.mkfifo("pipe.npz")
    output = ["-o", "s.zarr"] if command == "pairwise" else []
    status, _, err = shell(command, "pipe.npz", "b.npz", *output)
    assert status == 2
    assert "pipe.npz': expected a file or a folder, got a pipe or a device" in err


def test_a_name_that_is_no_text_becomes_an_escape(shell, tmp_path):
    name = os.fsdecode(b"a\xff.npz")
    try:
        os.link("b.npz", name)
    except OSError:
        pytest.skip("the file system has names of text only")
    for target in ("t.csv", "t.json", "t.html"):
        option = f"--{target.partition('.')[2]}"
        assert shell("compare", name, "c.npz", option, target)[0] == 0
        assert r"a\udcff.npz" in (tmp_path / target).read_text(encoding="utf-8")


def test_an_empty_folder_is_described(shell, tmp_path):
    (tmp_path / "empty").mkdir()
    status, _, err = shell("compare", "empty", "b.npz")
    assert status == 2
    assert "'empty' is a folder without config.json and without arrays: expected" in err
    assert "or a folder of arrays" in err
