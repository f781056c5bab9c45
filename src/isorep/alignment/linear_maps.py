"""Linear maps: matrices from the centred features of one side to those of the other, and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike, as_samples, check_finite, to_numpy
from isorep._utils.linalg import svd

Floats = NDArray[np.float64]


class LinearMaps(NamedTuple):
    """Matrices between centred features.

    Attributes
    ----------
    forward : (p, q) float64 array
        From x to y.
    backward : (q, p) float64 array
        From y to x.
    """

    forward: Floats
    backward: Floats


def centred(samples: ArrayLike, mean: Floats, name: str) -> Floats:
    """Return samples minus a mean, (m, p).

    Raises
    ------
    TypeError, ValueError
        If `samples`, called `name`, is no array of real numbers with p features, or holds NaN or
        infinity.
    """
    values: Floats = to_numpy(as_samples(samples, name, fewest=1)[0])
    if values.shape[1] != len(mean):
        raise ValueError(
            f"{name} must have {len(mean)} features, as the samples that the maps were fitted to, "
            f"got {values.shape[1]}"
        )
    check_finite(np, values, name)
    return values - mean


def thin_svd(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the thin ``U, s, Vt`` of a matrix, s descending."""
    u, s, vt = (to_numpy(part) for part in svd(np, matrix))
    return u, s, vt
