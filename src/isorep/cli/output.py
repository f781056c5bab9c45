"""Output of commands: files, tables and warnings."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from isorep._utils.optional import check_installed
from isorep._utils.printable import printable
from isorep._utils.real_path import real_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

STDOUT = Path("-")

_MOST_NOTES = 6
"""Number of distinct notes that are printed."""

_NEEDED = {
    ".zarr": ("zarr", "store"),
    ".html": ("plotly", "report"),
    **dict.fromkeys((".png", ".svg", ".pdf"), ("matplotlib", "plot")),
}
"""Library that writes the files of a suffix, and the extra that installs it."""

_UNLIMITED = 100_000
"""Width of a console that cuts nothing."""


def check_targets(targets: Sequence[Path | None], sources: Sequence[Path | None]) -> None:
    """Check before any work that each target can be written and overwrites no source."""
    resolved_sources = {real_path(path) for path in sources if path is not None}
    resolved_targets: set[Path] = set()
    for target in targets:
        if target is None:
            continue
        if target == STDOUT:
            raise ValueError("expected the name of a file to write, got - (standard output)")
        resolved = real_path(target)
        if not resolved.parent.is_dir():
            raise FileNotFoundError(
                f"cannot write {str(target)!r}: no folder {str(target.parent)!r}"
            )
        if resolved.is_dir() and target.suffix.lower() != ".zarr":
            raise ValueError(f"cannot write {str(target)!r}: it is a folder")
        if resolved in resolved_sources:
            raise ValueError(f"cannot write {str(target)!r}: it is an input of this command")
        if resolved in resolved_targets:
            raise ValueError(f"cannot write {str(target)!r} twice: give each output its own file")
        resolved_targets.add(resolved)
        if target.suffix.lower() in _NEEDED:
            check_installed(*_NEEDED[target.suffix.lower()])


def say(text: str, *, err: bool = False) -> None:
    """Print lines of text; names in it cannot control the terminal."""
    typer.echo(printable(text, keep="\n\t"), err=err)


def shown(name: object, style: str = "") -> Text:
    """Return a name, or other text, for a table: no markup, and no control of the terminal."""
    from rich.text import Text

    return Text(printable(str(name)), style=style)


def write_text(target: Path, text: str) -> None:
    """Write text to a file, or to stdout; what is no Unicode becomes an escape."""
    if target != STDOUT:
        write_file(target, text.encode(errors="backslashreplace"))
    elif sys.stdout.isatty():
        say(text)
    else:
        sys.stdout.write(text)


def write_file(target: Path, content: bytes) -> None:
    """Write a whole file; if writing fails, the old file stays."""
    from isorep._utils.atomic import new_file

    if target.exists() and not target.is_file():  # a pipe or a device cannot be replaced
        target.write_bytes(content)
        return
    with new_file(real_path(target)) as file:
        file.write(content)


def new_console() -> Console:
    """Return a console as wide as the terminal; what goes to a file or a pipe is not cut."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_UNLIMITED if piped else None)


def fits(content: RenderableType, console: Console) -> bool:
    """Tell whether the console shows a table without cutting it."""
    unlimited = console.options.update_width(_UNLIMITED)
    return console.measure(content, options=unlimited).maximum <= console.width


def new_table(*headings: str, n_text_columns: int = 1) -> Table:
    """Return a table without lines; its first columns hold text, the others numbers."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for i, heading in enumerate(headings):
        table.add_column(
            shown(heading), overflow="fold", justify="left" if i < n_text_columns else "right"
        )
    return table


def print_heading(
    console: Console, table: xarray.Dataset, measure: str, subject: str = "similarity"
) -> None:
    """Print the heading of a measure's numbers, with its direction."""
    direction = table[measure].attrs["direction"]
    details = f"{direction}; 1 is the same" if direction else "1 is the same"
    console.print(shown(f"{measure} {subject} ({details})", style="bold"))


def print_notes(table: xarray.Dataset) -> None:
    """Print to stderr, one line a code, why cells need care and why cells were not computed.

    Where cells share a code, the line has the numbers of the first of them.
    """
    for variable, heading in (("warnings", "warning"), ("reason", "not computed")):
        lines_of: dict[str, list[str]] = {}
        for text in table[variable].to_numpy().ravel():
            for line in str(text).splitlines():
                lines_of.setdefault(_code(line) or line, []).append(line)
        for lines in list(lines_of.values())[:_MOST_NOTES]:
            cells = "1 cell" if len(lines) == 1 else f"{len(lines)} cells"
            say(f"isorep: {heading} ({cells}): {lines[0]}", err=True)
        more = len(lines_of) - _MOST_NOTES
        if more > 0:
            say(f"isorep: ... and {more} more texts; see --json", err=True)
        if any(_code(lines[0]) for lines in lines_of.values()):
            say("isorep: docs/warnings.md explains the codes in brackets", err=True)


def print_omitted(table: xarray.Dataset) -> None:
    """Print to stderr how many samples with NaN were left out."""
    if table.attrs.get("n_omitted"):
        say(f"isorep: {table.attrs['n_omitted']} samples with NaN were left out", err=True)


def _code(line: str) -> str:
    """Return the code at the end of a line, such as "few-samples"; "" if there is none."""
    match = re.search(r"\[([a-z-]+)\]$", line)
    return match[1] if match else ""


def print_resumed_tiles(output: Path) -> None:
    """Print to stderr how many tiles of a sweep are finished, if its store exists."""
    from isorep.comparison.sweeps.sweep_store import n_finished

    n = n_finished(output)
    if n is not None:
        tiles = "1 tile is finished" if n == 1 else f"{n} tiles are finished"
        say(f"isorep: resuming {str(output)!r}: {tiles}", err=True)
