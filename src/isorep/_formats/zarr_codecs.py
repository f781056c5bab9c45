"""Zarr codecs: a store of another program is decoded only by codecs that run none of its code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
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


def check_codecs(store: Path) -> None:
    """Raise ValueError unless all arrays of the zarr folder `store` use codecs that run no code.

    It reads only metadata, of zarr's formats 2 and 3, also consolidated. Call it before zarr or
    xarray opens a store that isorep did not write.
    """
    for path in _metadata_files(store):
        try:
            codecs = list(_codecs(json.loads(path.read_bytes())))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{str(path)!r} is damaged: {error}") from error
        for codec in codecs:
            if codec.removeprefix("numcodecs.") not in _CODECS:
                raise ValueError(
                    f"{str(path)!r} names the codec {codec!r}, which may run code; expected a "
                    "usual codec, such as zstd, blosc or gzip. If you trust the store, write it "
                    "anew with one of these"
                )


def _metadata_files(store: Path) -> Iterator[Path]:
    visited = set()
    for folder, folders, files in os.walk(store, followlinks=True):
        if (real := os.path.realpath(folder)) in visited:  # a link, perhaps to a folder above
            folders.clear()
            continue
        visited.add(real)
        # Some file systems ignore case.
        yield from (Path(folder, name) for name in files if name.lower() in _METADATA)


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
