"""Embedding: points in a plane, as far apart as the items they stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def embedding(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Place items in a plane by classical multidimensional scaling.

    With ``J = I - 1/n`` and D the distances, the mean of both orders where they differ, the
    coordinates are the two leading eigenvectors of ``-J D^2 J / 2`` times the roots of their
    eigenvalues. Each coordinate has the sign that makes its greatest value positive.

    Parameters
    ----------
    distances : (n, n) array
        Finite.

    Returns
    -------
    points : (n, 2) float64 array
        Their distances are as near those given as two dimensions allow, in the sense of the
        eigenvalues.
    share : float
        The two eigenvalues over the sum of the positive ones: 1 where two dimensions suffice. 1
        too where all items are in one place.

    References
    ----------
    Torgerson 1952, Multidimensional scaling: I. Theory and method.

    Examples
    --------
    Three towns on a road:

    >>> at = np.array([0.0, 1.0, 4.0])
    >>> points, share = embedding(abs(at[:, None] - at))
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
