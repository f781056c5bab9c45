"""Missing values: which samples have NaN, and representations without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj
from numpy.typing import NDArray

from isorep._utils.arrays import check_finite, to_numpy
from isorep._utils.tables import dense_numbers
from isorep.representations.representations import Layers

NanPolicy = Literal["raise", "omit"]


def complete_rows(arrays: Mapping[str, Any]) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Return arrays without the rows that have NaN in any of them, and which rows were kept.

    Parameters
    ----------
    arrays : mapping of str to array
        Arrays of the same samples, by the names that errors use.

    Raises
    ------
    TypeError
        If a side is prepared already, such as a `Basis`.
    ValueError
        If fewer than 2 rows have no NaN.

    Examples
    --------
    >>> x, y = np.array([[1.0], [np.nan], [3.0], [4.0]]), np.array([[1.0], [2.0], [3.0], [np.nan]])
    >>> complete_rows({"x": x, "y": y})[1]
    array([ True, False,  True, False])
    """
    converted = {name: _array(side, name) for name, side in arrays.items()}
    missing = [_rows_with_nan(array) for array in converted.values()]
    if len({len(rows) for rows in missing}) > 1:
        return dict(arrays), ~missing[0]  # coupling them raises an error
    incomplete = np.any(missing, axis=0)
    rows = kept_samples(incomplete)
    if not incomplete.any():
        return dict(arrays), ~incomplete
    kept = {name: _take(array, rows) for name, array in converted.items()}
    for name, array in kept.items():
        _check_kept(array, name, rows)
    return kept, ~incomplete


def samples_with_nan(layers: Layers[Any]) -> NDArray[np.bool_]:
    """Return whether each sample has NaN in a layer, (n_samples,); in memory.

    Layers that have NaN in every sample are left out.

    Raises
    ------
    ValueError
        If it is unknown which samples the rows of a layer with NaN belong to.
    """
    missing = np.zeros(layers.n_samples, dtype=np.bool_)
    for name, array in layers.items():
        rows = _rows_with_nan(np.asarray(array))
        positions = layers.row_positions.get(name)
        in_layer = np.zeros(layers.n_samples, dtype=np.bool_)
        if positions is not None:
            in_layer[positions.samples[rows]] = True
        elif len(rows) == layers.n_samples:
            in_layer = rows
        elif rows.any():
            raise ValueError(
                f"layer {name!r} has NaN, and it is unknown which samples its rows belong to: pass "
                "row_positions, or capture with reduce='mean'"
            )
        if not in_layer.all():
            missing |= in_layer
    return missing


def kept_samples(missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the indices of the samples without NaN; raise ValueError if fewer than 2 are left."""
    rows = np.flatnonzero(~missing)
    if len(rows) < 2:
        raise ValueError(
            f"only {len(rows)} of {len(missing)} samples have no NaN on either side, and at least "
            "2 are needed: fill in values, or leave out the features or layers with NaN"
        )
    return rows


def _array(side: Any, name: str) -> Any:
    if hasattr(side, "singular_values"):
        raise TypeError(
            f"nan_policy='omit' removes rows, and {name} is prepared already: pass its array"
        )
    side = dense_numbers(side, name)
    return side if is_array_api_obj(side) else np.asarray(side)


def _rows_with_nan(array: Any) -> NDArray[np.bool_]:
    xp = array_namespace(array)
    n = array.shape[0] if array.ndim else 0
    if not n or not _is_float(array):
        return np.zeros(n, dtype=np.bool_)
    flat = xp.reshape(array, (n, -1))
    return np.asarray(to_numpy(xp.any(xp.isnan(flat), axis=1)))


def _check_kept(array: Any, name: str, rows: NDArray[np.int64]) -> None:
    """Raise ValueError for an infinity, with its row among all rows and not among the kept ones."""
    if array.shape[:1] == rows.shape and array.ndim == 2 and array.shape[1] and _is_float(array):
        check_finite(array_namespace(array), array, name, rows=rows)


def _is_float(array: Any) -> bool:
    try:
        return bool(array_namespace(array).isdtype(array.dtype, "real floating"))
    except TypeError:  # NumPy's own dtypes that the standard does not know
        return False


def _take(array: Any, rows: NDArray[np.int64]) -> Any:
    xp = array_namespace(array)
    return xp.take(array, xp.asarray(rows, device=device(array)), axis=0)
