"""Plain zarr: groups and arrays that other programs wrote, in zarr format 2 or 3."""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents, layer_key
from isorep._formats.json_members import read_json
from isorep._formats.xarray_groups import open_dataset, open_groups
from isorep._formats.zarr import is_ours, open_zarr
from isorep._formats.zarr_codecs import check_codecs
from isorep._utils.damaged_file import damage_as
from isorep._utils.file_state import FileState
from isorep._utils.memory import check_fits
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional
from isorep._utils.tables import as_labels

_EXPECTED = "a zarr store"
_MANY_CHUNKS = 10**4
_MOST_MISSING = 100
"""Of more than `_MANY_CHUNKS` chunks, one of this number must exist."""


def is_zarr(path: Path) -> bool:
    """Return whether a folder is an array or a group in zarr format 2 or 3."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def open_any_zarr(path: Path) -> Contents:
    """Open a store of isorep's, or of another program."""
    import_optional("zarr", "store")
    lost_header = any(path.glob(f"{layer_key(0, '')}*"))  # isorep's layers without it
    is_foreign = is_zarr(path) and not is_ours(path) and not lost_header
    return open_plain_zarr(path) if is_foreign else open_zarr(path)


def open_plain_zarr(path: Path) -> Contents:
    """Open every array, named by its path in the store; an array alone is named after the folder.

    In groups that xarray wrote, samples come first, and a coordinate has the sample ids.
    """
    check_codecs(path)
    version: Literal[2, 3] = 3 if (path / "zarr.json").is_file() else 2
    _check_not_anndata(path, version)
    nodes = dict(sorted(_arrays(path, version).items(), key=lambda node: natural_key(node[0])))
    if not nodes:
        raise ValueError("expected a zarr array or group, got a folder without arrays")
    for name, metadata in nodes.items():
        _check_chunks(path / name, metadata, version)
    with damage_as(_EXPECTED):
        arrays = {x or path.stem: _Array(path / x, version) for x in nodes}
    if "" in nodes or not all(_has_dims(path / x, nodes[x], version) for x in nodes):
        return Contents(arrays)
    for array in arrays.values():
        if len(array.shape) == 1:  # xarray may read it whole, as an index
            check_fits(array.shape[0] * array.dtype.itemsize)
    groups = dict.fromkeys(name.rpartition("/")[0] for name in nodes)
    openers = {x: partial(_open_dataset, path / x, version) for x in groups}
    return open_groups(openers, path.stem, _EXPECTED)


class _Array:
    """An array whose rows are read when they are asked for; missing chunks have the fill value."""

    def __init__(self, path: Path, version: Literal[2, 3]) -> None:
        import zarr

        self._state = FileState(path)
        self._array = zarr.open_array(path, mode="r", zarr_format=version)
        self.shape: tuple[int, ...] = self._array.shape
        self.chunks: tuple[int, ...] = self._array.chunks
        dtype = np.dtype(self._array.dtype)
        self.dtype = np.dtype(np.str_) if dtype.kind in "OT" else dtype

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        values = np.asarray(self._array[rows])
        self._state.check()  # zarr fills an array that was deleted with zeros
        return as_labels(values) if self.dtype.kind == "U" else values


def _open_dataset(path: Path, version: Literal[2, 3]) -> Any:
    # Consolidated metadata could say something else than the metadata of the arrays.
    return open_dataset(path, "zarr", consolidated=False, zarr_format=version, chunks=None)


def _arrays(path: Path, version: Literal[2, 3]) -> dict[str, dict[str, Any]]:
    """Return the metadata of every array by its path in the store; the store's own path is ""."""
    arrays = {}
    for folder, subfolders, _ in os.walk(path):
        name = "" if Path(folder) == path else Path(folder).relative_to(path).as_posix()
        if version == 2:
            metadata = _read_json(Path(folder, ".zarray"))
            is_group = Path(folder, ".zgroup").is_file()
        else:
            metadata = _read_json(Path(folder, "zarr.json"))
            is_group = metadata is not None and metadata.get("node_type") == "group"
        if metadata is not None and not is_group:
            arrays[name] = metadata
        if not is_group:
            subfolders.clear()  # chunks, or no part of the store
    return arrays


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a metadata file; None if there is no such file."""
    return read_json(path) if path.is_file() else None


def _check_chunks(folder: Path, metadata: dict[str, Any], version: Literal[2, 3]) -> None:
    """Raise ValueError for a shape that almost all chunks of are missing.

    A damaged shape can claim so many chunks that reading them, all of the fill value, never ends.
    """
    with damage_as(_EXPECTED):
        chunks = (
            metadata["chunks"]
            if version == 2
            else metadata["chunk_grid"]["configuration"]["chunk_shape"]
        )
        n_chunks = math.prod(
            math.ceil(length / size) for length, size in zip(metadata["shape"], chunks, strict=True)
        )
    if n_chunks <= _MANY_CHUNKS:
        return
    n_files = sum(len(files) for _, _, files in os.walk(folder))
    if n_files * _MOST_MISSING < n_chunks:
        raise ValueError(
            f"expected a file for each of the {n_chunks} chunks of array {folder.name!r} of shape "
            f"{metadata['shape']}, got {n_files} files: write it anew without the part that is "
            "missing"
        )


def _check_not_anndata(path: Path, version: Literal[2, 3]) -> None:
    root = _read_json(path / (".zattrs" if version == 2 else "zarr.json")) or {}
    attributes = root if version == 2 else root.get("attributes", {})
    if isinstance(attributes, dict) and attributes.get("encoding-type") == "anndata":
        raise ValueError(
            "it is an AnnData store, and isorep reads AnnData from .h5ad: "
            f"anndata.read_zarr({str(path)!r}).write_h5ad('{path.stem}.h5ad')"
        )


def _has_dims(path: Path, metadata: dict[str, Any], version: Literal[2, 3]) -> bool:
    """Return whether xarray knows the dimensions of an array."""
    if version == 2:
        return "_ARRAY_DIMENSIONS" in (_read_json(path / ".zattrs") or {})
    names = metadata.get("dimension_names")
    return isinstance(names, list) and None not in names
