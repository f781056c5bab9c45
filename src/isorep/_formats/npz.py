"""Npz: an uncompressed zip of .npy arrays, with our header or without."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import HEADER, Contents, from_arrays, to_arrays
from isorep._formats.npy import read_array, read_shape
from isorep._utils.atomic import new_file

_DEFLATE_RATIO = 1032
"""The most bytes that one byte of deflated data can stand for."""

_END_BYTES = 22
"""Length of the record at the end of a zip."""

_UNLISTED = 0xFFFF
"""Number of members that stands for "more than this, see elsewhere"."""

# RuntimeError: an unknown kind of compression, or a password.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
)
"""What a damaged zip raises."""


def write_npz(contents: Contents, path: Path) -> None:
    """Write `contents` to the file `path`."""
    if path.is_dir():
        raise ValueError(f"cannot save to {str(path)!r}: it is a folder")
    arrays: dict[str, Any] = to_arrays(contents)
    with new_file(path) as file:
        np.savez(file, **arrays)


def read_npz(path: Path) -> Contents:
    """Read what `write_npz` wrote, or open every array of any other ``.npz``.

    These are read when they are asked for, so that a pickled one does no harm to the others.
    """
    try:
        arrays = members(path)
        if HEADER not in arrays:
            return Contents(arrays)
        return from_arrays({name: np.asarray(member) for name, member in arrays.items()})
    except _DAMAGE as error:
        raise ValueError(f"expected an .npz (a zip of .npy arrays), got {error}") from error


def members(path: Path) -> dict[str, Member]:
    """Return every array of the file by name, in order.

    ``np.load`` is not used: it falls back to other formats, and takes "x" and "x.npy" for the same.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                raise ValueError(
                    f"expected an .npz (a zip of .npy arrays), got a zip with {info.filename!r}"
                )
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it holds two arrays called {name!r}, and only one can be meant")
            arrays[name] = Member(path, archive, info)
        if _n_listed(path) not in (len(arrays), _UNLISTED):
            raise ValueError(f"it is damaged: some of its {_n_listed(path)} arrays are missing")
    return arrays


def _n_listed(path: Path) -> int:
    """Return the number of members at the end of a zip, which `zipfile` does not compare."""
    with path.open("rb") as file:
        file.seek(-_END_BYTES, os.SEEK_END)
        end = file.read()
    # Only a zip with a comment, which NumPy does not write, ends in anything else.
    return int.from_bytes(end[10:12], "little") if end.startswith(b"PK\5\6") else _UNLISTED


class Member:
    """An array of an ``.npz``, which is read when it is asked for."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._path = path
        self._info = info
        self._name = info.filename.removesuffix(".npy")
        try:
            self.shape, self.dtype = read_shape(
                partial(_open, archive, info), _largest_size(info, path)
            )
        except ValueError as error:
            raise ValueError(f"array {self._name!r}: {error}") from error

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                open_member = partial(_open, archive, self._info)
                size = _largest_size(self._info, self._path)
                array = read_array(open_member, size)
        except (ValueError, *_DAMAGE) as error:
            raise ValueError(f"array {self._name!r}: {error}") from error
        return array.astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        values: NDArray[Any] = np.asarray(self)[rows]
        return values


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast(BinaryIO, archive.open(info))


def _largest_size(info: zipfile.ZipInfo, path: Path) -> int:
    """Return the largest possible size of a member, since its recorded size may be damaged too."""
    packed = min(info.compress_size, path.stat().st_size)
    ratio = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE_RATIO}.get(info.compress_type)
    return info.file_size if ratio is None else min(info.file_size, ratio * packed)
