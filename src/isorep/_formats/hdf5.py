"""HDF5: an array for each dataset. Such files do not say which samples they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional


def open_hdf5(path: Path) -> Contents:
    """Open every dataset by name, "fc2" before "fc10".

    A dataset within groups is named by its path, such as "block1/conv". Links are not followed.
    """
    h5py = import_optional("h5py", "hdf5")
    arrays: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            arrays[name] = _Dataset(path, name, item)

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"expected an HDF5 file, got {error}") from error
    return Contents({name: arrays[name] for name in sorted(arrays, key=natural_key)})


class _Dataset:
    """A dataset whose file is open only while rows are read, so that no handle stays open."""

    def __init__(self, path: Path, name: str, dataset: Any) -> None:
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        self.chunks: tuple[int, ...] | None = dataset.chunks
        self._path = path
        self._name = name

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        with import_optional("h5py", "hdf5").File(self._path) as file:
            values: NDArray[Any] = file[self._name][rows]
            return values
