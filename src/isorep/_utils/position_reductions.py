"""Position reductions: NumPy arrays (n, T, p) of n samples at T positions to rows of p features.

A mask (n, T), True for tokens, excludes padded positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_] | None
PositionReduction = Callable[[NDArray[Any], Mask], NDArray[Any]]


def mean_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a mean: in half precision, a long sum would lose digits or overflow."""
    if dtype.name == "bfloat16":
        return np.dtype(np.float32)
    return np.promote_types(dtype, np.float32 if dtype.kind == "f" else np.float64)


def _mean(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    dtype = mean_dtype(x.dtype)
    if mask is None:
        mean: NDArray[Any] = x.mean(1, dtype=dtype)
        return mean
    # Not by multiplication: padding may hold NaN, and 0 * NaN is NaN.
    tokens = np.where(mask[..., None], x, x.dtype.type(0))
    total: NDArray[Any] = tokens.sum(1, dtype=dtype)
    total /= mask.sum(1, keepdims=True).astype(dtype)
    return total


def _max(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    if mask is not None:
        # Padding takes the values of the first token; integers have no minus infinity.
        x = np.where(mask[..., None], x, _first(x, mask)[:, None])
    greatest: NDArray[Any] = x.max(1)
    return greatest


def _positions(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    return x.reshape(-1, x.shape[2]) if mask is None else x[mask]


def _flatten(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    if mask is not None:
        x = np.where(mask[..., None], x, x.dtype.type(0))
    return x.reshape(len(x), -1)


def _first(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    return x[:, 0] if mask is None else _at(x, mask.argmax(1))


def _last(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    return x[:, -1] if mask is None else _at(x, mask.shape[1] - 1 - mask[:, ::-1].argmax(1))


def _at(x: NDArray[Any], index: NDArray[np.intp]) -> NDArray[Any]:
    return x[np.arange(len(x)), index]


POSITION_REDUCTIONS: dict[str, PositionReduction] = {
    "mean": _mean,
    "positions": _positions,
    "flatten": _flatten,
    "max": _max,
    "last": _last,
    "first": _first,
}
"""The named reductions of `isorep.capture`."""
