"""Zarr codecs: a store of another program is decoded only by codecs that run none of its code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# fmt: off
# Names of format 3, and ids of numcodecs, which format 2 uses. Not here: pickle, which runs code
# of the file, and codecs of plugins, which nobody has checked.
_CODECS = {
    "adler32", "astype", "base64", "bitround", "blosc", "bytes", "bz2", "categorize", "crc32",
    "crc32c", "delta", "endian", "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3",
    "json2", "lz4", "lzma", "packbits", "pcodec", "quantize", "sharding_indexed", "shuffle",
    "transpose", "vlen-array", "vlen-bytes", "vlen-utf8", "zfpy", "zlib", "zstd",
}
# fmt: on
_METADATA = (".zarray", ".zmetadata", "zarr.json")
_CODEC_LISTS = ("filters", "compressor", "codecs", "index_codecs", "storage_transformers")


def check_codecs(store: Path, metadata: Sequence[str] = _METADATA) -> None:
    """Raise ValueError unless all arrays of the zarr folder `store` use codecs that run no code.

    It reads only metadata, of zarr's formats 2 and 3, also consolidated, and lists no chunks. A
    link to a folder or metadata outside of the store is refused. Call it before zarr or xarray
    opens a store.

    Parameters
    ----------
    store
        Path of the store.
    metadata
        Names of the files of metadata: those of the format in which the store is opened.
    """
    root = os.path.realpath(store)
    waiting = [store]
    visited = set()
    while waiting:
        folder = waiting.pop()
        if (real := _real_path(folder, root)) in visited:  # a link, perhaps to a folder above
            continue
        visited.add(real)
        found = {name: folder / name for name in metadata if (folder / name).is_file()}
        nodes = {name: _checked_metadata(path, root) for name, path in found.items()}
        is_group = (
            (folder / ".zgroup").is_file()
            or ".zmetadata" in nodes
            or nodes.get("zarr.json", {}).get("node_type") == "group"
        )
        if is_group or not nodes:  # in an array there are only chunks
            waiting += sorted(Path(entry) for entry in os.scandir(folder) if entry.is_dir())


def _real_path(path: Path, root: str) -> str:
    """Return the path without links; raise ValueError if it leaves the store `root`."""
    real = os.path.realpath(path)
    if not Path(real).is_relative_to(root):
        raise ValueError(
            f"{str(path)!r} is a link out of the store; expected all of the store in one folder: "
            "copy the target of the link into the store"
        )
    return real


def _checked_metadata(path: Path, root: str) -> dict[str, Any]:
    """Return the object in a file of metadata whose codecs run no code."""
    _real_path(path, root)
    try:
        metadata = json.loads(path.read_bytes())
        codecs = list(_codecs(metadata))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}") from error
    for codec in codecs:
        if codec.removeprefix("numcodecs.") not in _CODECS:
            raise ValueError(
                f"{str(path)!r} names the codec {codec!r}, which may run code; expected a usual "
                "codec, such as zstd, blosc or gzip. If you trust the store, write it anew with "
                "one of these"
            )
    checked: dict[str, Any] = metadata
    return checked


def _codecs(metadata: Any) -> Iterator[str]:
    """Return the names of all codecs in metadata, also within shards and consolidated metadata."""
    if not isinstance(metadata, dict):
        raise ValueError(f"expected an object, got a {type(metadata).__name__}")
    for key in _CODEC_LISTS:
        codecs = metadata.get(key) or []
        for codec in codecs if isinstance(codecs, list) else [codecs]:
            if isinstance(codec, dict):
                yield str(codec.get("id", codec.get("name")))
                yield from _codecs(codec.get("configuration") or {})
            else:
                yield str(codec)
    # Consolidated metadata: of format 3 in zarr.json, of format 2 in .zmetadata.
    consolidated = metadata.get("consolidated_metadata") or metadata
    for key, nested in (consolidated.get("metadata") or {}).items():
        if not key.endswith(".zattrs"):
            yield from _codecs(nested)
