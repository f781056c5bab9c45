"""Npz: an uncompressed zip of .npy arrays, with our header or without."""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import HEADER, Contents, from_arrays, to_arrays
from isorep._formats.npy import read_array
from isorep._utils.atomic import new_file

_DEFLATE_RATIO = 1032
"""The most bytes that one byte of deflated data can stand for."""


def write_npz(contents: Contents, path: Path) -> None:
    """Write `contents` to the file `path`."""
    if path.is_dir():
        raise ValueError(f"cannot save to {str(path)!r}: it is a folder")
    arrays: dict[str, Any] = to_arrays(contents)
    with new_file(path) as file:
        np.savez(file, **arrays)


def read_npz(path: Path) -> Contents:
    """Read what `write_npz` wrote, or a layer for each array of any other ``.npz``."""
    try:
        arrays = members(path)
    # RuntimeError: an unknown kind of compression, or a password.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"expected an .npz (a zip of .npy arrays), got {error}") from error
    return from_arrays(arrays) if HEADER in arrays else Contents(arrays)


def members(path: Path) -> dict[str, NDArray[Any]]:
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
            try:
                open_member = partial(_open, archive, info)
                arrays[name] = read_array(open_member, _largest_size(info, path), alone=True)
            except ValueError as error:
                raise ValueError(f"array {name!r}: {error}") from error
    return arrays


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast(BinaryIO, archive.open(info))


def _largest_size(info: zipfile.ZipInfo, path: Path) -> int:
    """Return the largest possible size of a member, since its recorded size may be damaged too."""
    packed = min(info.compress_size, path.stat().st_size)
    ratio = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE_RATIO}.get(info.compress_type)
    return info.file_size if ratio is None else min(info.file_size, ratio * packed)
