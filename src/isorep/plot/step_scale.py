"""Step scale: whether the steps of a trajectory are drawn on a logarithmic axis."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scale = Literal["auto", "linear", "log"]

_WIDE = 20
"""Factor between the least and the greatest step from which a logarithmic axis is considered."""


def is_geometric(steps: ArrayLike) -> bool:
    """Return whether steps grow by factors, such as 1, 2, 5, 10, 20, 50 or 0, 1, 10, 100.

    They span a factor of at least 20, and the gaps between their logarithms vary less than half as
    much as the gaps between the steps, relative to their means. Step 0 does not count.

    Examples
    --------
    >>> is_geometric([0, 1, 4, 16, 64]), is_geometric(range(0, 100, 10))
    (True, False)
    """
    values = np.asarray(steps)
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all() or (values < 0).any():
        return False
    positive = np.unique(values[values > 0]).astype(float)
    if len(positive) < 3 or positive[-1] < _WIDE * positive[0]:
        return False
    return _variation(np.log(positive)) < _variation(positive) / 2


def log_positions(steps: ArrayLike) -> NDArray[np.float64]:
    """Return the places of steps on a logarithmic axis.

    Step 0, which such an axis does not have, is one gap left of the least other step.

    Examples
    --------
    >>> log_positions([0, 1, 4, 16]).tolist()
    [0.25, 1.0, 4.0, 16.0]
    """
    values = np.asarray(steps, dtype=float)
    positive = np.unique(values[values > 0])
    zero = positive[0] ** 2 / positive[1] if len(positive) > 1 else positive[0] / 2
    return np.where(values == 0, zero, values)


def _variation(values: NDArray[np.float64]) -> float:
    gaps = np.diff(values)
    return float(gaps.std() / gaps.mean())
