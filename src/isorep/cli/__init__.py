"""The shell: each command is in a file of its name."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from isorep._utils.version import __version__
from isorep.cli import (  # noqa: F401  # to register them
    capture,
    certify,
    compare,
    contrast,
    demo,
    diff,
    doctor,
    formats,
    measures,
    pairwise,
    paper,
    report,
    trajectory,
)
from isorep.cli.app import app
from isorep.cli.interrupt import INTERRUPTED, prompt_interrupts
from isorep.cli.output import say
from isorep.core.measure_failed import MeasureFailedError

_BUG = 70
"""Exit status for an error that no input should cause; sysexits.h calls it EX_SOFTWARE."""


def main() -> None:
    """Run the command line.

    Bad input ends in a message of one line and exit status 2. Functions that read a file turn
    whatever a damaged one raises into a ValueError that names it. So any other error is a bug of
    isorep, and ends in a traceback that asks to be reported.
    """
    if sys.stderr is None:  # closed: nobody is there to read
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        _fail("standard output is closed; give it a file, such as /dev/null")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a stream that cannot hold all characters shows escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        with prompt_interrupts():
            try:
                _command()(prog_name="isorep")  # also as python -m isorep
            finally:
                sys.stdout.flush()  # here, since Python would show a full disk as a traceback
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (ValueError, TypeError, OSError, ImportError, MeasureFailedError) as error:
        _fail(str(error), place_of_bug(error))
    except MemoryError as error:
        _fail(f"not enough memory: {error}")
    except Exception:
        traceback.print_exc()
        say(
            "isorep: this is a bug in isorep. Please report it, with the command and the lines "
            "above",
            err=True,
        )
        sys.exit(_BUG)


@cache
def _command() -> Callable[..., object]:
    """Build the commands, which takes longer than to run many of them, from their signatures."""
    return typer.main.get_command(app)


def _fail(message: str, place: str | None = None) -> None:
    say(f"isorep: error: {' '.join(message.splitlines())}", err=True)
    if place:
        say(f"isorep: it comes from {place}. If your input is right, please report it", err=True)
    try:
        sys.stdout.flush()
    except (AttributeError, OSError):  # it is closed or full, and Python would try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(2)


def place_of_bug(error: BaseException) -> str | None:
    """Return the line of isorep that failed, unless it is a ``raise``, whose text is about input.

    An operation that fails in the middle of isorep, such as a product of arrays that do not fit,
    is more often a bug than bad input.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or isinstance(error, OSError | ImportError):
        return None
    last = frames[-1]
    package = Path(__file__).parents[1]
    if package not in Path(last.filename).parents or (last.line or "raise").startswith("raise"):
        return None
    return f"line {last.lineno} of {Path(last.filename).relative_to(package)}"


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"isorep {__version__}")
        raise typer.Exit


@app.callback()
def _isorep(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    pass
