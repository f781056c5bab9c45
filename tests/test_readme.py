"""Every example of the README runs as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_examples_run_as_printed(tmp_path):
    pytest.importorskip("torch")
    python, shell = blocks("python"), blocks("sh")
    assert (len(python), len(shell)) == (1, 1)
    assert len(python[0].strip().splitlines()) <= 14
    lines = shell[0].strip().splitlines()
    assert len(lines) == 5
    (tmp_path / "nets.py").write_text(python[0])
    # The commands that a user would have on the PATH after installing.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in (f"{sys.executable} nets.py", *lines):
        ended = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, (command, ended.stderr)
        assert "Error" not in ended.stderr, (command, ended.stderr)
    assert (tmp_path / "heat.png").stat().st_size > 10_000
    assert (tmp_path / "table.json").read_text().startswith("{")


def test_it_is_short():
    assert len(README.splitlines()) <= 120


def test_links_and_commands_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile
