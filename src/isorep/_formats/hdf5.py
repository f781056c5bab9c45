"""HDF5: an array for each dataset. Such files do not say which samples they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isorep._formats.hdf5_dataset import Dataset, check_no_external_storage
from isorep._formats.header import Contents
from isorep._formats.matlab_hdf5 import is_of_matlab, matlab_arrays
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional


def open_hdf5(path: Path) -> Contents:
    """Open every dataset by name, "fc2" before "fc10".

    A dataset within groups is named by its path, such as "block1/conv". Links are not followed.
    What MATLAB wrote has its axes in MATLAB's order.
    """
    h5py = import_optional("h5py", "hdf5")
    arrays: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if is_of_matlab(name, item):
            arrays.update(matlab_arrays(path, name, item))
        elif isinstance(item, h5py.Dataset) and item.shape is not None:
            arrays[name] = Dataset(path, item)

    try:
        with h5py.File(path) as file:
            check_no_external_storage(file)
            file.visititems(visit)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"expected an HDF5 file, got {error}") from error
    return Contents({name: arrays[name] for name in sorted(arrays, key=natural_key)})
