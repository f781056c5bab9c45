"""Unchanged array: an array on disk that is only read while its file is what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.file_state import FileState


class UnchangedArray:
    """An array of a file, which raises ValueError once the file was changed or replaced.

    Otherwise, rows read before and after would belong to different arrays. A file that became
    shorter while it is mapped into memory would even end the process.

    Parameters
    ----------
    array
        The array, with a shape, a dtype and slices of rows.
    state
        State of its file before the array was opened.
    """

    def __init__(self, array: Any, state: FileState) -> None:
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = array.dtype
        self.chunks = getattr(array, "chunks", None)
        self._array = array
        self._state = state

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        self._state.check()
        values = np.asarray(self._array[rows])
        self._state.check()  # it may have been changed meanwhile
        return values
