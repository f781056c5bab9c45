"""Embedding: points in a plane whose distances approximate given distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def embedding(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Place items in a plane by classical multidimensional scaling.

    The coordinates are the two leading eigenvectors of ``-J D^2 J / 2``, times the square roots of
    their eigenvalues, with ``J = I - 1/n`` and D the distances. If D is not symmetric, D is the
    mean of D and its transpose. Each column's entry of largest absolute value is positive.

    Parameters
    ----------
    distances : (n, n) array
        Finite distances.

    Returns
    -------
    points : (n, 2) float64 array
        Coordinates of the items.
    share : float
        Sum of the two leading eigenvalues over the sum of all positive eigenvalues. It is 1 if two
        dimensions suffice, also if all items are at the same point.

    References
    ----------
    Torgerson 1952, Multidimensional scaling: I. Theory and method.

    Examples
    --------
    Three towns on a road:

    >>> positions = np.array([0.0, 1.0, 4.0])
    >>> points, share = embedding(abs(positions[:, None] - positions))
    >>> abs(np.diff(points[:, 0])).round(6), round(share, 6)
    (array([1., 3.]), 1.0)
    """
    n = len(distances)
    squares = ((distances + distances.T) / 2) ** 2
    rows = squares.mean(axis=1)
    doubly_centred = -(squares - rows[:, None] - rows + squares.mean()) / 2
    values, vectors = np.linalg.eigh(doubly_centred)
    leading = np.clip(values[::-1][:2], 0.0, None)
    points = np.zeros((n, 2))
    points[:, : len(leading)] = vectors[:, ::-1][:, :2] * np.sqrt(leading)
    for column in points.T:
        if column[np.argmax(np.abs(column))] < 0:
            column *= -1
    positive = float(values[values > 0].sum())
    return points, float(leading.sum()) / positive if positive > 0 else 1.0
