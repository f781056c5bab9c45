"""The application that every command registers with."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="isorep",
    help="Compare representations of neural networks up to a change of basis.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
