"""Npy: one array in .npy format. Nothing that the header claims is trusted before it is checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._utils.memory import check_fits

_BAD_HEADER = (TokenError, OverflowError, RecursionError)
"""What NumPy raises for a header that is no Python, or claims numbers past 64 bits."""


def read_array(open_file: Callable[[], BinaryIO], size: int) -> NDArray[Any]:
    """Read the array of a file of `size` bytes, which holds nothing else.

    Parameters
    ----------
    open_file
        Opens the file at its start. It is called twice.
    size
        Largest possible size of the file in bytes. A header that claims more raises an error before
        memory is allocated.

    Raises
    ------
    ValueError
        The file is damaged, is no .npy, or holds objects.
    """
    try:
        shape, dtype = _checked_header(open_file, size)
        _check_no_objects(dtype)
        check_fits(math.prod(shape) * dtype.itemsize)
        with open_file() as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
            # In a zip, the checksum of a member is compared only when its end is read.
            if file.read(1):
                raise ValueError("it is damaged: data after its end")
    except _BAD_HEADER as error:
        raise ValueError(f"its header is damaged: {error}") from error
    return array


def read_shape(
    open_file: Callable[[], BinaryIO], size: int
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and dtype of the array at the start of a file of `size` bytes.

    Raises
    ------
    ValueError
        The file is no .npy, or its header claims more bytes than the file can have.
    """
    try:
        return _checked_header(open_file, size)
    except _BAD_HEADER as error:
        raise ValueError(f"its header is damaged: {error}") from error


def _checked_header(
    open_file: Callable[[], BinaryIO], size: int
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with open_file() as file:
        shape, dtype = _header(file)
        claimed, available = math.prod(shape) * dtype.itemsize, size - file.tell()
    if not dtype.hasobject and (min(shape, default=0) < 0 or claimed > available):
        raise ValueError(
            f"it is damaged: its header claims shape {shape}, dtype {dtype}, which is "
            f"{claimed} bytes, and the file has at most {available}"
        )
    return shape, dtype


def _check_no_objects(dtype: np.dtype[Any]) -> None:
    if dtype.hasobject:
        raise ValueError(
            "an array of Python objects. NumPy stores them as a pickle, and pickles are never "
            "loaded, since they can run code: save texts, array.astype(str), or numbers, "
            "array.astype(float)"
        )


def _map_array(path: Path) -> NDArray[Any]:
    """Map the array of an ``.npy`` file into memory, read-only; unused parts are not read.

    Raises
    ------
    ValueError
        The file is damaged, is no .npy, or holds objects.
    """
    try:
        _, dtype = _checked_header(lambda: path.open("rb"), path.stat().st_size)
        _check_no_objects(dtype)
        array = np.lib.format.open_memmap(path, mode="r")
        if array.offset + array.nbytes < path.stat().st_size:
            raise ValueError("it is damaged: data after its end")
        return array
    except _BAD_HEADER as error:
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
    return _contents(path, lambda: read_array(lambda: path.open("rb"), path.stat().st_size))


def open_npy(path: Path) -> Contents:
    """Open one array (n_samples, n_features); the layer is named after the file."""
    return _contents(path, lambda: _Mapped(path))


def _contents(path: Path, read: Callable[[], Any]) -> Contents:
    try:
        return Contents({path.stem: read()})
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"expected an .npy array of numbers, got {error}") from error


class _Mapped:
    """An ``.npy`` file that is mapped only while rows are read, so that memory is freed again."""

    def __init__(self, path: Path) -> None:
        array = _map_array(path)
        self.shape = array.shape
        self.dtype = array.dtype
        self._path = path

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.array(_map_array(self._path)[rows])
