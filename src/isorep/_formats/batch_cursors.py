"""Batch cursors: record batches in order, which wait where the last read of rows ended."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

_MOST_ROWS = 2**12
"""Rows that are decoded at once."""

_MOST_WAITING = 32
"""Cursors that wait, each with an open file."""


class BatchCursors:
    """Rows of record batches that can only be read from the first one on.

    A read that begins where the last one ended, or later, goes on from there: what a pass over all
    rows has decoded is not decoded again. The file of a pass that did not reach the end stays open.

    Parameters
    ----------
    n_rows
        Number of rows.
    batches
        Function ``(columns, rows of a batch) -> generator of batches`` from the first row on.

    Examples
    --------
    >>> import pyarrow
    >>> table = pyarrow.table({"x": [1, 2, 3, 4]})
    >>> cursors = BatchCursors(4, lambda columns, size: (x for x in table.to_batches(size)))
    >>> [(name, array.to_pylist()) for name, array in cursors.read(["x"], 1, 3)]
    [('x', [2]), ('x', [3])]
    """

    def __init__(
        self, n_rows: int, batches: Callable[[list[str], int], Generator[Any, None, None]]
    ) -> None:
        self._n_rows = n_rows
        self._batches = batches
        self._waiting: dict[tuple[str, ...], _Cursor] = {}

    def read(
        self, columns: list[str], start: int, stop: int
    ) -> Generator[tuple[str, Any], None, None]:
        """Yield the rows of columns from `start` to `stop`, as far as there are such rows."""
        stop = min(stop, self._n_rows)
        if start >= stop:
            return
        # Two threads never share a cursor: one of them takes it, and the other begins anew.
        cursor = self._waiting.pop(tuple(columns), None)
        n = min(stop - start, _MOST_ROWS)
        if cursor is None or cursor.first > start or 2 * cursor.size < n:
            cursor = _Cursor(self._batches(columns, n), n)
        while cursor.advance(start):
            part = cursor.batch[max(0, start - cursor.first) : stop - cursor.first]
            for column in columns:
                yield column, part.column(part.schema.get_field_index(column))
            start = cursor.first + len(cursor.batch)
            if start >= stop:
                break
        if stop < self._n_rows and len(self._waiting) < _MOST_WAITING:
            self._waiting[tuple(columns)] = cursor


class _Cursor:
    """Batches of about `size` rows in order: the current one and the number of its first row."""

    def __init__(self, batches: Generator[Any, None, None], size: int) -> None:
        self.size = size
        self._batches = batches
        self.batch: Any = ()
        self.first = 0

    def advance(self, row: int) -> bool:
        """Go on to the batch that has a row; return whether there is one."""
        while row >= self.first + len(self.batch):
            self.first += len(self.batch)
            self.batch = next(self._batches, None)
            if self.batch is None:
                self.batch = ()
                return False
        return True
