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
        Its arrays, by a name.
    """

    def __init__(self, path: Path, arrays: Mapping[str, Any]) -> None:
        self._path, self._arrays = path, arrays

    def in_region(self, name: str, region: Region) -> Iterator[str]:
        """Yield the chunks that hold some cells of an array."""
        array = self._arrays[name]
        for index in product(*map(_indices, region, array.shape, array.chunks)):
            yield self._chunk(name, index)

    def of_array(self, name: str) -> Iterator[str]:
        """Yield all chunks of an array."""
        return self.in_region(name, (slice(None),) * self._arrays[name].ndim)

    def regions(self, name: str) -> Iterator[tuple[str, tuple[slice, ...]]]:
        """Yield all chunks of an array, each with the cells that it holds."""
        array = self._arrays[name]
        for index in np.ndindex(*self._counts(array)):
            corners = zip(index, array.chunks, strict=True)
            region = tuple(slice(i * length, (i + 1) * length) for i, length in corners)
            yield self._chunk(name, index), region

    def remove_damaged(self) -> None:
        """Remove the chunks that cannot be read, and files that a killed process left."""
        for leftover in self._path.rglob("*.partial"):
            leftover.unlink()
        for name, array in self._arrays.items():
            for index in np.ndindex(*self._counts(array)):
                try:
                    array.blocks[index]
                except (OSError, MemoryError):  # says nothing of the chunk
                    raise
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

    @staticmethod
    def _counts(array: Any) -> list[int]:
        """Return the number of chunks along each axis."""
        return [-(-n // chunk) for n, chunk in zip(array.shape, array.chunks, strict=True)]

    def _chunk(self, name: str, index: tuple[int, ...]) -> str:
        array = self._arrays[name]
        return f"{array.path}/{array.metadata.encode_chunk_key(index)}"


def _indices(part: int | slice, length: int, chunk: int) -> range:
    """Return the indices of the chunks along one axis that hold part of it."""
    start, stop, _ = part.indices(length) if isinstance(part, slice) else (part, part + 1, 1)
    return range(start // chunk, -(-stop // chunk))
