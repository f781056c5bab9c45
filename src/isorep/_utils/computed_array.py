"""Computed array: a NumPy array that knows the coarser dtype its values were computed in."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy

_BITS = {"bfloat16": 8, "float16": 11}  # of the significand, with the hidden one
_FEWEST = 64
_FIRST_LOOK = 1024  # values
_BLOCK = 2**20
_HUGE = 10**6


class ComputedArray(np.ndarray[Any, Any]):
    """A NumPy array with the name of the dtype that its values were computed in.

    NumPy has no bfloat16, and a mean of float16 values is kept in float32. The rounding of the
    coarser dtype decides the rank of such an array, so its name goes along with views, slices and
    results of arithmetic. Else it is as any array; ``np.asarray`` gives a plain one.

    Attributes
    ----------
    computed_dtype : str or None
        Name of the dtype, such as "bfloat16".

    Examples
    --------
    >>> x = ComputedArray.from_array(np.ones((3, 2), np.float32), "bfloat16")
    >>> x[1:].computed_dtype, x.dtype
    ('bfloat16', dtype('float32'))
    """

    computed_dtype: str | None

    @classmethod
    def from_array(cls, array: NDArray[Any], dtype: str) -> Self:
        """Return a view of `array` that was computed in `dtype`."""
        view = array.view(cls)
        view.computed_dtype = dtype
        return view

    def __array_finalize__(self, other: Any) -> None:
        is_float = self.dtype.kind == "f"  # a comparison or a count is not rounded
        self.computed_dtype = getattr(other, "computed_dtype", None) if is_float else None

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Return the result of a function; a reduction to one number gives a scalar."""
        return array[()] if array.ndim == 0 else super().__array_wrap__(array, context)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return np.asarray(self).__reduce_ex__(protocol)


def rounded_dtype(x: Any) -> str | None:
    """Return the half precision that all values of a float32 or float64 array are rounded to.

    None if there is none: some value has more digits, or all have fewer; there are fewer than 64
    values beside 0; or the values are integers or fixed-point numbers (multiples of one power of
    two, such as pixels divided by 256), which have few digits of their own. The array, (n, p), is
    of any library and device.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    >>> rounded_dtype(x), rounded_dtype(x.astype(np.float16).astype(np.float32))
    (None, 'float16')
    >>> rounded_dtype(np.round(8 * x) / 8) is None
    True
    """
    if str(x.dtype).rpartition(".")[2] not in ("float32", "float64"):
        return None
    n, p = x.shape
    n_values = n_bits = 0
    lowest, highest = _HUGE, -_HUGE  # powers of two of the last and the first digits
    start, size = 0, _FIRST_LOOK // max(1, p)  # most arrays end at the first look
    while start < n:
        values = np.abs(to_numpy(x[start : min(n, start + max(1, size)), :]).ravel()).astype(
            np.float64
        )
        values = values[values != 0]
        start, size = start + max(1, size), _BLOCK // max(1, p)
        if not len(values):
            continue
        if not np.isfinite(values).all():
            return None
        significands, exponents = np.frexp(values)
        # As integers of 53 bits, whose lowest set bit tells how many digits there are.
        integers = np.ldexp(significands, 53).astype(np.int64)
        n_zeros = np.frexp((integers & -integers).astype(np.float64))[1] - 1  # from 0 to 52
        n_bits = max(n_bits, 53 - int(n_zeros.min()))
        if n_bits > max(_BITS.values()):
            return None
        n_values += len(values)
        lowest = min(lowest, int((n_zeros + exponents - 53).min()))
        highest = max(highest, int(exponents.max()))
    if n_values < _FEWEST:
        return None
    return next((d for d, bits in _BITS.items() if n_bits == bits < highest - lowest), None)


def rounding_text(name: str, dtype: str, rounded: str) -> str:
    """Return the warning about the array `name`, of `dtype`, all values of which are `rounded`."""
    return (
        f"all values of {name} are {rounded} values, held as {dtype}: directions that the rounding "
        f"of {rounded} can create are not counted; if they were computed in {dtype}, pass "
        f"Basis.from_array(..., dtype={dtype!r}) or Representations(..., dtypes=...)"
    )
