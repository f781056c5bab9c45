"""Arrays: one array in .npy format, read without trust in what its header claims."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents

UNREADABLE = (TokenError, OverflowError, RecursionError)
"""What NumPy lets through of a header that is no Python, or claims numbers past 64 bits."""


def read_array(
    open_file: Callable[[], BinaryIO], size: int, *, alone: bool = False
) -> NDArray[Any]:
    """Read the array that a file of `size` bytes begins with.

    Parameters
    ----------
    open_file
        Opens the file at its start; it is opened twice.
    size
        How long it is at most. A header that claims more is found out before memory is taken.
    alone
        Whether nothing may come after the array. In a zip, it is at the end of a member that the
        checksum is compared.

    Raises
    ------
    ValueError
        It is damaged, is no .npy, or holds objects.
    """
    try:
        _check_header(open_file, size)
        with open_file() as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            if alone and file.read(1):
                raise ValueError("it is damaged: data after its end")
    except UNREADABLE as error:
        raise ValueError(f"its header is damaged: {error}") from error
    return array


def _check_header(open_file: Callable[[], BinaryIO], size: int) -> None:
    """Make sure that a file has as many bytes as its header claims."""
    with open_file() as file:
        shape, dtype = _header(file)
        claimed, left = math.prod(shape) * dtype.itemsize, size - file.tell()
    if not dtype.hasobject and (min(shape, default=0) < 0 or claimed > left):
        raise ValueError(
            f"it is damaged: its header claims shape {shape}, dtype {dtype}, which is "
            f"{claimed} bytes, and at most {left} are there"
        )


def map_array(path: Path) -> NDArray[Any]:
    """Map the array of an ``.npy`` file into memory, read-only: what is not used is not read.

    Raises
    ------
    ValueError
        It is damaged, is no .npy, or holds objects.
    """
    try:
        _check_header(lambda: path.open("rb"), path.stat().st_size)
        return np.lib.format.open_memmap(path, mode="r")
    except UNREADABLE as error:
        raise ValueError(f"its header is damaged: {error}") from error


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:  # 3.0 is for records with names in Unicode
        raise ValueError(f"expected an array of numbers, got .npy format {version}")
    return shape, dtype


def read_npy(path: Path) -> Contents:
    """Read one array (n_samples, n_features); the layer is named after the file."""
    try:
        array = read_array(lambda: path.open("rb"), path.stat().st_size)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"expected an .npy array of numbers, got {error}") from error
    return Contents({path.stem: array})


def open_npy(path: Path) -> Contents:
    """Open one array (n_samples, n_features); the layer is named after the file."""
    try:
        mapped = _Mapped(path)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"expected an .npy array of numbers, got {error}") from error
    return Contents({path.stem: mapped})


class _Mapped:
    """An ``.npy`` file, mapped for as long as it takes to read rows: what was read is let go."""

    def __init__(self, path: Path) -> None:
        array = map_array(path)
        self.shape = array.shape
        self.dtype = array.dtype
        self._path = path

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.array(map_array(self._path)[rows])
