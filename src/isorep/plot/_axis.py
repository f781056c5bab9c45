"""What every figure says of a measure: the range of its axis or colours, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Quantity = Literal["similarity", "distance"]


def bounds(whole: Sequence[float], values: ArrayLike) -> tuple[float, float]:
    """Return a measure's range, ended by the greatest of `values` where it has no end.

    Examples
    --------
    >>> bounds((0.0, 1.0), [0.2, 0.5]), bounds((0.0, np.inf), [3.0, np.nan, 70.0])
    ((0.0, 1.0), (0.0, 70.0))
    """
    low, high = (float(bound) for bound in whole)
    if np.isfinite(high):
        return low, high
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    greatest = float(finite.max()) if finite.size else low
    return low, greatest if greatest > low else low + 1.0


def described(quantity: str, units: str) -> str:
    """Name a quantity, its units and its direction.

    Examples
    --------
    >>> described("pwcca distance", "1"), described("similarity", "1")
    ('pwcca distance, 0 is the same', 'similarity, 1 is the same')
    >>> described("distance", "radians")
    'distance (radians), 0 is the same'
    """
    same = "0 is the same" if quantity.endswith("distance") else "1 is the same"
    return f"{quantity}, {same}" if units == "1" else f"{quantity} ({units}), {same}"
