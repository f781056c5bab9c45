"""Shell: a command of isorep, run in this process."""

import sys

import pytest

from isorep.cli import main


def command_runner(monkeypatch, capsys):
    """Return a function that runs a command and returns its exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["isorep", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run
