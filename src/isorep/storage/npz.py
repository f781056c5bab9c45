"""Npz: one uncompressed zip of .npy arrays, ours (with a header) or from elsewhere."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.representation import Representations
from isorep.storage.atomic import new_file
from isorep.storage.record import HEADER, from_arrays, to_arrays


def write(representations: Representations, path: Path) -> None:
    """Write `representations` to the file `path`."""
    if path.is_dir():
        raise ValueError(f"cannot save to {str(path)!r}: it is a folder")
    arrays: dict[str, Any] = to_arrays(representations)
    with new_file(path) as file:
        np.savez(file, **arrays)


def read(path: Path) -> Representations:
    """Read what `write` wrote, or a layer for each array of an ``.npz`` from elsewhere."""
    try:
        arrays = _members(path)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"expected an .npz (a zip of .npy arrays), got {error}") from error
    return from_arrays(arrays) if HEADER in arrays else Representations(arrays)


def _members(path: Path) -> dict[str, NDArray[Any]]:
    """Read every array, in order.

    Not through ``np.load``, which falls back to other formats and looks "x" up as "x.npy".
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                raise ValueError(
                    f"expected an .npz (a zip of .npy arrays), got a zip with {info.filename!r}"
                )
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as member:
                try:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
                except ValueError as error:
                    raise ValueError(f"array {name!r}: {error}") from error
                # An array stops short of the member's end, where the checksum is compared.
                if member.read(1):
                    raise ValueError(f"array {name!r} is damaged: data after its end")
    return arrays
