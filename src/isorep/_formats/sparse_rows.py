"""Sparse rows: rows of sparse matrices, as dense arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.memory import memory_budget, readable


class SparseRows:
    """A sparse matrix of SciPy as an array whose rows are dense when they are read."""

    def __init__(self, matrix: Any) -> None:
        self.shape: tuple[int, ...] = matrix.shape
        self.dtype: np.dtype[Any] = matrix.dtype
        columns = matrix.tocsc()
        columns.check_format(full_check=True)  # SciPy would write anywhere in memory
        self._matrix = columns.tocsr()

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        dense: NDArray[Any] = self._matrix[rows].toarray()
        return dense


class CsrReader:
    """Function that reads rows of a matrix that an item of HDF5 stores by rows.

    Parameters
    ----------
    shape
        Shape of the matrix.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._n_columns = shape[1]

    def __call__(self, item: Any, rows: slice) -> NDArray[Any]:
        from scipy.sparse import csr_matrix

        shape = (max(0, rows.stop - rows.start), self._n_columns)
        _check_fits(item, shape[0] * shape[1] * item["data"].dtype.itemsize, "as a dense array")
        indptr = item["indptr"][rows.start : rows.start + shape[0] + 1]
        part = slice(int(indptr[0]), int(indptr[-1]))
        matrix = csr_matrix(
            (item["data"][part], item["indices"][part], indptr - indptr[0]), shape=shape
        )
        matrix.check_format(full_check=True)  # SciPy would write anywhere in memory
        dense: NDArray[Any] = matrix.toarray()
        return dense


class CscReader:
    """Function that reads rows of a matrix that an item of HDF5 stores by columns.

    It converts the matrix once and keeps it.

    Parameters
    ----------
    shape
        Shape of the matrix.
    indices, indptr
        Names of the datasets with the row of each value and with the start of each column.
    """

    def __init__(self, shape: tuple[int, int], indices: str, indptr: str) -> None:
        self._shape, self._indices, self._indptr = shape, indices, indptr
        self._matrix: Any = None

    def __call__(self, item: Any, rows: slice) -> NDArray[Any]:
        if self._matrix is None:
            self._matrix = self._by_rows(item)
        part = self._matrix[rows]
        _check_fits(item, part.shape[0] * part.shape[1] * part.dtype.itemsize, "as a dense array")
        dense: NDArray[Any] = part.toarray()
        return dense

    def _by_rows(self, item: Any) -> Any:
        from scipy.sparse import csc_matrix

        parts = [item[name] for name in ("data", self._indices, self._indptr)]
        n_bytes = sum(part.size * part.dtype.itemsize for part in parts)
        _check_fits(item, 2 * n_bytes, "to be read by rows, since it is stored by columns (CSC)")
        data, indices, indptr = (part[:] for part in parts)
        # MATLAB stores indices without sign, which SciPy does not take.
        signed = (x.astype(np.int64) if x.dtype.kind == "u" else x for x in (indices, indptr))
        matrix = csc_matrix((data, *signed), self._shape)
        matrix.check_format(full_check=True)
        return matrix.tocsr()


def _check_fits(item: Any, n_bytes: int, purpose: str) -> None:
    if n_bytes > (free := memory_budget(None)):
        raise ValueError(
            f"the sparse matrix {item.name} takes {readable(n_bytes)} {purpose}, and half of the "
            f"free memory is {readable(free)}: read fewer rows at a time with open_store, use "
            "fewer columns, or store it by rows (CSR)"
        )
