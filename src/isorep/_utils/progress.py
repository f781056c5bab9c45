"""Progress on standard error: a bar on a terminal with rich, elsewhere a line a minute."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from importlib.util import find_spec
from time import monotonic
from typing import TypeVar

Item = TypeVar("Item")

LONG = 20.0
"""Seconds from which on an estimate is worth a line."""

TIMED = 2.0
"""Seconds of work on which an estimate is based, at least."""

LINE_EVERY = 60.0
"""Seconds between two lines, where standard error is no terminal."""


def track(
    items: Iterable[Item],
    description: str,
    total: int | None,
    wanted: bool,
    *,
    unit: str = "steps",
    work: str = "",
    timed: int = 1,
) -> Generator[Item, None, None]:
    """Yield `items` and, if `wanted`, report the progress on standard error.

    If the whole will take longer than `LONG`, a line says how long, after the first items. A
    terminal shows a progress bar, if rich is installed; elsewhere, such as in a log, a line a
    minute says how many items are done. Closing the generator ends the bar, also after an exception
    in the loop over it.

    Parameters
    ----------
    items
        The items. An item is done when the next one is requested.
    description
        Name of the work, such as "compare".
    total
        Number of items, if it is known.
    wanted
        Whether to report anything.
    unit
        What the items are, in the plural.
    work
        What is done to each item, for the estimate, such as "2 measures".
    timed
        Number of items on which an estimate is based, at least; more than one if several are
        processed at the same time.
    """
    if not wanted:
        yield from items
        return
    # Rich is an extra: without it a terminal shows the lines of a log.
    on_terminal = sys.stderr.isatty() and find_spec("rich") is not None
    write = _write_line
    if on_terminal:
        from rich.console import Console
        from rich.progress import track as rich_track

        console = Console(stderr=True)

        def write_above_bar(line: str) -> None:
            console.print(line, markup=False, highlight=False)

        write = write_above_bar
        items = rich_track(
            items, description=description, total=total, console=console, transient=True
        )
    report = _Report(description, total, unit, work, timed, write)
    try:
        for item in items:
            yield item
            report.count(lines=not on_terminal)
    finally:
        if isinstance(items, Generator):
            items.close()


class _Report:
    """The items done so far, and the lines about them."""

    def __init__(
        self,
        description: str,
        total: int | None,
        unit: str,
        work: str,
        timed: int,
        write: Callable[[str], None],
    ) -> None:
        self._name = f"isorep: {description}"
        self._total, self._unit, self._work, self._timed = total, unit, work, timed
        self._write = write
        self._done = 0
        self._start = self._last_line = monotonic()
        self._estimated = total is None

    def count(self, *, lines: bool) -> None:
        """Count one more item, and write what is due; the line of a minute only if `lines`."""
        self._done += 1
        now = monotonic()
        elapsed = now - self._start
        if not self._estimated and elapsed >= TIMED and self._done >= self._timed:
            self._estimated = True
            assert self._total is not None
            seconds = elapsed / self._done * self._total
            if seconds > LONG:
                work = f" ({self._work})" if self._work else ""
                self._write(
                    f"{self._name}: about {duration(seconds)} for {self._total} {self._unit}{work}"
                )
        if lines and now - self._last_line >= LINE_EVERY:
            self._last_line = now
            if self._total is None:
                self._write(f"{self._name}: {self._done} {self._unit} so far")
            else:
                left = elapsed / self._done * (self._total - self._done)
                self._write(
                    f"{self._name}: {self._done} of {self._total} {self._unit}, about "
                    f"{duration(left)} left"
                )


def duration(seconds: float) -> str:
    """Return a rounded time as text.

    Examples
    --------
    >>> duration(0.2), duration(45), duration(170), duration(9_000)
    ('1 s', '45 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def counted(number: int, noun: str) -> str:
    """Return a number with a noun.

    Examples
    --------
    >>> counted(1, "measure"), counted(2, "measure")
    ('1 measure', '2 measures')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _write_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
