"""MATLAB: an array for each variable of a .mat file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from isorep._formats.hdf5 import open_hdf5
from isorep._formats.header import Contents
from isorep._formats.matlab_structure import check_structure
from isorep._formats.matlab_values import UnreadableArray, element_name, without_unit_axes
from isorep._formats.sparse_rows import SparseRows

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512
"""Bytes of text in front of the HDF5 that is a file of version 7.3."""


def open_matlab(path: Path) -> Contents:
    """Open the variables of a file of MATLAB: version 7.3 in parts, older ones in memory.

    Fields of structs and elements of cells are named by their paths, such as "trial/0/spikes".
    Vectors have one axis, and texts are texts.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_USER_BLOCK + len(_HDF5))
    except OSError as error:
        raise ValueError(f"expected a .mat file, got {error}") from error
    if start.startswith(_HDF5) or start.endswith(_HDF5):
        return open_hdf5(path)
    from scipy.io import loadmat

    try:
        check_structure(path)
        variables = loadmat(path)
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"expected a .mat file, got {type(error).__name__}: {error}") from error
    return Contents(
        {
            name: array
            for variable, value in variables.items()
            if not variable.startswith("__")
            for name, array in _arrays(variable, value)
        }
    )


def _arrays(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    from scipy.io.matlab import MatlabFunction, MatlabOpaque

    if hasattr(value, "toarray"):
        yield name, without_unit_axes(SparseRows(value))
    elif isinstance(value, MatlabFunction | MatlabOpaque):
        yield name, UnreadableArray(name, tuple(value.shape))
    elif value.dtype.names is not None:  # an array of structs
        for i, struct in enumerate(value.ravel()):
            for field in value.dtype.names:
                place = name if value.size == 1 else element_name(name, i)
                yield from _arrays(f"{place}/{field}", struct[field])
    elif value.dtype.kind == "U":
        texts = [text.rstrip() for text in value.ravel()]
        yield name, np.array(texts if len(texts) > 1 else "".join(texts), np.str_)
    elif value.dtype.kind == "O":  # a cell
        cells = value.ravel()
        if all(cell.dtype.kind == "U" for cell in cells):
            yield name, np.array(["".join(cell.ravel()).rstrip() for cell in cells], np.str_)
        else:
            for i, cell in enumerate(cells):
                yield from _arrays(element_name(name, i), cell)
    else:
        yield name, without_unit_axes(value)
