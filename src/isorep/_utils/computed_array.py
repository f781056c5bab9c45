"""Computed array: a NumPy array that knows the coarser dtype its values were computed in."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_BITS = {"bfloat16": 8, "float16": 11}  # of the significand, with the hidden one
_FEWEST = 64
_FIRST_LOOK = 1024


class ComputedArray(np.ndarray[Any, Any]):
    """A NumPy array with the name of the dtype that its values were computed in.

    NumPy has no bfloat16, and a mean of float16 values is kept in float32. The rounding of the
    coarser dtype decides the rank of such an array, so its name goes along with views, slices and
    results of arithmetic. ``np.asarray`` gives a plain array.

    Attributes
    ----------
    computed_dtype : str or None
        Name of the dtype, such as "bfloat16".

    Examples
    --------
    >>> x = ComputedArray.of(np.ones((3, 2), np.float32), "bfloat16")
    >>> x[1:].computed_dtype, x.dtype
    ('bfloat16', dtype('float32'))
    """

    computed_dtype: str | None

    @classmethod
    def of(cls, array: NDArray[Any], dtype: str) -> Self:
        """Return a view of `array` that was computed in `dtype`."""
        view = array.view(cls)
        view.computed_dtype = dtype
        return view

    def __array_finalize__(self, other: Any) -> None:
        self.computed_dtype = getattr(other, "computed_dtype", None)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)


def rounded_dtype(x: NDArray[Any]) -> str | None:
    """Return the half precision that all values of a float32 or float64 array are rounded to.

    None if there is none: some value has more digits; there are fewer than 64 values beside 0; or
    the values are integers or fixed-point numbers (multiples of one power of two, such as pixels
    divided by 256), which have few digits of their own.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    >>> rounded_dtype(x), rounded_dtype(x.astype(np.float16).astype(np.float32))
    (None, 'float16')
    >>> rounded_dtype(np.round(8 * x) / 8) is None
    True
    """
    if x.dtype not in (np.float32, np.float64):
        return None
    values = np.abs(np.asarray(x).ravel())
    for part in (values[:_FIRST_LOOK], values):
        part = part[part > 0]
        dtype = _rounded(part)
        if dtype is None:
            return None
    return dtype if len(part) >= _FEWEST else None


def rounding_text(name: str, dtype: str, rounded: str) -> str:
    """Return the warning about the array `name`, of `dtype`, all values of which are `rounded`."""
    return (
        f"all values of {name} are {rounded} values, held as {dtype}: directions that the rounding "
        f"of {rounded} can create are not counted; if they were computed in {dtype}, pass "
        f"Basis.from_array(..., dtype={dtype!r}) or Representations(..., dtypes=...)"
    )


def _rounded(values: NDArray[Any]) -> str | None:
    """Return the half precision that positive values are rounded to, if any."""
    if not len(values) or not np.isfinite(values).all():
        return None
    significands, exponents = np.frexp(values.astype(np.float64))
    # As integers of 53 bits, whose lowest set bit tells how many digits there are.
    integers = np.ldexp(significands, 53).astype(np.int64)
    lowest = np.frexp((integers & -integers).astype(np.float64))[1] - 1  # from 0 to 52
    n_bits = 53 - int(lowest.min())
    step = int((lowest + exponents - 53).min())  # all values are multiples of 2 ** step
    for dtype, bits in _BITS.items():
        if n_bits <= bits:
            return dtype if int(exponents.max()) - step > bits else None
    return None
