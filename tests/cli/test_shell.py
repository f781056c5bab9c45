"""The shell itself: closed and narrow streams, Ctrl-C, names that would control it, and bugs."""

import ast
import csv
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.shell import command_runner

import isorep
from isorep import cli
from isorep.comparison.export import to_csv

RUN = [sys.executable, "-m", "isorep.cli"]
X = np.random.default_rng(0).standard_normal((60, 3))
ESCAPES = "conv\x1b[31m\x9b2Jred\x07"
SHOWN = r"conv\x1b[31m\x9b2Jred\x07"


@pytest.fixture
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.fixture
def shell(monkeypatch, here, capsys):
    """Run a command in an empty folder; return its exit status, stdout and stderr."""

    return command_runner(monkeypatch, capsys)


def save(path, *names, x=X):
    isorep.Representations({name: x**k for k, name in enumerate(names, 1)}).save(path)


def process(*arguments, redirect="", env=None):
    """Run a command in a process of its own, by sh, with its streams as `redirect` says."""
    words = " ".join(f"'{word}'" for word in (*RUN, *map(str, arguments)))
    return subprocess.run(
        ["sh", "-c", f"{words} {redirect}"],
        capture_output=True,
        env=os.environ | (env or {}),
        check=False,
    )


@pytest.mark.slow
def test_a_closed_or_full_stdout(here):
    save("a.npz", "fc")
    command = ("compare", "a.npz", "a.npz", "--json", "-")
    closed = process(*command, redirect=">&-")
    assert closed.returncode == 2
    assert closed.stderr == (
        b"isorep: error: standard output is closed; give it a file, such as /dev/null\n"
    )
    assert process(*command, redirect="2>&- | cat >/dev/null").returncode == 0
    if os.path.exists("/dev/full"):
        full = process(*command, redirect=">/dev/full")
        assert full.returncode == 2
        assert full.stderr.count(b"\n") == 1
        assert b"No space left on device" in full.stderr
    assert b"Traceback" not in process(*command, redirect="| true").stderr


@pytest.mark.slow
def test_a_stdout_that_holds_ascii_only(here, shell):
    save("a.npz", "שכבה", "\ud800")
    for command in ((), ("--csv", "-")):
        ended = process("compare", "a.npz", "a.npz", *command, env={"PYTHONIOENCODING": "ascii"})
        assert ended.returncode == 0, ended.stderr
        assert rb"\u05e9" in ended.stdout
        assert rb"\ud800" in ended.stdout
    assert shell("compare", "a.npz", "a.npz", "--csv", "a.csv")[0] == 0
    assert r"\ud800" in Path("a.csv").read_text()


def test_names_cannot_control_the_terminal(shell, here):
    save("a.npz", ESCAPES, "fc\r\n=hidden")
    save("b.zarr", ESCAPES, "fc\r\n=hidden")
    save("\x1b[2J.zarr", ESCAPES, "fc\r\n=hidden")
    for command in (
        ("compare", "a.npz", "a.npz"),
        ("compare", "a.npz", "b.zarr", "--dry-run"),
        ("diff", "a.npz", "b.zarr", "--no-interval"),
        ("pairwise", "b.zarr", "\x1b[2J.zarr", "-o", "\x1bs.zarr"),
        ("trajectory", "b.zarr", "\x1b[2J.zarr", "-o", "\x1bt.zarr"),
        ("compare", "\x1b[2J.npz", "a.npz"),
    ):
        status, out, err = shell(*command)
        assert status == (2 if "\x1b[2J.npz" in command else 0), err
        for controlling in "\x1b\x9b\x07\r":
            assert controlling not in out + err, command
        assert SHOWN in out or status == 2 or "--dry-run" in command, command


def test_no_command_prints_a_name_as_it_is():
    """All of `isorep.cli` prints by `say` and `shown`, which escape."""
    for path in Path(cli.__file__).parent.glob("*.py"):
        if path.name == "output.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert name not in ("typer.echo", "click.echo"), path
            if name in ("print", "Text", "sys.stdout.write"):
                assert path.name in ("interrupt.py",), (path, name)


