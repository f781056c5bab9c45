"""MATLAB values: what variables of MATLAB are as arrays, in every version of its files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.memory import read_whole


class UnreadableArray:
    """An array that has a name and a shape, and no values to read: it is empty, or an object."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.dtype = np.dtype(object)
        self._name = name

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        raise ValueError(
            f"variable {self._name!r} is empty or an object; in MATLAB, save the properties of an "
            "object"
        )


def element_name(name: str, i: int) -> str:
    """Return the name of element number `i`, from 0, of a cell or of an array of structs."""
    return f"{name}/{i}"


def without_unit_axes(array: Any) -> Any:
    """Return a vector with one axis, and a scalar with none: MATLAB gives each value two."""
    if len(array.shape) > 2 or 1 not in array.shape:
        return array
    values = read_whole(array)
    return values.ravel() if values.size != 1 else values.reshape(())
