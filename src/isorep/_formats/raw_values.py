"""Raw values: a file that holds the values of an array and nothing else."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.file_state import FileState


class RawValues:
    """An array in a raw file, which is mapped only while rows are read.

    Parameters
    ----------
    path
        The file.
    shape, dtype
        What another file says of the array. The file may be longer.
    item
        Number of the item on the second axis, if only one of them is the array.

    Raises
    ------
    ValueError
        If the file is missing, or shorter than the array.
    """

    chunks = None

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], item: int | None = None
    ) -> None:
        n_bytes = math.prod(shape) * dtype.itemsize
        if not path.is_file():
            raise ValueError(f"it is incomplete: {path.name} is missing")
        if path.stat().st_size < n_bytes:
            raise ValueError(
                f"{path.name} is damaged: expected {n_bytes} bytes for shape {shape}, {dtype}, got "
                f"{path.stat().st_size}"
            )
        self.shape = shape if item is None else (shape[0], *shape[2:])
        self.dtype = dtype
        self._path = path
        self._state = FileState(path)
        self._stored_shape = shape
        self._item = item

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        if not math.prod(self._stored_shape):  # an empty file cannot be mapped
            return np.empty(self.shape, self.dtype)[rows]
        self._state.check()
        values = np.memmap(self._path, self.dtype, "r", shape=self._stored_shape)
        return np.array(values[rows] if self._item is None else values[rows, self._item])
