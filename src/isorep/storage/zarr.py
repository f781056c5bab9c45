"""Zarr: a folder of compressed chunks, with checksums."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.representation import Representations
from isorep.storage.atomic import new_folder
from isorep.storage.record import HEADER, LABELS, from_arrays, to_arrays
from isorep.storage.stored import Stored


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
    arrays = {key: _whole(array) for key, array in _arrays(path).items()}
    return from_arrays(arrays, Representations)


def open_zarr(path: Path) -> Stored:
    """Open what `write` wrote."""
    arrays = _arrays(path)
    small = {key: _whole(arrays[key]) for key in (HEADER, LABELS) if key in arrays}
    return from_arrays(arrays | small, partial(Stored, place=str(path)))


def _is_ours(path: Path) -> bool:
    return (path / HEADER / "zarr.json").is_file()


def _arrays(path: Path) -> dict[str, Any]:
    """Open every array; zarr would fill chunks that are missing with zeros."""
    if not _is_ours(path):
        raise ValueError("expected a .zarr folder that isorep saved; its header is missing")
    import zarr

    try:
        arrays = dict(zarr.open_group(path, mode="r").arrays())
        for key, array in arrays.items():
            missing = array.nchunks - array.nchunks_initialized
            if missing:
                raise ValueError(f"{missing} chunks of {key} are missing")
    # A damaged metadata file fails in whatever parser meets it.
    except Exception as error:
        raise ValueError(f"the store is damaged: {error}") from error
    return arrays


def _whole(array: Any) -> NDArray[Any]:
    try:
        return np.asarray(array[...])
    except Exception as error:  # as above, in whatever codec
        raise ValueError(f"the store is damaged: {error}") from error
