"""Arrow columns: one column of a parquet or Arrow file as an array whose rows are read in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.pandas_index import PandasIndex
from isorep._utils.damaged_file import damage_as
from isorep._utils.optional import import_optional

ReadColumns = Callable[[list[str], int, int], Generator[tuple[str, Any], None, None]]
"""Function that yields the rows from start to stop of columns, in order.

``(names, start, stop) -> (name, pyarrow array), ...``
"""


class ArrowColumn:
    """One column, whose rows are read when they are asked for.

    Lists of one length, nested or not, are the further axes of the array. A missing number of a
    column of floats is NaN.

    Parameters
    ----------
    name
        Name of the column.
    column_type
        Type of its values: a pyarrow.DataType.
    n_rows
        Number of rows.
    read
        Function that reads rows.
    chunk
        Number of rows that are stored together.
    """

    def __init__(
        self, name: str, column_type: Any, n_rows: int, read: ReadColumns, chunk: int
    ) -> None:
        leaf, fixed_shape = _leaf(column_type)
        self.dtype = _dtype(leaf)
        self._is_tensor = _is_tensor(column_type)
        self.chunks = (max(1, chunk),)
        self._name = name
        self._type = column_type
        self._read = read
        lengths = [length for length in fixed_shape if length is not None]
        if len(lengths) < len(fixed_shape):  # the length of a list is not part of the type
            lengths = self._shape_of_first_row(n_rows, len(fixed_shape))
        self.shape: tuple[int, ...] = (n_rows, *lengths)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        (values,) = self.read_columns([self], rows)
        return values

    @staticmethod
    def read_columns(columns: Sequence[ArrowColumn], rows: slice) -> list[NDArray[Any]]:
        """Return the rows of several columns of a file, which is opened once for all of them."""
        start, stop, _ = rows.indices(columns[0].shape[0])
        parts: dict[str, list[NDArray[Any]]] = {column._name: [] for column in columns}
        ends = dict.fromkeys(parts, start)
        by_name = {column._checked_name(): column for column in columns}
        with closing(columns[0]._read(list(by_name), start, stop)) as arrays:
            for name, array in arrays:
                parts[name].append(by_name[name]._values(array, ends[name]))
                ends[name] += len(array)
        for name, end in ends.items():
            if end != max(start, stop):
                raise ValueError(f"it is damaged: column {name!r} ends at row {end}")
        return [
            np.concatenate([np.empty((0, *column.shape[1:]), column.dtype), *parts[column._name]])
            for column in columns
        ]

    def _checked_name(self) -> str:
        if self.dtype.kind == "O":
            raise ValueError(
                f"column {self._name!r} holds {self._type}; expected numbers, texts, or lists of "
                "numbers: leave the column out"
            )
        return self._name

    def _shape_of_first_row(self, n_rows: int, n_axes: int) -> list[int]:
        _, values = next(self._read([self._name], 0, 1), (None, None)) if n_rows else (None, None)
        if values is not None:
            self._check_offsets(values)
        shape = []
        for _ in range(n_axes):
            length = 0
            if values is not None and len(values):
                values = _storage(values)
                row = values[:1]
                if row.null_count == 0:
                    values = row.flatten()
                    length = len(values)
            shape.append(length)
        return shape

    def _check_offsets(self, array: Any) -> None:
        """Raise ValueError for offsets that point outside of the array, as in a damaged file."""
        with damage_as(f"column {self._name!r} of {self._type}"):
            array.validate(full=True)

    def _values(self, array: Any, first_row: int) -> NDArray[Any]:
        """Return the pyarrow array as a NumPy array; `first_row` is the number of its first row."""
        self._check_offsets(array)
        n_rows, repeats = len(array), 1
        if self._is_tensor and not array.null_count:  # its axes may be stored in another order
            tensor: NDArray[Any] = array.to_numpy_ndarray()
            return tensor
        for length in self.shape[1:]:
            array = _storage(array)
            lengths = _list_lengths(array)
            wrong = np.flatnonzero(lengths != length)
            if len(wrong):
                row = first_row + int(wrong[0]) // repeats
                got = lengths[wrong[0]]
                raise ValueError(
                    f"row {row} of column {self._name!r} is "
                    + (f"a list of {got} values" if got >= 0 else "missing (null)")
                    + f", and row 0 has {length}; expected lists of one length in all rows: pad "
                    "the lists, or leave the column out"
                )
            array = array.flatten()
            repeats *= length
        array = _storage(array)
        if str(array.type).startswith("dictionary"):
            array = array.dictionary_decode()
        if array.null_count and self.dtype.kind not in "fMm":
            missing = array.is_null().to_numpy(zero_copy_only=False)
            row = first_row + int(np.argmax(missing)) // max(1, repeats)
            raise ValueError(
                f"row {row} of column {self._name!r} is missing (null); expected a value in all "
                "rows: fill it, or leave the row or the column out"
            )
        values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
        return values.astype(self.dtype, copy=False).reshape(n_rows, *self.shape[1:])


def columns_of(
    schema: Any, n_rows: int, read: ReadColumns, chunk: int
) -> tuple[dict[str, ArrowColumn], dict[str, Any]]:
    """Return the columns of a table by name, and what the table knows of its samples.

    An index of pandas has the sample ids, unless it only counts the rows.
    """
    twice = sorted(name for name, count in Counter(schema.names).items() if count > 1)
    if twice:
        raise ValueError(f"expected columns with different names, got {twice[0]!r} twice")
    columns = {
        field.name: ArrowColumn(field.name, field.type, n_rows, read, chunk) for field in schema
    }
    index = PandasIndex(schema, columns, n_rows)
    arrays = {name: column for name, column in columns.items() if name not in index.unnamed}
    if index.sample_ids is None:
        return arrays, {}
    return arrays, {"sample_ids": index.sample_ids, "described": index.columns}


def _storage(array: Any) -> Any:
    """Return the values of an extension array, such as Array2D of Hugging Face datasets."""
    return getattr(array, "storage", array)


def _leaf(column_type: Any) -> tuple[Any, list[int | None]]:
    """Return the type of the values in nested lists, and the length of each; None if it varies."""
    types = import_optional("pyarrow", "arrow").types
    shape: list[int | None] = []
    while True:
        if _is_tensor(column_type):
            axes = column_type.permutation or range(len(column_type.shape))
            return column_type.value_type, [*shape, *(column_type.shape[axis] for axis in axes)]
        column_type = getattr(column_type, "storage_type", column_type)
        if types.is_fixed_size_list(column_type):
            shape.append(column_type.list_size)
        elif types.is_list(column_type) or types.is_large_list(column_type):
            shape.append(None)
        else:
            return column_type, shape
        column_type = column_type.value_type


def _is_tensor(column_type: Any) -> bool:
    return getattr(column_type, "extension_name", "") == "arrow.fixed_shape_tensor"


def _dtype(leaf: Any) -> np.dtype[Any]:
    """Return NumPy's dtype of values that can be read; object for others."""
    pyarrow = import_optional("pyarrow", "arrow")
    types = pyarrow.types
    if types.is_dictionary(leaf):
        leaf = leaf.value_type
    if types.is_string(leaf) or types.is_large_string(leaf) or types.is_string_view(leaf):
        return np.dtype(np.str_)
    if types.is_date32(leaf):
        return np.dtype("datetime64[D]")
    if (
        types.is_integer(leaf)
        or types.is_floating(leaf)
        or types.is_boolean(leaf)
        or types.is_timestamp(leaf)
        or types.is_duration(leaf)
        or types.is_date64(leaf)
    ):
        return np.dtype(leaf.to_pandas_dtype() if not types.is_timestamp(leaf) else _time(leaf))
    return np.dtype(object)


def _time(leaf: Any) -> str:
    return f"datetime64[{leaf.unit}]"  # of UTC, if the type has a time zone


def _list_lengths(array: Any) -> NDArray[np.int64]:
    """Return the length of each list, -1 for a missing list."""
    types = import_optional("pyarrow", "arrow").types
    if types.is_fixed_size_list(array.type):
        lengths = np.full(len(array), array.type.list_size, np.int64)
    else:
        lengths = np.diff(array.offsets.to_numpy(zero_copy_only=False)).astype(np.int64)
    if array.null_count:
        lengths[array.is_null().to_numpy(zero_copy_only=False)] = -1
    return lengths
