"""AnnData (.h5ad): X, layers, obsm and the columns of obs, by the format's specification.

The file is read by h5py: see "On-disk format" in the documentation of anndata. `obs` describes the
samples; arrays of genes, of pairs of samples (obsp) and `uns` are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.hdf5_dataset import ItemRows, check_own_data
from isorep._formats.header import Contents
from isorep._formats.sparse_rows import CscReader, CsrReader
from isorep._utils.damaged_file import damage_as
from isorep._utils.memory import read_whole
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


def _array(path: Path, name: str, item: Any, n_samples: int) -> ItemRows:
    kind = item.attrs.get("encoding-type", "array")
    if kind in _SPARSE:
        n_rows, n_columns = map(int, item.attrs["shape"])
        shape = (n_rows, n_columns)
        read = CsrReader(shape) if kind == "csr_matrix" else CscReader(shape, "indices", "indptr")
        return ItemRows(path, name, shape, item["data"].dtype, read)
    if kind == "categorical":
        dtype = _value_dtype(item["categories"])
        return ItemRows(path, name, (n_samples,), dtype, _read_categories)
    if kind.startswith("nullable-"):
        return ItemRows(path, name, (n_samples,), _value_dtype(item), _read_nullable)
    if hasattr(item, "keys"):
        return ItemRows(path, name, (n_samples,), np.dtype(object), _read_unknown)
    return ItemRows(path, name, item.shape, _value_dtype(item), _read_dense, item.chunks)


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