@pytest.mark.skipif(os.name != "posix", reason="no pseudo-terminal")
@pytest.mark.slow
def test_csv_on_a_terminal_shows_escapes(here):
    pty = pytest.importorskip("pty")
    save("a.npz", ESCAPES)
    ours, theirs = pty.openpty()
    words = [*RUN, "compare", "a.npz", "a.npz", "--csv", "-"]
    subprocess.run(words, stdout=theirs, stderr=subprocess.DEVNULL, check=True)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # Linux says so at the end
        pass
    os.close(ours)
    assert b"\x1b" not in shown
    assert SHOWN in shown.decode()


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"]


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    rng = np.random.default_rng(0)
    names = [*FORMULAS, "\r=1", "plain-name", "a=b"]
    layers = {name: rng.standard_normal((60, 3)) for name in names}
    for k, text in enumerate(
        (
            to_csv(isorep.compare(layers, layers, measures="cka_debiased")),
            isorep.diff(layers, layers, interval=False).to_csv(),
        )
    ):
        rows = list(csv.reader(io.StringIO(text)))[1:]
        names = {row[0] for row in rows}
        assert names == {*(f"'{name}" for name in FORMULAS), r"\r=1", "plain-name", "a=b"}, k
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(tuple("=+@\t\r")), cell
            if cell.startswith("-"):
                float(cell)  # a number stays one


def test_a_page_is_not_written_to_stdout(shell, here):
    save("a.npz", "fc")
    status, out, err = shell("compare", "a.npz", "a.npz", "--html", "-")
    assert (status, out) == (2, "")
    assert err == ("isorep: error: expected the name of a file to write, got - (standard output)\n")
    shell("compare", "a.npz", "a.npz", "--json", "t.json")
    assert shell("report", "t.json", "-o", "-")[0] == 2
    assert sorted(os.listdir(here)) == ["a.npz", "t.json"]


def test_a_bug_shows_where_it_is(shell, here, monkeypatch):
    save("a.npz", "fc")

    def bug(*arguments, **options):
        return {}["no such key"]

    monkeypatch.setattr("isorep.comparison.compare.compare", bug)
    status, _, err = shell("report", "a.json", "-o", "b.html")
    assert status == 2  # of the input
    monkeypatch.setattr("isorep.comparison.read_result.read_result", bug)
    Path("a.json").write_text("{}")
    status, _, err = shell("report", "a.json", "-o", "b.html")
    assert status == 70
    assert "Traceback" in err
    assert "in bug" in err
    assert err.endswith("this is a bug in isorep. Please report it, with the command and the lines "
                        "above\n")  # fmt: skip


def test_an_operation_that_fails_inside_isorep_is_named(shell, here, monkeypatch):
    """It may be the input or a bug: one line for each."""
    for name in ("a.npz", "b.npz"):
        save(name, "fc")
    monkeypatch.setattr("isorep.comparison.pairwise.tile_sides", lambda *_: None)
    status, _, err = shell("pairwise", "a.npz", "b.npz", "-o", "s.zarr")
    assert status == 2
    error, place = err.splitlines()
    assert error == "isorep: error: 'NoneType' object is not iterable"
    assert re.fullmatch(
        r"isorep: it comes from line \d+ of comparison.pairwise\.py\. If your input is right, "
        "please report it",
        place,
    )


def test_too_little_memory_is_one_line(shell, here, monkeypatch):
    def too_large(*arguments, **options):
        raise MemoryError("Unable to allocate 6.00 GiB for an array")

    monkeypatch.setattr("isorep.comparison.read_result.read_result", too_large)
    status, _, err = shell("report", "a.json", "-o", "b.html")
    assert (status, err) == (
        2,
        "isorep: error: not enough memory: Unable to allocate 6.00 GiB for an array\n",
    )


SLOW = """
import ctypes, signal, sys, threading, time, types
import numpy as np
from isorep.cli import main

# Tests that run in the background of a shell ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)

def endless(*arguments, **options):
    print("begun", file=sys.stderr, flush=True)
    WAIT

# In place of the module, without importing what a sweep needs.
module = types.ModuleType("isorep.comparison.pairwise")
module.pairwise = endless
sys.modules[module.__name__] = module
sys.argv = ["isorep", "pairwise", "a.npz", "b.npz", "-o", "s.zarr"]
main()
"""
WAITS = {
    "python": "while True: pass",
    # The library does not return to Python, as in the decomposition of a large matrix.
    "library": "ctypes.CDLL(None).pause() or [ctypes.CDLL(None).sleep(60) for _ in range(9)]",
    "thread": "threading.Thread(target=time.sleep, args=(60,)).start(); time.sleep(60)",
}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no such signals")
@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_ends_any_command(here, wait, signals):
    """Also while no Python runs in the main thread, or while a thread of a pool has not ended."""
    for name in ("a.npz", "b.npz"):
        save(name, "fc")
    command = [sys.executable, "-c", SLOW.replace("WAIT", WAITS[wait])]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr.readline() == "begun\n"
        for _ in range(signals):
            time.sleep(0.2)
            running.send_signal(signal.SIGINT)
        try:
            _, err = running.communicate(timeout=30)  # hanging is the failure, whatever the load
        except subprocess.TimeoutExpired:
            running.kill()
            pytest.fail("Ctrl-C did not end it")
    assert running.returncode in (130, -signal.SIGINT)  # 130 to a shell
    assert "Traceback" not in err
