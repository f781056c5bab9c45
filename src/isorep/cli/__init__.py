"""The shell: every capability as a command, in a file of its name."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from isorep._utils.version import __version__
from isorep.cli import (  # noqa: F401  # to register them
    capture,
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
    """Run the command line; bad input is one message and exit status 2, never a traceback."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        typer.echo(f"isorep: error: {error}", err=True)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"isorep {__version__}")
        raise typer.Exit


@app.callback()
def _isorep(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
