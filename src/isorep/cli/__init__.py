"""The shell: each command is in a file of its name."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from isorep._utils.version import __version__
from isorep.cli import (  # noqa: F401  # to register them
    capture,
    certify,
    compare,
    demo,
    diff,
    measures,
    pairwise,
    paper,
    report,
    trajectory,
)
from isorep.cli.app import app


def main() -> None:
    """Run the command line; bad input ends in a message of one line and exit status 2."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        typer.echo(f"isorep: error: {' '.join(str(error).splitlines())}", err=True)
        sys.exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isorep {__version__}")
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
