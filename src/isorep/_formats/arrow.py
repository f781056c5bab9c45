"""Arrow: files and streams of record batches (IPC, Feather), an array for each column."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from isorep._formats.arrow_column import columns_of
from isorep._formats.damage import damage_as
from isorep._formats.header import Contents
from isorep._utils.optional import import_optional

_FILE_MAGIC = b"ARROW1"


def open_arrow(path: Path) -> Contents:
    """Open every column of a file or a stream; lists of one length are further axes."""
    return open_arrow_files([path], path.stem)


def open_arrow_files(paths: list[Path], table: str) -> Contents:
    """Open every column of files with the same columns; the rows of each follow those before."""
    files = [_BatchFile(path) for path in paths]
    for file in files:
        if not file.schema.equals(files[0].schema):
            raise ValueError(
                f"expected the same columns in all files, got {_words(files[0].schema)} in "
                f"{paths[0].name} and {_words(file.schema)} in {file.path.name}"
            )
    starts = np.cumsum([0, *(file.n_rows for file in files)]).tolist()

    def read(columns: list[str], start: int, stop: int) -> Iterator[tuple[str, Any]]:
        for file, first in zip(files, starts, strict=False):
            yield from file.read(columns, max(0, start - first), stop - first)

    chunk = max(file.largest_batch for file in files)
    return Contents(*columns_of(files[0].schema, starts[-1], read, chunk), table)


class _BatchFile:
    """A file of record batches, which is mapped only while rows are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._is_stream = file.read(len(_FILE_MAGIC)) != _FILE_MAGIC
        with self._batches([]) as (schema, batches):
            self.schema = schema
            sizes = [batch.num_rows for batch in batches]
        self._starts = np.cumsum([0, *sizes]).tolist()
        self.n_rows: int = self._starts[-1]
        self.largest_batch = max(sizes, default=1)

    def read(self, columns: list[str], start: int, stop: int) -> Iterator[tuple[str, Any]]:
        """Yield the rows of columns from `start` to `stop`, as far as this file has them."""
        if not start < min(stop, self.n_rows):
            return
        i = bisect_right(self._starts, start) - 1
        with self._batches(columns, i) as (_, batches):
            for first, batch in zip(self._starts[i:], batches, strict=False):
                part = slice(max(0, start - first), min(stop - first, batch.num_rows))
                if part.start < part.stop:
                    for column in columns:
                        yield column, batch.column(batch.schema.get_field_index(column))[part]
                if first + batch.num_rows >= stop:
                    return

    @contextmanager
    def _batches(self, columns: list[str], first: int = 0) -> Iterator[tuple[Any, Iterator[Any]]]:
        """Give the schema and the record batches from number `first` on.

        They have these columns, or all if there are none.
        """
        pyarrow = import_optional("pyarrow", "arrow")
        ipc = import_optional("pyarrow.ipc", "arrow")
        numbers = [self.schema.get_field_index(column) for column in columns]
        options = ipc.IpcReadOptions(included_fields=numbers)
        with (
            damage_as("an Arrow file or stream"),
            pyarrow.memory_map(str(self.path)) as source,
        ):
            if self._is_stream:
                reader = ipc.open_stream(source, options=options)
                yield reader.schema, islice(reader, first, None)
            else:
                reader = ipc.open_file(source, options=options)
                places = range(first, reader.num_record_batches)
                yield reader.schema, map(reader.get_batch, places)


def _words(schema: Any) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
