"""HDF5 dataset: an array whose file is open only while rows are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.optional import import_optional


def check_no_external_storage(file: Any) -> None:
    """Raise ValueError if a dataset of an open HDF5 file takes its bytes from other files.

    A file of somebody else could name any file of this machine.
    """

    def visit(name: str, item: Any) -> None:
        if getattr(item, "external", None):
            raise ValueError(
                f"dataset {name!r} is stored in other files, such as {item.external[0][0]!r}; copy "
                "it into the file, by h5repack"
            )

    file.visititems(visit)


class Dataset:
    """A dataset whose file is open only while rows are read, so that no handle stays open.

    Parameters
    ----------
    path
        Path of the file.
    dataset
        The open dataset of h5py.
    reverse
        Whether its axes are in the reverse order, as MATLAB writes them.
    """

    def __init__(self, path: Path, dataset: Any, *, reverse: bool = False) -> None:
        step = -1 if reverse else 1
        self.shape: tuple[int, ...] = dataset.shape[::step]
        self.dtype: np.dtype[Any] = dataset.dtype
        self.chunks = dataset.chunks[::step] if dataset.chunks else None
        self._path = path
        self._name = dataset.name
        self._reverse = reverse

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        h5py = import_optional("h5py", "hdf5")
        with h5py.File(self._path) as file:
            dataset = file[self._name]
            if h5py.check_string_dtype(dataset.dtype):
                dataset = dataset.asstr()
            values: NDArray[Any] = dataset[(..., rows) if self._reverse else rows]
        return values.T if self._reverse else values
