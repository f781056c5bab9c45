"""Neighbour leave one out: shares of common neighbours without each sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from isorep.measures.neighbours import Indices, shared

Floats = NDArray[np.float64]


def shares_without(x: Indices, y: Indices, share: Callable[[Floats], Floats]) -> Floats:
    """Return the mean share of common neighbours without each sample, (n,); exact.

    Only samples that have the sample among their k neighbours on a side lose it there, and their
    next neighbour takes its place.

    Parameters
    ----------
    x, y : (n, k + 1) int64 arrays
        The k + 1 nearest neighbours of each sample on each side, nearest first.
    share : callable
        Share of common neighbours, from their number.

    Examples
    --------
    Sample 0 has neighbour 1 in x and 2 in y; the other samples have the same neighbour in both:

    >>> x = np.array([[1, 2], [0, 2], [3, 1], [2, 1]])
    >>> y = np.array([[2, 1], [0, 2], [3, 1], [2, 1]])
    >>> shares_without(x, y, lambda common: common).round(2)
    array([1.  , 1.  , 1.  , 0.67])
    """
    n, k = len(x), x.shape[1] - 1
    shares = share(_common(x[:, :k], y[:, :k]))
    changes = np.zeros(n)
    for side, other in ((x, y), (y, x)):
        for i in range(k):
            lost = side[:, i]
            near_on_both = (other[:, :k] == lost[:, None]).any(axis=1)
            # A sample near on both sides is counted from x alone.
            counted = ~near_on_both if side is y else np.ones(n, dtype=bool)
            change = share(_common(_without(side, lost), _without(other, lost))) - shares
            np.add.at(changes, lost[counted], change[counted])
    return np.asarray((shares.sum() - shares + changes) / (n - 1))


def _without(neighbours: Indices, lost: Indices) -> Indices:
    """Return the k nearest of k + 1 neighbours of each sample, (n, k), without one of them."""
    is_lost = neighbours == lost[:, None]
    is_lost[~is_lost.any(axis=1), -1] = True
    nearest: Indices = neighbours[~is_lost].reshape(len(neighbours), -1)
    return nearest


def _common(x: Indices, y: Indices) -> Floats:
    return shared(x, y)
