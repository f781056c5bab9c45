"""HDF5 dataset: arrays whose file is open only while rows are read."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.damaged_file import damage_as
from isorep._utils.optional import import_optional

_HEAP = b"GCOL\1\0\0\0"
"""Signature and version of a global heap, which holds texts and lists of several lengths."""

_HEAP_HEADER = 16
"""Bytes in front of a heap, and in front of each object in it."""

_MOST_SEARCHED = 2**28


def check_own_data(path: Path, expected: str) -> None:
    """Raise ValueError if an HDF5 file takes data from other files, or is no such file.

    A file of somebody else could name any file of this machine.

    Parameters
    ----------
    path
        Path of the file.
    expected
        What the file should be, in the error for a file that is damaged.
    """
    h5py = import_optional("h5py", "hdf5")

    def link_elsewhere(name: str, link: Any) -> str | None:
        is_external = isinstance(link, h5py.ExternalLink)
        return f"{name!r} is a link to the file {link.filename!r}" if is_external else None

    def data_elsewhere(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external:
            return f"dataset {name!r} is stored in other files, such as {item.external[0][0]!r}"
        return f"dataset {name!r} is virtual, made of other datasets" if item.is_virtual else None

    with damage_as(expected):
        _check_heaps(path)
    with damage_as(expected), h5py.File(path) as file:
        reason = file.visititems_links(link_elsewhere) or file.visititems(data_elsewhere)
    if reason:
        raise ValueError(
            f"{reason}, and isorep reads no file that was not named to it: copy the data into "
            "the file"
        )


def _check_heaps(path: Path) -> None:
    """Raise ValueError for a heap of texts with free space of 0 bytes, in which HDF5 loops forever.

    A large file is not looked through.
    """
    size = path.stat().st_size
    if not 0 < size <= _MOST_SEARCHED:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        heap = content.find(_HEAP)
        while heap >= 0 and heap + _HEAP_HEADER <= size:
            (n_bytes,) = struct.unpack_from("<Q", content, heap + len(_HEAP))
            end = min(size, heap + n_bytes)
            place = heap + _HEAP_HEADER
            while place + _HEAP_HEADER <= end:
                index, _, n_bytes = struct.unpack_from("<HHxxxxQ", content, place)
                if not index and not n_bytes:
                    raise ValueError("it is damaged: a heap of texts has free space of 0 bytes")
                place += -(-n_bytes // 8) * 8 + (_HEAP_HEADER if index else 0)
            heap = content.find(_HEAP, heap + 1)


class Dataset:
    """A dataset whose file is open only while rows are read, so that no handle stays open.

    Parameters
    ----------
    path
        Path of the file.
    dataset
        The open dataset of h5py.
    reverse
        Whether its axes are in the reverse order, as MATLAB writes them.
    """

    def __init__(self, path: Path, dataset: Any, *, reverse: bool = False) -> None:
        step = -1 if reverse else 1
        self.shape: tuple[int, ...] = dataset.shape[::step]
        self.dtype: np.dtype[Any] = dataset.dtype
        self.chunks = dataset.chunks[::step] if dataset.chunks else None
        self._path = path
        self._name = dataset.name
        self._reverse = reverse

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        h5py = import_optional("h5py", "hdf5")
        with h5py.File(self._path) as file:
            dataset = file[self._name]
            if h5py.check_string_dtype(dataset.dtype):
                dataset = dataset.asstr()
            values: NDArray[Any] = dataset[(..., rows) if self._reverse else rows]
        return values.T if self._reverse else values


class ItemRows:
    """A dataset or a group that is one array, whose rows a function reads from the open file.

    Parameters
    ----------
    path, name
        The file, and the path of the array in it.
    shape, dtype
        Shape and dtype of the array.
    read
        Function ``(item of h5py, slice of rows) -> array``.
    chunks
        Shape of its chunks, if it is stored in chunks.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[Any, slice], NDArray[Any]],
        chunks: tuple[int, ...] | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.chunks = chunks
        self._path = path
        self._name = name
        self._read = read

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        rows = slice(*rows.indices(self.shape[0]))
        with import_optional("h5py", "hdf5").File(self._path) as file:
            return self._read(file[self._name], rows)
