"""Divergence: elementwise errors of a layer, and the first layer whose error is not rounding."""

from __future__ import annotations

from math import nan, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import epsilon


class ElementwiseError(NamedTuple):
    """How much the values of a layer differ, element by element.

    Attributes
    ----------
    max_error : float
        Largest absolute difference; NaN if a side holds NaN or infinite values, or the shapes
        differ.
    relative_error : float
        `max_error` over the largest absolute value of base.
    tolerance : float
        Largest relative error that counts as rounding: the square root of the precision of the
        coarser dtype, such as 3.5e-04 for float32. NaN if the shapes differ.
    """

    max_error: float
    relative_error: float
    tolerance: float

    @classmethod
    def between(
        cls, base: NDArray[Any], changed: NDArray[Any], dtypes: tuple[str, str]
    ) -> ElementwiseError:
        """Return the error of two arrays whose activations passed through these dtypes.

        Examples
        --------
        >>> x = np.array([[1.0, -2.0]], dtype=np.float32)
        >>> error = ElementwiseError.between(x, x + np.float32(0.5), ("float32", "float32"))
        >>> error.max_error, error.relative_error, f"{error.tolerance:.1e}"
        (0.5, 0.25, '3.5e-04')
        """
        if base.shape != changed.shape:
            return cls(nan, nan, nan)
        tolerance = max(sqrt(epsilon(dtype)) for dtype in dtypes)
        largest = float(np.max(np.abs(base, dtype=np.float64), initial=0.0))
        with np.errstate(invalid="ignore", over="ignore"):
            error = float(np.max(np.abs(np.subtract(changed, base, dtype=np.float64)), initial=0.0))
        if not np.isfinite([largest, error]).all():
            return cls(nan, nan, tolerance)
        return cls(error, error / largest if largest else (nan if error else 0.0), tolerance)


def first_above_tolerance(
    relative_errors: NDArray[np.float64], tolerances: NDArray[np.float64]
) -> int | None:
    """Return the index of the first error that is above its tolerance, or NaN; None if none is.

    Examples
    --------
    >>> first_above_tolerance(np.array([nan, 1e-7, 0.2]), np.array([nan, 1e-4, 1e-4]))
    2
    """
    above = ~np.isnan(tolerances) & ~(relative_errors <= tolerances)
    return int(np.argmax(above)) if above.any() else None
