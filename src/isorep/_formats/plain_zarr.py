"""Plain zarr: groups and arrays that other programs wrote, in zarr format 2 or 3.

The metadata of each array is checked before anything is decoded: only codecs that compress or
transform numbers and texts are allowed. Others, such as pickle, could run code from the store.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._formats.xarray_groups import DECODING, open_groups
from isorep._utils.natural_order import natural_key
from isorep._utils.tables import as_labels

_CODECS_2 = {
    *("adler32", "astype", "bitround", "blosc", "bz2", "crc32", "crc32c", "delta"),
    *("fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits"),
    *("quantize", "shuffle", "vlen-utf8", "zlib", "zstd"),
}
_CODECS_3 = {
    *("blosc", "bytes", "crc32c", "gzip", "sharding_indexed", "transpose", "vlen-utf8", "zstd"),
}
_DTYPE_KEYS = ("dtype", "astype", "encode_dtype", "decode_dtype")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is an array or a group in zarr format 2 or 3."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def open_plain_zarr(path: Path) -> Contents:
    """Open every array, named by its path in the store; an array alone is named after the folder.

    In groups that xarray wrote, samples come first, and a coordinate has the sample ids.
    """
    version: Literal[2, 3] = 3 if (path / "zarr.json").is_file() else 2
    nodes = dict(sorted(_arrays(path, version).items(), key=lambda node: natural_key(node[0])))
    if not nodes:
        raise ValueError("expected a zarr array or group, got a folder without arrays")
    for name, metadata in nodes.items():
        _check(name or path.stem, metadata, version)
    try:
        if "" not in nodes and all(_has_dims(path / x, nodes[x], version) for x in nodes):
            groups = dict.fromkeys(name.rpartition("/")[0] for name in nodes)
            return open_groups(
                {x: partial(_open_dataset, path / x, version) for x in groups}, path.stem
            )
        return Contents({x or path.stem: _Array(path / x, version) for x in nodes})
    # Damaged metadata can raise anything, depending on the parser.
    except Exception as error:
        raise ValueError(f"the store is damaged: {error}") from error


class _Array:
    """An array whose rows are read when they are asked for; missing chunks have the fill value."""

    def __init__(self, path: Path, version: Literal[2, 3]) -> None:
        import zarr

        self._array = zarr.open_array(path, mode="r", zarr_format=version)
        self.shape: tuple[int, ...] = self._array.shape
        self.chunks: tuple[int, ...] = self._array.chunks
        dtype = np.dtype(self._array.dtype)
        self.dtype = np.dtype(np.str_) if dtype.kind in "OT" else dtype

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        values = np.asarray(self._array[rows])
        return as_labels(values) if self.dtype.kind == "U" else values


def _open_dataset(path: Path, version: Literal[2, 3]) -> Any:
    import xarray

    # Consolidated metadata could say something else than the metadata that was checked.
    options = {"consolidated": False, "zarr_format": version, "chunks": None}
    return xarray.open_dataset(path, engine="zarr", **options, **DECODING)


def _arrays(path: Path, version: Literal[2, 3]) -> dict[str, dict[str, Any]]:
    """Return the metadata of every array by its path in the store; the store's own path is ""."""
    arrays = {}
    seen = set()
    # zarr follows links, so the metadata behind them must be checked as well.
    for folder, subfolders, _ in os.walk(path, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            raise ValueError(f"expected a tree of folders, got a link back to {real!r}")
        seen.add(real)
        name = Path(folder).relative_to(path).as_posix().removeprefix(".")
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
    if not path.is_file():
        return None
    try:
        metadata = json.loads(path.read_bytes())
        if not isinstance(metadata, dict):
            raise ValueError(f"expected an object, got {metadata!r:.40}")
    except (OSError, ValueError, RecursionError) as error:
        place = f"{path.parent.name}/{path.name}"
        raise ValueError(f"the store is damaged: {place}: {error}") from error
    return metadata


def _has_dims(path: Path, metadata: dict[str, Any], version: Literal[2, 3]) -> bool:
    """Return whether xarray knows the dimensions of an array."""
    if version == 2:
        return "_ARRAY_DIMENSIONS" in (_read_json(path / ".zattrs") or {})
    names = metadata.get("dimension_names")
    return isinstance(names, list) and None not in names


def _check(name: str, metadata: dict[str, Any], version: Literal[2, 3]) -> None:
    """Raise ValueError unless the format allows nothing but numbers and texts to be decoded."""
    try:
        if metadata["zarr_format"] != version:
            raise ValueError(f"expected zarr format {version}, got {metadata['zarr_format']!r}")
        if version == 3:
            codecs, allowed = _codecs_3(metadata["codecs"]), _CODECS_3
        else:
            codecs, allowed = _codecs_2(metadata), _CODECS_2
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the store is damaged: array {name!r}: {error!r}") from error
    for codec in codecs:
        if codec not in allowed:
            raise ValueError(
                f"array {name!r} is encoded by {codec!r}; expected one of "
                f"{', '.join(sorted(allowed))}. Other codecs are refused, since some run code from "
                "the file: open the array with zarr if you trust it, and pass it as an array"
            )


def _codecs_3(codecs: list[Any]) -> list[Any]:
    names = []
    for codec in codecs:
        name = codec if isinstance(codec, str) else codec["name"]
        names.append(name)
        if name == "sharding_indexed":
            inner = codec["configuration"]
            names += _codecs_3(inner["codecs"]) + _codecs_3(inner.get("index_codecs", []))
    return names


def _codecs_2(metadata: dict[str, Any]) -> list[Any]:
    filters, compressor = metadata.get("filters"), metadata.get("compressor")
    codecs = [*(filters or []), *([compressor] if compressor else [])]
    ids = [codec["id"] for codec in codecs]
    is_text = metadata["dtype"] == "|O" and ids[:1] == ["vlen-utf8"] and "vlen-utf8" not in ids[1:]
    kinds = [codec[key] for codec in codecs for key in _DTYPE_KEYS if key in codec]
    if any(map(_has_objects, [*kinds, *([] if is_text else [metadata["dtype"]])])):
        raise ValueError(f"expected numbers or texts, got objects of dtype {metadata['dtype']!r}")
    return ids


def _has_objects(dtype: Any) -> bool:
    if isinstance(dtype, list):  # a record: name, dtype and perhaps shape of each field
        return any(_has_objects(field[1]) for field in dtype)
    return np.dtype(dtype).hasobject
