"""Parquet: an array for each column, read one row group at a time."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from isorep._formats.arrow_column import columns_of
from isorep._formats.batch_cursors import BatchCursors
from isorep._formats.header import Contents
from isorep._formats.joined_rows import JoinedRows
from isorep._formats.shard_names import shards_of_layers
from isorep._utils.damaged_file import damage_as
from isorep._utils.file_state import FileState
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional
from isorep._utils.turn import Turn

_EXPECTED = "a parquet file"
_NAMES = "[!._]*.parquet"
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_BUFFER_BYTES = 2**20
_COLUMNS_AT_ONCE = 16
"""Columns that are decoded together: opening each of many thousands takes long."""


def open_parquet(path: Path) -> Contents:
    """Open every column; lists of one length are the further axes of its array."""
    return _open_files([path], path.stem)


def is_parquet_folder(path: Path) -> bool:
    """Return whether a folder holds parquet files, itself or in partitions ("animal=m1")."""
    return bool(_files(path)) or any(_partitioned_files(path))


def open_parquet_folder(path: Path) -> Contents:
    """Open every column of a table that was written to several files, in the order of the parts.

    If the table was partitioned by columns, as Spark and Hive do, each of them is a column again.
    """
    table = path.resolve().name
    files = _files(path)
    if not files:
        return _open_partitions(sorted(_partitioned_files(path), key=_natural_path), path, table)
    tables = shards_of_layers(list(files))
    if tables is None:
        tables = {stem: [stem] for stem in files}
    if len(tables) > 1:
        raise ValueError(
            f"expected the parts of one table, got parquet files of {', '.join(tables)}: pass one "
            "file, or put the parts of each table into a folder of their own"
        )
    (stems,) = tables.values()
    return _open_files([files[stem] for stem in stems], table)


def _files(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in sorted(folder.glob(_NAMES)) if file.is_file()}


def _partitioned_files(folder: Path) -> Iterator[Path]:
    """Yield the parquet files in folders such as "animal=m1", and in those within them."""
    for partition in folder.glob("[!._]*=*"):
        if partition.is_dir():
            yield from _files(partition).values()
            yield from _partitioned_files(partition)


def _open_partitions(paths: list[Path], folder: Path, table: str) -> Contents:
    keys = [dict(_keys(path, folder)) for path in paths]
    contents = _open_files(paths, table)
    for path, of_file in zip(paths, keys, strict=True):
        if of_file.keys() != keys[0].keys() or not of_file.keys().isdisjoint(contents.layers):
            raise ValueError(
                f"expected folders of the same columns, none of which the files have, got "
                f"{', '.join(keys[0])} for {paths[0].name} and {', '.join(of_file)} for {path.name}"
            )
    parquet = import_optional("pyarrow.parquet", "parquet")
    sizes = [parquet.read_metadata(path).num_rows for path in paths]
    columns = {
        name: np.repeat(_values([of_file[name] for of_file in keys]), sizes) for name in keys[0]
    }
    return Contents({**contents.layers, **columns}, contents.metadata, table)


def _keys(path: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each column that the folders of a file name."""
    for part in path.relative_to(folder).parts[:-1]:
        name, _, value = part.partition("=")
        if value == _NO_VALUE:
            raise ValueError(f"partition {part!r} has no value of {name!r}: give it one")
        yield unquote(name), unquote(value)


def _values(texts: list[str]) -> NDArray[Any]:
    """Return texts, as integers if all of them are."""
    try:
        return np.array(texts).astype(np.int64)
    except (ValueError, OverflowError):
        return np.array(texts)


def _natural_path(path: Path) -> Any:
    """Return a key that sorts paths by the numbers in the names of folders and files."""
    return [natural_key(part) for part in path.parts]


def _open_files(paths: list[Path], table: str) -> Contents:
    groups: list[_RowGroup] = []
    schemas = []
    for path in paths:
        with damage_as(_EXPECTED), _opened(path) as file:
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            schemas.append(file.schema_arrow)
        if not schemas[-1].equals(schemas[0]):
            raise ValueError(
                f"expected the same columns in all files, got others in {path.name} than in "
                f"{paths[0].name}"
            )
        groups += [_RowGroup(path, i, size) for i, size in enumerate(sizes)]
    chunk = max((group.n_rows for group in groups), default=1)
    read = JoinedRows(groups)
    return Contents(*columns_of(schemas[0], read.n_rows, read, chunk), table)


class _RowGroup:
    """A row group of a file, whose rows are decoded a few thousand at a time.

    So memory is not taken by a whole row group. Threads take turns: pyarrow crashes where two of
    them read from one file object.
    """

    def __init__(self, path: Path, number: int, n_rows: int) -> None:
        self.n_rows = n_rows
        self._path = path
        self._number = number
        self._cursors = BatchCursors(n_rows, self._batches)
        self._opened: weakref.ref[Any] | None = None
        self._turn = Turn()
        self._state = FileState(path)

    def __reduce__(self) -> tuple[type[_RowGroup], tuple[Path, int, int]]:
        return _RowGroup, (self._path, self._number, self.n_rows)

    def read(
        self, columns: list[str], start: int, stop: int
    ) -> Generator[tuple[str, Any], None, None]:
        """Yield the rows of columns from `start` to `stop`, some columns after the others."""
        self._state.check()
        file = self._file()  # opening it for each of many columns would take long
        for i in range(0, len(columns), _COLUMNS_AT_ONCE):
            yield from self._cursors.read(columns[i : i + _COLUMNS_AT_ONCE], start, stop)
        del file

    def _batches(self, columns: list[str], n_rows: int) -> Generator[Any, None, None]:
        file = self._file()
        batches = file.iter_batches(n_rows, [self._number], columns, use_threads=False)
        while True:
            with self._turn, damage_as(_EXPECTED):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _file(self) -> Any:
        """Return the file, which stays open while any rows are being read."""
        with self._turn:
            file = None if self._opened is None else self._opened()
            if file is None:
                with damage_as(_EXPECTED):
                    file = _opened(self._path)
                self._opened = weakref.ref(file)
            return file


def _opened(path: Path) -> Any:
    parquet = import_optional("pyarrow.parquet", "parquet")
    return parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES)
