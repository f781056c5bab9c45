"""Stored chunks: the files that hold the cells of a sweep, and whether each is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from isorep._utils.atomic import sync
from isorep.comparison.sweeps.tile import Region


class StoredChunks:
    """The chunks of the arrays of a zarr store. A chunk is named by its path in the store.

    Parameters
    ----------
    path
        Path of the store.
    arrays
        Its arrays, by name.
    """

    def __init__(self, path: Path, arrays: Mapping[str, Any]) -> None:
        self._path, self._arrays = path, arrays

    def of(self, name: str, region: Region) -> Iterator[str]:
        """Yield the chunks that hold some cells of an array."""
        chunks = self._arrays[name].chunks
        for index in product(*map(_indices, region, chunks)):
            yield self._chunk(name, index)

    def of_array(self, name: str) -> Iterator[str]:
        """Yield all chunks of an array."""
        return self.of(name, tuple(slice(0, length) for length in self._arrays[name].shape))

    def remove_damaged(self) -> None:
        """Remove the chunks that cannot be read, and files that a killed process left."""
        for leftover in self._path.rglob("*.partial"):
            leftover.unlink()
        for name, array in self._arrays.items():
            counts = [-(-n // chunk) for n, chunk in zip(array.shape, array.chunks, strict=True)]
            for index in np.ndindex(*counts):
                try:
                    array.blocks[index]
                except Exception:  # any, depending on the codec
                    with suppress(FileNotFoundError):
                        (self._path / self._chunk(name, index)).unlink()

    def has(self, chunk: str) -> bool:
        """Return whether a chunk is there."""
        return (self._path / chunk).is_file()

    def sync(self, chunks: set[str]) -> None:
        """Wait until chunks are on the disk."""
        files = {self._path / chunk for chunk in chunks}
        sync(sorted(files | {file.parent for file in files}))

    def _chunk(self, name: str, index: tuple[int, ...]) -> str:
        return f"{name}/{self._arrays[name].metadata.encode_chunk_key(index)}"


def _indices(part: int | slice, chunk: int) -> range:
    if isinstance(part, int):
        return range(part // chunk, part // chunk + 1)
    return range(part.start // chunk, (part.stop - 1) // chunk + 1)
