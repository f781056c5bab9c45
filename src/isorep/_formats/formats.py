"""Formats: one row for each suffix. A new file format is one file and one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from isorep._formats.anndata import open_anndata
from isorep._formats.arrow import open_arrow
from isorep._formats.hdf5 import open_hdf5
from isorep._formats.header import Contents
from isorep._formats.netcdf import open_netcdf
from isorep._formats.npy import open_npy, read_npy
from isorep._formats.npz import read_npz, write_npz
from isorep._formats.nwb import open_nwb
from isorep._formats.parquet import open_parquet
from isorep._formats.plain_zarr import open_any_zarr
from isorep._formats.safetensors import read_safetensors
from isorep._formats.zarr import write_zarr
from isorep._utils.atomic import target_of


@dataclass(frozen=True)
class Format:
    """The functions for the files of one suffix; None where a format has no such function.

    Attributes
    ----------
    read
        Returns the contents of a file, with all arrays in memory.
    open
        Returns the contents of a file, with arrays whose rows are read when they are asked for.
        A format has `read`, `open` or both.
    write
        Writes contents to a path, whole or not at all.
    """

    read: Callable[[Path], Contents] | None = None
    open: Callable[[Path], Contents] | None = None
    write: Callable[[Contents, Path], None] | None = None


FORMATS = {
    ".npz": Format(read=read_npz, write=write_npz),
    ".zarr": Format(open=open_any_zarr, write=write_zarr),
    ".npy": Format(read=read_npy, open=open_npy),
    ".safetensors": Format(read=read_safetensors),
    ".h5": Format(open=open_hdf5),
    ".hdf5": Format(open=open_hdf5),
    ".parquet": Format(open=open_parquet),
    ".arrow": Format(open=open_arrow),
    ".feather": Format(open=open_arrow),
    ".nc": Format(open=open_netcdf),
    ".nwb": Format(open=open_nwb),
    ".h5ad": Format(open=open_anndata),
}
"""Suffix to format, in the order in which errors list the suffixes."""

OPENABLE = tuple(suffix for suffix, row in FORMATS.items() if row.open is not None)
"""Suffixes of the formats that can be read a few rows at a time."""

_WRITABLE = tuple(suffix for suffix, row in FORMATS.items() if row.write is not None)


def one_of(suffixes: tuple[str, ...]) -> str:
    """Return the suffixes as a list in words.

    Examples
    --------
    >>> one_of((".npz", ".zarr", ".npy"))
    '.npz, .zarr or .npy'
    """
    *most, last = suffixes
    return f"{', '.join(most)} or {last}"


def write(contents: Contents, path: str | PathLike[str]) -> None:
    """Write contents to a file, in the format that its suffix names; see `isorep.storage.save`."""
    path = Path(path)
    row = FORMATS.get(path.suffix.lower(), Format())
    if row.write is None:
        raise ValueError(
            f"cannot save to {str(path)!r}: expected a name ending in {one_of(_WRITABLE)}"
        )
    row.write(contents, target_of(path, "save to"))
