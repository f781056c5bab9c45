"""MATLAB HDF5: what MATLAB writes into HDF5, the files of version 7.3 among them.

MATLAB marks its variables with the attribute ``MATLAB_class``. It stores them with reversed axes,
texts as numbers, and the elements of cells in the group ``#refs#``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isorep._formats.hdf5_dataset import Dataset, ItemRows
from isorep._formats.matlab_values import UnreadableArray, element_name, without_unit_axes
from isorep._formats.sparse_rows import CscReader, SparseRows
from isorep._utils.memory import check_fits
from isorep._utils.optional import import_optional

_INTERNAL = ("#refs#", "#subsystem#")
"""Groups of the elements of cells, and of objects."""

_CLASS = "MATLAB_class"


def is_of_matlab(name: str, item: Any) -> bool:
    """Return whether MATLAB wrote a dataset or group of an HDF5 file."""
    return (
        name.partition("/")[0] in _INTERNAL or _CLASS in item.attrs or _CLASS in item.parent.attrs
    )


def matlab_arrays(path: Path, name: str, item: Any) -> dict[str, Any]:
    """Return the arrays of a variable by name: of a struct its fields, of a cell its elements."""
    is_part = name.partition("/")[0] in _INTERNAL or _CLASS in item.parent.attrs
    return {} if is_part else dict(_arrays(path, name, item))


def _arrays(path: Path, name: str, item: Any) -> Iterator[tuple[str, Any]]:
    h5py = import_optional("h5py", "hdf5")
    if "MATLAB_sparse" in item.attrs:
        shape = (int(item.attrs["MATLAB_sparse"]), item["jc"].shape[0] - 1)
        yield name, without_unit_axes(_sparse(path, item, shape))
    elif isinstance(item, h5py.Group):
        for field in item:
            if isinstance(item.get(field, getlink=True), h5py.HardLink):
                yield from _arrays(path, f"{name}/{field}", item[field])
    elif "MATLAB_empty" in item.attrs:
        yield name, UnreadableArray(name, tuple(map(int, item[()].ravel())))
    elif h5py.check_ref_dtype(item.dtype):
        check_fits(item.nbytes)
        cells = [item.file[reference] for reference in item[()].ravel()]
        if None in (cell.name for cell in cells):  # in no group, so nobody has checked it
            raise ValueError(f"the cell {name!r} has elements that are in no group of the file")
        if all(_class_of(cell) == "char" for cell in cells):
            yield name, np.array(["".join(_texts(cell)) for cell in cells], np.str_)
        else:
            for i, cell in enumerate(cells):
                yield from _arrays(path, element_name(name, i), cell)
    elif _class_of(item) == "char":
        texts = _texts(item)
        yield name, np.array(texts if len(texts) > 1 else "".join(texts), np.str_)
    else:
        yield name, without_unit_axes(Dataset(path, item, reverse=True))


def _sparse(path: Path, item: Any, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csc_matrix

    if "data" not in item:  # all values are 0
        return SparseRows(csc_matrix(shape))
    return ItemRows(path, item.name, shape, item["data"].dtype, CscReader(shape, "ir", "jc"))


def _class_of(item: Any) -> str:
    kind = item.attrs.get(_CLASS, b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _texts(item: Any) -> list[str]:
    """Return the rows of an array of characters, stored as (characters, rows)."""
    if "MATLAB_empty" in item.attrs:
        return []
    check_fits(item.nbytes)
    codes = np.atleast_2d(item[()].T).astype("<u2")
    return [row.tobytes().decode("utf-16-le", errors="replace").rstrip(" \0") for row in codes]
