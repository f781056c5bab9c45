"""What commands write: files, tables and what to read with care."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray
    from rich.console import Console
    from rich.table import Table

STDOUT = Path("-")
_UNBOUNDED = 100_000


def check_targets(targets: Sequence[Path | None], sources: Sequence[Path | None]) -> None:
    """Refuse, before any work is done, a target that cannot be written or should not be."""
    sources_found = {path.resolve() for path in sources if path is not None}
    taken: set[Path] = set()
    for target in targets:
        if target is None or target == STDOUT:
            continue
        found = target.resolve()
        if not found.parent.is_dir():
            raise FileNotFoundError(
                f"cannot write {str(target)!r}: no folder {str(target.parent)!r}"
            )
        if found.is_dir() and target.suffix.lower() != ".zarr":
            raise ValueError(f"cannot write {str(target)!r}: it is a folder")
        if found in sources_found:
            raise ValueError(f"cannot write {str(target)!r}: it is what is to be read")
        if found in taken:
            raise ValueError(f"cannot write {str(target)!r} twice: give each output its own file")
        taken.add(found)


def write_file(target: Path, content: bytes) -> None:
    """Write a whole file, or leave what was there before."""
    from isorep._utils.atomic import new_file

    if target.exists() and not target.is_file():  # a pipe or a device takes bytes, not a rename
        target.write_bytes(content)
        return
    with new_file(target.resolve()) as file:
        file.write(content)


def show(content: Any) -> None:
    """Print text or a table as wide as the terminal."""
    from rich.console import Console

    Console().print(content)


def new_console() -> Console:
    """Return a console that does not cut what goes to a file or a pipe, such as a log."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_UNBOUNDED if piped else None)


def new_table(*headings: str) -> Table:
    """Return a table without lines; its first column is of names, the others of numbers."""
    from rich.table import Table
    from rich.text import Text  # a layer's name is no markup

    listing = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        left = heading == headings[0]
        listing.add_column(Text(heading), overflow="fold", justify="left" if left else "right")
    return listing


def report_trouble(table: xarray.Dataset) -> None:
    """Say on stderr, once for each kind, what to read with care and what could not be computed."""
    for variable, heading in (("warnings", "warning"), ("reason", "not computed")):
        texts = [text for text in table[variable].to_numpy().ravel() if text]
        for text in list(dict.fromkeys(texts))[:3]:
            typer.echo(f"isorep: {heading} ({texts.count(text)} cells): {text}", err=True)
        if len(set(texts)) > 3:
            typer.echo(f"isorep: ... and {len(set(texts)) - 3} more kinds; see --json", err=True)
