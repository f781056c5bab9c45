"""Tables: data frames and sparse matrices as NumPy arrays, or clear words why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def dense_numbers(x: Any, name: str) -> Any:
    """Return a data frame of numbers as an array; return anything else that is dense unchanged.

    Raises
    ------
    TypeError
        `x`, which errors call `name`, is a sparse matrix or has a column that is not of numbers.
    """
    if hasattr(x, "toarray") and hasattr(x, "nnz"):  # scipy.sparse
        raise TypeError(
            f"{name} is a sparse matrix; pass {name}.toarray() if it fits in memory as an array"
        )
    if getattr(x, "is_sparse", False) is True or getattr(x, "is_sparse_csr", False) is True:
        raise TypeError(f"{name} is a sparse tensor; pass {name}.to_dense()")
    dtypes = getattr(x, "dtypes", None)
    if dtypes is None or not hasattr(x, "columns") or not hasattr(x, "to_numpy"):
        return x
    others = {
        str(column): dtype
        for column, dtype in zip(x.columns, dtypes, strict=True)
        if getattr(dtype, "kind", "O") not in "fiub"
    }
    if others:
        columns = ", ".join(f"{column!r} ({dtype})" for column, dtype in others.items())
        raise TypeError(f"{name} has columns that are not numbers, {columns}: leave them out")
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return x.to_numpy()
    return x.to_numpy(dtype="float64", na_value=np.nan)  # dtypes that hold missing values


def is_hugging_face(data: Any) -> bool:
    """Return whether data are a data set of Hugging Face, which can also be one of PyTorch."""
    return hasattr(data, "iter") and hasattr(data, "column_names") and hasattr(data, "features")


def check_no_splits(data: Any, advice: str) -> None:
    """Raise TypeError if data are several data sets of Hugging Face by name (a DatasetDict).

    In the advice, "{}" stands for the first name.
    """
    if isinstance(data, Mapping) and any(map(is_hugging_face, data.values())):
        splits = list(map(str, data))
        raise TypeError(
            f"expected one data set, got a {type(data).__name__} with the splits "
            f"{', '.join(splits)}: {advice.format(repr(splits[0]))}"
        )


def as_labels(labels: Any) -> NDArray[Any]:
    """Return labels as an array; strings that are held as objects become NumPy's strings."""
    array = np.asarray(labels)
    if array.dtype.kind == "T":
        array = array.astype(object)
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array.ravel()):
        return array.astype(np.str_)
    return array


def with_texts(
    numbers: NDArray[Any], texts: Callable[[str], NDArray[Any]], name: str
) -> NDArray[Any]:
    """Return the numbers of a column, or its texts if they say more, as "001" and "1.0" beside "1".

    Examples
    --------
    >>> with_texts(np.array([1, 2]), lambda name: np.array(["1", "02"]), "id")
    array(['1', '02'], dtype='<U2')
    >>> with_texts(np.array([1.0, 2.0]), lambda name: np.array(["1.0", "2.0"]), "id")
    array([1., 2.])
    """
    if numbers.dtype.kind not in "fiu":
        return numbers
    written = texts(name)
    if numbers.dtype.kind == "f":
        written = np.where(np.isnan(numbers), "", written)
    return numbers if np.array_equal(written, numbers.astype(np.str_)) else written
