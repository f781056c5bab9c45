"""Progress bars on standard error, if it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def track(
    items: Iterable[Item], description: str, total: int | None, wanted: bool
) -> Generator[Item, None, None]:
    """Yield `items` with a progress bar, if `wanted` and standard error is a terminal.

    Closing the generator ends the bar, also after an exception in the loop over it.
    """
    if not (wanted and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(
        items, description=description, total=total, console=Console(stderr=True), transient=True
    )
