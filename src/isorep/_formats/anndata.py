"""AnnData (.h5ad): X, layers, obsm and the columns of obs, by the format's specification.

The file is read by h5py: see "On-disk format" in the documentation of anndata. `obs` describes the
samples; arrays of genes, of pairs of samples (obsp) and `uns` are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.hdf5_dataset import check_own_data
from isorep._formats.header import Contents
from isorep._utils.damaged_file import damage_as
from isorep._utils.memory import memory_budget, read_whole, readable
from isorep._utils.optional import import_optional
from isorep._utils.table_index import index_labels
from isorep._utils.tables import as_labels

_EXPECTED = "an .h5ad file of anndata 0.8 or newer"
_SPARSE = ("csr_matrix", "csc_matrix")


def open_anndata(path: Path) -> Contents:
    """Open X, raw/X, layers, obsm and the columns of obs; obs_names are the sample ids."""
    h5py = import_optional("h5py", "hdf5")
    check_own_data(path, _EXPECTED)
    with damage_as(_EXPECTED), h5py.File(path) as file:
        arrays = _arrays(path, file)
        key = f"obs/{file['obs'].attrs['_index']}"
        index = _array(path, key, file[key], file[key].shape[0])
    ids = index_labels(read_whole(index).tolist(), False, "obs")
    return Contents(arrays, {} if ids is None else {"sample_ids": ids})


def _arrays(path: Path, file: Any) -> dict[str, Any]:
    obs = file["obs"]
    if not hasattr(obs, "keys"):
        raise ValueError("a file of an older anndata: read it and write it again")
    items = {name: file[name] for name in ("X", "raw/X") if name in file}
    for group in ("layers", "obsm", "obs"):
        items |= {f"{group}/{key}": item for key, item in file.get(group, {}).items()}
    items.pop(f"obs/{obs.attrs['_index']}", None)
    n_samples = obs[obs.attrs["_index"]].shape[0]
    arrays: dict[str, Any] = {}
    for name, item in items.items():
        if item.attrs.get("encoding-type") == "dataframe":
            frame = {f"{name}/{key}": column for key, column in item.items()}
            frame.pop(f"{name}/{item.attrs['_index']}", None)
        else:
            frame = {name: item}
        arrays |= {key: _array(path, key, column, n_samples) for key, column in frame.items()}
    return arrays


def _array(path: Path, name: str, item: Any, n_samples: int) -> _Rows:
    kind = item.attrs.get("encoding-type", "array")
    if kind in _SPARSE:
        shape = tuple(map(int, item.attrs["shape"]))
        read = _read_csr if kind == "csr_matrix" else _CscReader()
        return _Rows(path, name, shape, item["data"].dtype, read)
    if kind == "categorical":
        dtype = _value_dtype(item["categories"])
        return _Rows(path, name, (n_samples,), dtype, _read_categories)
    if kind.startswith("nullable-"):
        return _Rows(path, name, (n_samples,), _value_dtype(item), _read_nullable)
    if hasattr(item, "keys"):
        return _Rows(path, name, (n_samples,), np.dtype(object), _read_unknown)
    return _Rows(path, name, item.shape, _value_dtype(item), _read_dense, item.chunks)


class _Rows:
    """An array whose file is open only while rows are read.

    Parameters
    ----------
    path, name
        The file, and the path of the array in it.
    shape, dtype
        Shape and dtype of the array.
    read
        Function ``(item of h5py, slice of rows) -> array``.
    chunks
        Shape of its chunks, if it is stored in chunks.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[Any, slice], NDArray[Any]],
        chunks: tuple[int, ...] | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.chunks = chunks
        self._path = path
        self._name = name
        self._read = read

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        rows = slice(*rows.indices(self.shape[0]))
        with import_optional("h5py", "hdf5").File(self._path) as file:
            return self._read(file[self._name], rows)


def _value_dtype(item: Any) -> np.dtype[Any]:
    values = item["values"] if hasattr(item, "keys") else item
    is_text = values.attrs.get("encoding-type") == "string-array"
    dtype: np.dtype[Any] = np.dtype(np.str_) if is_text else values.dtype
    return dtype


def _read_dense(item: Any, rows: slice) -> NDArray[Any]:
    if item.attrs.get("encoding-type") == "string-array":
        return as_labels(item.asstr()[rows])
    return np.asarray(item[rows])


def _read_nullable(item: Any, rows: slice) -> NDArray[Any]:
    _check_not_missing(item, item["mask"][rows], rows)
    return _read_dense(item["values"], rows)


def _read_categories(item: Any, rows: slice) -> NDArray[Any]:
    codes = item["codes"][rows]
    _check_not_missing(item, codes < 0, rows)
    categories = item["categories"]
    read = _read_nullable if hasattr(categories, "keys") else _read_dense
    values: NDArray[Any] = read(categories, slice(0, None))[codes]
    return values


def _read_unknown(item: Any, rows: slice) -> NDArray[Any]:
    kind = item.attrs.get("encoding-type")
    raise ValueError(f"{item.name} is stored as {kind!r}; expected an array or a sparse matrix")


def _check_not_missing(item: Any, missing: NDArray[np.bool_], rows: slice) -> None:
    if missing.any():
        raise ValueError(
            f"{item.name} has no value for sample {rows.start + int(np.argmax(missing))}; expected "
            "one for each sample: fill it, or leave the sample out"
        )


def _read_csr(item: Any, rows: slice) -> NDArray[Any]:
    from scipy.sparse import csr_matrix

    n_rows, n_columns = max(0, rows.stop - rows.start), int(item.attrs["shape"][1])
    _check_fits(item, n_rows * n_columns * item["data"].dtype.itemsize, "as a dense array")
    indptr = item["indptr"][rows.start : rows.start + n_rows + 1]
    part = slice(int(indptr[0]), int(indptr[-1]))
    matrix = csr_matrix(
        (item["data"][part], item["indices"][part], indptr - indptr[0]), shape=(n_rows, n_columns)
    )
    matrix.check_format(full_check=True)  # SciPy would write anywhere in memory
    dense: NDArray[Any] = matrix.toarray()
    return dense


class _CscReader:
    """Function that reads rows of a matrix stored by columns, which it converts once and keeps."""

    def __init__(self) -> None:
        self._matrix: Any = None

    def __call__(self, item: Any, rows: slice) -> NDArray[Any]:
        from scipy.sparse import csc_matrix

        shape = (int(item.attrs["shape"][0]), int(item.attrs["shape"][1]))
        if self._matrix is None:
            n_bytes = sum(item[key].size * item[key].dtype.itemsize for key in ("data", "indices"))
            purpose = "to be read by rows, since it is stored by columns (CSC)"
            _check_fits(item, 2 * n_bytes, purpose)
            matrix = csc_matrix((item["data"][:], item["indices"][:], item["indptr"][:]), shape)
            matrix.check_format(full_check=True)
            self._matrix = matrix.tocsr()
        part = self._matrix[rows]
        _check_fits(item, part.shape[0] * shape[1] * part.dtype.itemsize, "as a dense array")
        dense: NDArray[Any] = part.toarray()
        return dense


def _check_fits(item: Any, n_bytes: int, purpose: str) -> None:
    if n_bytes > (free := memory_budget(None)):
        raise ValueError(
            f"the sparse matrix {item.name} takes {readable(n_bytes)} {purpose}, and half of the "
            f"free memory is {readable(free)}: read fewer rows at a time with open_store, use "
            "fewer genes or obsm, or store it as CSR"
        )
