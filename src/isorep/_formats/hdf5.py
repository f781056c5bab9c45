"""HDF5: an array for each dataset. Such files do not say which samples they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isorep._formats.hdf5_dataset import Dataset, check_own_data
from isorep._formats.header import Contents
from isorep._formats.matlab_hdf5 import is_of_matlab, matlab_arrays
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional


def open_hdf5(path: Path) -> Contents:
    """Open every dataset by name, "fc2" before "fc10".

    A dataset within groups is named by its path, such as "block1/conv". Links to datasets
    and groups of the file are read as what they stand for. What MATLAB wrote has its axes in
    MATLAB's order.
    """
    h5py = import_optional("h5py", "hdf5")
    arrays: dict[str, Any] = {}
    visited: set[str] = set()

    def visit(name: str, item: Any) -> None:
        visited.add(name)
        if is_of_matlab(name, item):
            arrays.update(matlab_arrays(path, name, item))
        elif isinstance(item, h5py.Dataset) and item.shape is not None:
            arrays[name] = Dataset(path, item)

    check_own_data(path, "an HDF5 file")
    try:
        with h5py.File(path) as file:
            file.visititems(visit)
            links: dict[str, Any] = {}
            file.visititems_links(links.__setitem__)
            for name, link in links.items():
                item = None if name in visited else _target(file, name)
                if item is None:
                    continue
                visit(name, item)
                if isinstance(link, h5py.SoftLink) and isinstance(item, h5py.Group):
                    for key, member in _members(item).items():
                        visit(f"{name}/{key}", member)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"expected an HDF5 file, got {error}") from error
    return Contents({name: arrays[name] for name in sorted(arrays, key=natural_key)})


def _target(file: Any, name: str) -> Any:
    """Return what a link stands for; None if there is nothing, or the link leads to itself."""
    try:
        return file[name]
    except (KeyError, OSError, RuntimeError):
        return None


def _members(group: Any) -> dict[str, Any]:
    """Return the datasets and groups in a group, by their paths."""
    members: dict[str, Any] = {}
    group.visititems(members.__setitem__)
    return members
