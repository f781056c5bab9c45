"""Joined rows: arrays whose rows follow each other, such as shards, as one array."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray


class JoinedRows:
    """One array of the rows of several, in order; only the parts that are needed are read.

    Parameters
    ----------
    parts : mapping of str to array
        Name of each part in errors, and its array: in memory, or read when its rows are asked for.

    Raises
    ------
    ValueError
        If the parts differ in dtype or in another axis than the rows.

    Examples
    --------
    >>> JoinedRows({"a": np.zeros((2, 3)), "b": np.ones((4, 3))})[1:3]
    array([[0., 0., 0.],
           [1., 1., 1.]])
    """

    def __init__(self, parts: Mapping[str, Any]) -> None:
        (first, array), *others = parts.items()
        for name, other in others:
            if other.shape[1:] != array.shape[1:] or other.dtype != array.dtype:
                raise ValueError(
                    f"expected arrays of one dtype that differ only in their rows, got {first} "
                    f"{array.shape} {array.dtype} and {name} {other.shape} {other.dtype}"
                )
        lengths = [part.shape[0] for part in parts.values()]
        self.shape: tuple[int, ...] = (sum(lengths), *array.shape[1:])
        self.dtype: np.dtype[Any] = array.dtype
        self.chunks: tuple[int, ...] | None = getattr(array, "chunks", None)
        self._parts = list(parts.values())
        self._starts = list(accumulate(lengths, initial=0))

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        pieces = []
        i = bisect_right(self._starts, start) - 1
        while start < stop:
            first, end = self._starts[i], min(self._starts[i + 1], stop)
            if start < end:
                pieces.append(np.asarray(self._parts[i][start - first : end - first]))
                start = end
            i += 1
        if not pieces:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
