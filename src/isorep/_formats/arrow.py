"""Arrow: files and streams of record batches (IPC, Feather), an array for each column."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from isorep._formats.arrow_column import columns_of
from isorep._formats.batch_cursors import BatchCursors
from isorep._formats.header import Contents
from isorep._formats.joined_rows import JoinedRows
from isorep._utils.damaged_file import damage_as
from isorep._utils.file_state import FileState
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
    chunk = max(file.largest_batch for file in files)
    read = JoinedRows(files)
    return Contents(*columns_of(files[0].schema, read.n_rows, read, chunk), table)


class _BatchFile:
    """A file of record batches, which is mapped only while rows are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = FileState(path)
        with path.open("rb") as file:
            self._is_stream = file.read(len(_FILE_MAGIC)) != _FILE_MAGIC
        with self._reader() as reader:
            self.schema = reader.schema
        with self._batches(_cheapest_column(self.schema)) as batches:
            sizes = [batch.num_rows for batch in batches]
        self._starts = np.cumsum([0, *sizes]).tolist()
        self.n_rows: int = self._starts[-1]
        self.largest_batch = max(sizes, default=1)
        self._cursors = BatchCursors(self.n_rows, self._stream)

    def __reduce__(self) -> tuple[type[_BatchFile], tuple[Path]]:
        return _BatchFile, (self.path,)

    def read(
        self, columns: list[str], start: int, stop: int
    ) -> Generator[tuple[str, Any], None, None]:
        """Yield the rows of columns from `start` to `stop`, as far as this file has them."""
        if start < min(stop, self.n_rows):
            self._state.check()  # a waiting cursor has mapped the file
        if self._is_stream:
            yield from self._cursors.read(columns, start, stop)
            return
        if not start < min(stop, self.n_rows):
            return
        i = bisect_right(self._starts, start) - 1
        with self._batches(columns, i) as batches:
            for first, batch in zip(self._starts[i:], batches, strict=False):
                part = slice(max(0, start - first), min(stop - first, batch.num_rows))
                if part.start < part.stop:
                    for column in columns:
                        yield column, batch.column(batch.schema.get_field_index(column))[part]
                if first + batch.num_rows >= stop:
                    return

    def _stream(self, columns: list[str], n_rows: int) -> Generator[Any, None, None]:
        with self._batches(columns) as batches:
            yield from batches

    @contextmanager
    def _batches(self, columns: list[str], first: int = 0) -> Iterator[Iterator[Any]]:
        """Give the record batches of these columns from number `first` on; of a stream all."""
        with self._reader([self.schema.get_field_index(column) for column in columns]) as reader:
            if self._is_stream:
                yield iter(reader)
            else:
                yield map(reader.get_batch, range(first, reader.num_record_batches))

    @contextmanager
    def _reader(self, numbers: Sequence[int] = ()) -> Iterator[Any]:
        """Give a reader of the columns with these numbers, or of all if there are none."""
        pyarrow = import_optional("pyarrow", "arrow")
        ipc = import_optional("pyarrow.ipc", "arrow")
        open_reader = ipc.open_stream if self._is_stream else ipc.open_file
        with damage_as("an Arrow file or stream"):
            # The mapping outlives the file object, which would count as an open file.
            with pyarrow.memory_map(str(self.path)) as source:
                content = pyarrow.BufferReader(source.read_buffer())
            options = ipc.IpcReadOptions(included_fields=list(numbers))
            yield open_reader(content, options=options)


def _cheapest_column(schema: Any) -> list[str]:
    """Return the name of a column that is small to read, to count its rows; no name without any."""
    types = import_optional("pyarrow", "arrow").types
    numbers = (field.name for field in schema if types.is_primitive(field.type))
    return [next(numbers, schema.names[0])] if schema.names else []


def _words(schema: Any) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
