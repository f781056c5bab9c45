"""Joined array: arrays of several files, one after the other along their rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray


class JoinedArray:
    """Arrays (n_i, ...) as one array, read a few rows at a time.

    Raises
    ------
    ValueError
        If their dtypes, or their shapes after the first axis, differ; the message names the places
        of the two.

    Examples
    --------
    >>> joined = JoinedArray([np.array([[0], [1]]), np.array([[2]])], ["a", "b"])
    >>> joined.shape, joined[1:].tolist()
    ((3, 1), [[1], [2]])
    """

    def __init__(self, arrays: Sequence[Any], places: Sequence[str]) -> None:
        first = arrays[0]
        for array, place in zip(arrays, places, strict=True):
            if array.shape[1:] != first.shape[1:] or array.dtype != first.dtype:
                raise ValueError(
                    f"{place} has shape {array.shape}, {array.dtype}, and {places[0]} has "
                    f"{first.shape}, {first.dtype}: expected parts that differ in rows alone"
                )
        self._arrays = arrays
        *self._starts, n = accumulate((array.shape[0] for array in arrays), initial=0)
        self.shape = (n, *first.shape[1:])
        self.dtype = np.dtype(first.dtype)
        self.chunks = getattr(first, "chunks", None)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        parts = [
            np.asarray(array[max(0, start - first) : min(array.shape[0], stop - first)])
            for array, first in zip(self._arrays, self._starts, strict=True)
            if first < stop and first + array.shape[0] > start
        ]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)
