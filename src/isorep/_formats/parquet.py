"""Parquet: an array for each column, read one row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isorep._formats.arrow_column import columns_of
from isorep._formats.damage import damage_as
from isorep._formats.header import Contents
from isorep._utils.optional import import_optional

_EXPECTED = "a parquet file"
_BUFFER_BYTES = 2**20
_BATCH_ROWS = 2**12


def open_parquet(path: Path) -> Contents:
    """Open every column; lists of one length are the further axes of its array."""
    with damage_as(_EXPECTED), _opened(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        schema = file.schema_arrow
    read = _RowGroups(path, sizes).read
    columns, metadata = columns_of(schema, sum(sizes), read, max(sizes, default=1))
    return Contents(columns, metadata, path.stem)


class _RowGroups:
    """The row groups of a file, which is open only while rows are read.

    Rows are decoded a few thousand at a time, so that memory is not taken by a whole row group.
    """

    def __init__(self, path: Path, sizes: list[int]) -> None:
        self._path = path
        self._starts = np.cumsum([0, *sizes])

    def read(self, column: str, start: int, stop: int) -> Iterator[Any]:
        starts = self._starts
        groups = np.flatnonzero((starts[:-1] < stop) & (starts[1:] > start)).tolist()
        if not groups:
            return
        position = int(starts[groups[0]])
        with damage_as(_EXPECTED), _opened(self._path) as file:
            for batch in file.iter_batches(
                min(_BATCH_ROWS, stop - position), groups, [column], use_threads=False
            ):
                array = batch.column(batch.schema.get_field_index(column))
                first, last = max(start - position, 0), min(stop - position, len(array))
                position += len(array)
                if first < last:
                    yield array[first:last]
                if position >= stop:
                    return


def _opened(path: Path) -> Any:
    parquet = import_optional("pyarrow.parquet", "parquet")
    return parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES)
