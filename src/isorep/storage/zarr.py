"""Zarr: a folder of compressed chunks, with checksums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.representation import Representations
from isorep.storage.atomic import new_folder
from isorep.storage.record import HEADER, from_arrays, to_arrays


def write(representations: Representations, path: Path) -> None:
    """Write `representations` to the folder `path`; only a store of ours is overwritten."""
    import zarr
    from zarr.codecs import ZstdCodec

    if path.exists() and not _is_ours(path):
        raise ValueError(
            f"cannot save to {str(path)!r}: it exists and is no store of isorep's; "
            "remove it or choose another name"
        )
    with new_folder(path) as folder:
        group = zarr.open_group(folder, mode="w", zarr_format=3)
        for key, array in to_arrays(representations).items():
            stored = group.create_array(
                key,
                shape=array.shape,
                dtype=array.dtype,
                compressors=[ZstdCodec(level=1, checksum=True)],
                # Otherwise a chunk of zeros would look the same as a chunk that was lost.
                config={"write_empty_chunks": True},
            )
            stored[...] = array


def read(path: Path) -> Representations:
    """Read what `write` wrote."""
    if not _is_ours(path):
        raise ValueError("expected a .zarr folder that isorep saved; its header is missing")
    import zarr

    try:
        group = zarr.open_group(path, mode="r")
        arrays = {key: _whole(key, array) for key, array in group.arrays()}
    # A damaged chunk or metadata file fails in whatever codec or parser meets it.
    except Exception as error:
        raise ValueError(f"the store is damaged: {error}") from error
    return from_arrays(arrays)


def _is_ours(path: Path) -> bool:
    return (path / HEADER / "zarr.json").is_file()


def _whole(key: str, array: Any) -> NDArray[Any]:
    """Read an array; zarr would fill chunks that are missing with zeros."""
    if array.nchunks_initialized != array.nchunks:
        raise ValueError(f"{array.nchunks - array.nchunks_initialized} chunks of {key} are missing")
    return np.asarray(array[...])
