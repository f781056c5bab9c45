"""Zarr: a folder of compressed chunks, with checksums."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import (
    HEADER,
    PER_SAMPLE,
    ROWS,
    Contents,
    from_arrays,
    read_header,
    to_arrays,
)
from isorep._formats.zarr_codecs import check_codecs
from isorep._utils.atomic import new_folder
from isorep._utils.memory import check_fits
from isorep._utils.optional import import_optional

_CHUNK_BYTES = 2**22
_CHUNK_ROWS = 2**12


def write_zarr(contents: Contents, path: Path) -> None:
    """Write `contents` to the folder `path`; only a store of isorep's is overwritten."""
    zarr = import_optional("zarr", "store")

    if path.exists() and not is_ours(path):
        raise ValueError(
            f"cannot save to {str(path)!r}: it exists and is not an isorep store; "
            "remove it or choose another name"
        )
    for name, array in contents.layers.items():
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            raise ValueError(
                f"cannot save to {str(path)!r}: layer {name!r} has dtype {array.dtype}, which zarr "
                "does not have; save to .npz, or make it float64"
            )
    from isorep._formats.zarr_writer import ZarrWriter  # imports zarr

    with new_folder(path) as folder, ZarrWriter(folder) as store:
        group = zarr.open_group(store, mode="a", zarr_format=3)
        for key, array in to_arrays(contents).items():
            create(group, key, array.shape, array.dtype)[...] = array


def create(
    group: Any,
    key: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunk_rows: int | None = None,
) -> Any:
    """Create an array in the zarr `group`, cut along its rows into chunks with checksums.

    A reader that goes through the rows reads every chunk once. Chunks have a power of two of rows,
    so that the layers of one store can be read in step.
    """
    from zarr.codecs import ZstdCodec

    if chunk_rows is None:
        chunk_rows = max(1, min(shape[0], rows_of_chunk(shape[1:], dtype)))
    return group.create_array(
        key,
        shape=shape,
        chunks=(chunk_rows, *(max(1, length) for length in shape[1:])),
        dtype=dtype,
        compressors=[ZstdCodec(level=1, checksum=True)],
        # Otherwise a chunk of zeros would look the same as a lost chunk.
        config={"write_empty_chunks": True},
    )


def rows_of_chunk(features: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return the number of rows of `features` in a chunk: 4 MiB at most, but at least one row."""
    fit = _CHUNK_BYTES // max(1, math.prod(features) * dtype.itemsize)
    rows: int = 2 ** max(0, fit.bit_length() - 1)
    # Without a limit, chunks of narrow layers would have so many rows that a reader of all layers
    # in step decompresses each of them several times.
    return min(_CHUNK_ROWS, rows) if features else rows


def open_zarr(path: Path) -> Contents:
    """Open what `write_zarr` wrote."""
    arrays = _arrays(path)
    for key, array in arrays.items():
        _check_complete(key, array)
    small = {
        key: _whole(key, arrays[key])
        for key in arrays
        if key in (HEADER, *PER_SAMPLE) or key.startswith(ROWS)
    }
    large = {key: _Rows(path / key, array) for key, array in arrays.items() if key not in small}
    return from_arrays(small | large)


class _Rows:
    """Rows of an array of a store of isorep's, whose chunks were there when it was opened."""

    def __init__(self, folder: Path, array: Any) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype[Any] = array.dtype
        self.chunks: tuple[int, ...] = array.chunks
        self._folder = folder
        self._array = array

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        values = np.asarray(self._array[rows])
        if not values.size:  # zarr has no chunk of no values
            return values
        start, stop, _ = rows.indices(self.shape[0])
        others = (0,) * (len(self.shape) - 1)  # chunks are cut along the rows alone
        for i in range(start // self.chunks[0], -(-stop // self.chunks[0])):
            chunk = self._array.metadata.encode_chunk_key((i, *others))
            if not (self._folder / chunk).is_file():  # zarr has filled it with zeros
                raise ValueError(f"the store is damaged: chunk {chunk} is missing")
        return values


def header_of(path: Path) -> dict[str, Any]:
    """Return the header of what `write_zarr` wrote."""
    return read_header(_whole(HEADER, _arrays(path)[HEADER]))


def is_ours(path: Path) -> bool:
    """Return whether `path` is a store that isorep wrote."""
    return (path / HEADER / "zarr.json").is_file()


def _arrays(path: Path) -> dict[str, Any]:
    if not is_ours(path):
        raise ValueError(
            "expected a zarr array or group, or a folder that isorep saved, and its header is "
            "missing"
        )
    check_codecs(path, metadata=("zarr.json",))
    import zarr

    try:
        arrays = dict(zarr.open_group(path, mode="r", zarr_format=3).arrays())
    # A damaged metadata file can raise anything, depending on the parser.
    except Exception as error:
        raise ValueError(f"the store is damaged: {error}") from error
    if HEADER not in arrays:  # zarr skips files that it cannot parse
        raise ValueError(f"the store is damaged: {HEADER}/zarr.json describes no array")
    return arrays


def _check_complete(key: str, array: Any) -> None:
    """Raise ValueError for a missing chunk, which zarr would fill with zeros."""
    missing = array.nchunks - array.nchunks_initialized
    if missing:
        raise ValueError(f"the store is damaged: {missing} chunks of {key} are missing")


def _whole(key: str, array: Any) -> NDArray[Any]:
    _check_complete(key, array)
    check_fits(array.nbytes)
    try:
        return np.asarray(array[...])
    except Exception as error:  # as above, depending on the codec
        raise ValueError(f"the store is damaged: {error}") from error
