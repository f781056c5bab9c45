"""Every example of the README runs as printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from isorep.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_examples_run_as_printed(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    python, shell = blocks("python"), blocks("sh")
    assert (len(python), len(shell)) == (1, 1)
    assert len(python[0].strip().splitlines()) <= 14
    lines = shell[0].strip().splitlines()
    assert len(lines) == 5
    (tmp_path / "nets.py").write_text(python[0])
    monkeypatch.chdir(tmp_path)
    exec(compile(python[0], "nets.py", "exec"), {"__name__": "__main__"})
    # A shell runs the command that imports nets.py, as after installing. The others run in this
    # process, which has imported what they need.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in lines:
        if command == lines[0]:
            ended = subprocess.run(
                command,
                shell=True,
                env=os.environ | {"PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            status, err = ended.returncode, ended.stderr
        else:
            command, _, file = command.partition(" > ")
            monkeypatch.setattr(sys, "argv", shlex.split(command))
            with pytest.raises(SystemExit) as left:
                main()
            out, err = capsys.readouterr()
            status = left.value.code or 0
            if file:
                (tmp_path / file).write_text(out)
        assert status == 0, (command, err)
        assert "Error" not in err, (command, err)
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
