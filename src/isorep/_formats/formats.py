"""Formats: one row for each suffix or kind of folder. A new file format is one file and one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from isorep._formats.activation_cache import is_activation_cache, open_activation_cache
from isorep._formats.anndata import open_anndata
from isorep._formats.arrow import open_arrow
from isorep._formats.delimited import read_delimited
from isorep._formats.hdf5 import open_hdf5
from isorep._formats.header import Contents
from isorep._formats.matlab import open_matlab
from isorep._formats.netcdf import open_netcdf
from isorep._formats.npy import open_npy, read_npy
from isorep._formats.npz import read_npz, write_npz
from isorep._formats.nwb import open_nwb
from isorep._formats.parquet import is_parquet_folder, open_parquet, open_parquet_folder
from isorep._formats.plain_zarr import is_zarr, open_any_zarr
from isorep._formats.saev_shards import is_saev_shards, open_saev_shards
from isorep._formats.safetensors import open_safetensors
from isorep._formats.saved_dataset import is_saved_dataset, open_saved_dataset
from isorep._formats.shards import INDEX, is_folder_of_arrays, open_folder, open_index
from isorep._formats.torch_file import open_tensors, read_tensors
from isorep._formats.zarr import write_zarr
from isorep._utils.atomic import target_of
from isorep._utils.entry_points import EntryPoints


def _suffix(name: str) -> str:
    return f".{name.lower().removeprefix('.')}"


PLUGINS = EntryPoints("isorep.readers", "reader", _suffix)
"""Entry points by which other packages add formats; their names are suffixes."""


@dataclass(frozen=True)
class Format:
    """The functions for the files of one suffix, or for folders of one kind.

    A function is None where a format has no such function.

    Attributes
    ----------
    holds
        What the file holds and who writes it, for people.
    read
        Returns the contents of a file, with all arrays in memory.
    open
        Returns the contents of a file, with arrays whose rows are read when they are asked for.
        A format has `read`, `open` or both.
    write
        Writes contents to a path, whole or not at all.
    recognise
        Returns whether a folder is of this kind; only for folders without a suffix.
    ids
        Whether such files can say which samples they hold.
    extra
        Extra of isorep that installs the library that reads the format; empty if none is needed.

    Examples
    --------
    >>> import numpy as np
    >>> from isorep.storage import Contents, Format
    >>> text = Format("a table of numbers", read=lambda path: Contents({"table": np.loadtxt(path)}))
    >>> text.holds, text.write is None
    ('a table of numbers', True)
    """

    holds: str = ""
    read: Callable[[Path], Contents] | None = None
    open: Callable[[Path], Contents] | None = None
    write: Callable[[Contents, Path], None] | None = None
    recognise: Callable[[Path], bool] | None = None
    ids: bool = False
    extra: str = ""


_HDF5 = Format("a layer for each dataset", open=open_hdf5, extra="hdf5")
_ARROW = Format(
    "columns of numbers as one layer; a layer for each column of lists",
    open=open_arrow,
    ids=True,
    extra="arrow",
)
_TORCH = Format("a layer for each tensor of torch.save", read_tensors, open_tensors, extra="torch")
_DELIMITED = Format(
    "columns of numbers as one layer; a header names them", read_delimited, ids=True
)

FORMATS = {
    ".npz": Format(
        "layers that isorep saved; or a layer for each array of np.savez",
        read=read_npz,
        write=write_npz,
        ids=True,
    ),
    ".zarr": Format(
        "layers that isorep saved or captures; or a layer for each array of zarr or xarray",
        open=open_any_zarr,
        write=write_zarr,
        ids=True,
        extra="store",
    ),
    ".npy": Format("one layer, named after the file", read_npy, open_npy),
    ".safetensors": Format("a layer for each tensor", open=open_safetensors, extra="safetensors"),
    INDEX: Format(
        "a layer for each tensor, of several files", open=open_index, extra="safetensors"
    ),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".mat": Format("a layer for each variable of MATLAB", open=open_matlab, extra="hdf5"),
    ".csv": _DELIMITED,
    ".tsv": _DELIMITED,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".parquet": Format(
        "columns of numbers as one layer; a layer for each column of lists",
        open=open_parquet,
        ids=True,
        extra="parquet",
    ),
    ".arrow": _ARROW,
    ".feather": _ARROW,
    ".nc": Format(
        "a layer for each variable of netCDF", open=open_netcdf, ids=True, extra="netcdf"
    ),
    ".nwb": Format("a layer for each time series and table column", open=open_nwb, extra="hdf5"),
    ".h5ad": Format("X, layers and obsm of AnnData", open=open_anndata, ids=True, extra="hdf5"),
}
"""Suffix to format, in the order in which errors list the suffixes."""

FOLDERS = {
    "Hugging Face dataset": Format(
        "a dataset of save_to_disk: a layer for each column of lists",
        open=open_saved_dataset,
        recognise=is_saved_dataset,
        extra="arrow",
    ),
    "parquet files": Format(
        "parts of one table, such as train-00000-of-00002.parquet",
        open=open_parquet_folder,
        recognise=is_parquet_folder,
        ids=True,
        extra="parquet",
    ),
    "activation cache": Format(
        "memmap shards of dictionary_learning, a layer for each folder",
        open=open_activation_cache,
        recognise=is_activation_cache,
    ),
    "saev shards": Format(
        "activation shards of saev, a layer for each layer number",
        open=open_saev_shards,
        recognise=is_saev_shards,
    ),
    "zarr": Format(
        "a layer for each array of zarr or xarray",
        open=open_any_zarr,
        ids=True,
        recognise=is_zarr,
        extra="store",
    ),
    "files of arrays": Format(
        "files of .npy, .safetensors or .pt: a layer each, or parts of layers",
        open=open_folder,
        recognise=is_folder_of_arrays,
    ),
}
"""Kind of folder to format; the first that recognises a folder reads it."""

TABLE_HEADINGS = ("format", "layers", "larger than memory", "sample ids", "extra")

_WRITABLE = tuple(suffix for suffix, row in FORMATS.items() if row.write is not None)


def find_format(path: Path) -> Format | None:
    """Return the format of a file or folder, by its suffix or by what the folder holds.

    isorep's own formats come before those of other packages.

    Raises
    ------
    ImportError, TypeError
        If the package that reads the suffix cannot be imported, or offers no reader.
    """
    suffix = _suffix_of(path)
    if suffix in FORMATS:
        return FORMATS[suffix]
    if suffix:
        return _load_plugin(suffix)
    return _kind_of_folder(path)


def has_format(path: Path) -> bool:
    """Return whether `find_format` knows a format for the path; imports no package."""
    return bool(_suffix_of(path)) or _kind_of_folder(path) is not None


def suffixes() -> tuple[str, ...]:
    """Return all suffixes, those of other packages last."""
    return *FORMATS, *(suffix for suffix in PLUGINS.names if suffix not in FORMATS)


def table_of_formats() -> list[tuple[str, ...]]:
    """Return a row for each format, under the headings `TABLE_HEADINGS`; packages come last."""
    names: dict[int, list[str]] = {}  # formats of several suffixes share a row
    formats = {id(row): row for row in (*FORMATS.values(), *FOLDERS.values())}
    for name, row in FORMATS.items():
        names.setdefault(id(row), []).append(name)
    names |= {id(row): [f"folder: {name}"] for name, row in FOLDERS.items()}
    rows: list[tuple[str, ...]] = [
        (
            ", ".join(names[key]),
            row.holds,
            "yes" if row.open is not None else "no",
            "yes" if row.ids else "no",
            row.extra,
        )
        for key, row in formats.items()
    ]
    for suffix in PLUGINS.names:
        if suffix not in FORMATS:
            rows.append((suffix, f"read by the package {PLUGINS.packages(suffix)}", "", "", ""))
    return rows


def one_of(suffixes: Sequence[str]) -> str:
    """Return the suffixes as a list in words.

    Examples
    --------
    >>> one_of((".npz", ".zarr", ".npy"))
    '.npz, .zarr or .npy'
    """
    *most, last = suffixes
    return f"{', '.join(most)} or {last}" if most else last


def write(contents: Contents, path: str | PathLike[str]) -> None:
    """Write contents to a file, in the format that its suffix names; see `isorep.storage.save`."""
    path = Path(path)
    row = FORMATS.get(path.suffix.lower(), Format())
    if row.write is None:
        raise ValueError(
            f"cannot save to {str(path)!r}: expected a name ending in {one_of(_WRITABLE)}"
        )
    row.write(contents, target_of(path, "save to"))


def _suffix_of(path: Path) -> str:
    """Return the longest known suffix that a name ends in; empty if there is none."""
    name = path.name.lower()
    built_in = [suffix for suffix in FORMATS if name.endswith(suffix)]
    if built_in or not path.suffix:  # packages are only listed when they may be needed
        return max(built_in, key=len, default="")
    return max((suffix for suffix in PLUGINS.names if name.endswith(suffix)), key=len, default="")


def _kind_of_folder(path: Path) -> Format | None:
    if not path.is_dir():
        return None
    kinds = FOLDERS.values()
    return next((row for row in kinds if row.recognise is not None and row.recognise(path)), None)


def _load_plugin(suffix: str) -> Format:
    reader = PLUGINS.load(suffix)
    if isinstance(reader, Format):
        return reader
    if not callable(reader):
        raise TypeError(
            f"{PLUGINS.place(suffix)} is a {type(reader).__name__}; expected an "
            "isorep.storage.Format, or a function of a path that returns isorep.storage.Contents"
        )
    return Format(read=reader)
