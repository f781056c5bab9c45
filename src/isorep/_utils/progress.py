"""A progress bar on standard error, if there is someone to see it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def track(
    items: Iterable[Item], description: str, total: int | None, wanted: bool
) -> Generator[Item, None, None]:
    """Hand on `items` under a bar, where it is `wanted` and standard error is a terminal.

    Closing the generator ends the bar, also when the loop over it was left by an exception.
    """
    if not (wanted and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(
        items, description=description, total=total, console=Console(stderr=True), transient=True
    )
