"""Joined rows: columns of several files, or of parts of files, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import accumulate
from typing import Any, Protocol


class RowReader(Protocol):
    """A part of a table: rows of columns."""

    n_rows: int

    def read(
        self, columns: list[str], start: int, stop: int
    ) -> Generator[tuple[str, Any], None, None]:
        """Yield the rows of columns from `start` to `stop`, as far as there are such rows."""
        ...


class JoinedRows:
    """Function that reads the rows of columns from the parts of a table that have them.

    Parameters
    ----------
    parts
        Parts of the table in the order of their rows.
    """

    def __init__(self, parts: Sequence[RowReader]) -> None:
        self._parts = parts
        *self._starts, self.n_rows = accumulate((part.n_rows for part in parts), initial=0)

    def __call__(
        self, columns: list[str], start: int, stop: int
    ) -> Generator[tuple[str, Any], None, None]:
        """Yield the rows of columns from `start` to `stop`: ``(name, pyarrow array), ...``."""
        for part, first in zip(self._parts, self._starts, strict=True):
            if start < first + part.n_rows and first < stop:
                yield from part.read(columns, max(0, start - first), stop - first)
