"""Thresholding: a representation without its directions of low variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST = 0.02
"""Smallest variance of a kept direction, as a share of the largest; the paper names no number."""


def thresholded(array: ArrayLike, least: float = LEAST) -> NDArray[np.float64]:
    """Return a centred (n, p) representation without its directions of low variance.

    The directions are principal components. All neurons stay, so that projection weights still sum
    over them.

    Examples
    --------
    >>> thresholded([[9, 0], [-9, 0], [0, 1], [0, -1]]).round(9).tolist()
    [[9.0, 0.0], [-9.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    centred = np.asarray(array, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    kept = s**2 >= least * s[0] ** 2
    rest: NDArray[np.float64] = (u[:, kept] * s[kept]) @ vt[kept]
    return rest
