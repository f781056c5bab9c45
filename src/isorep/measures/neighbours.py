"""Nearest neighbours of each sample, with a rule for ties."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from isorep._utils.arrays import epsilon
from isorep.core.basis import Basis
from isorep.core.kernel import CHUNK, Kernel, Matrix

Metric = Literal["cosine", "euclidean"]
Indices = np.ndarray[Any, np.dtype[np.int64]]

TIE = 1e-13
"""Difference of squared distances, relative to the squared norms that enter them, below which they
differ only by rounding and are ties."""

UNIT_ROUNDING = 4 * epsilon("float64")
"""Rounding of the coordinates of a unit vector."""


def kernel_of(basis: Basis, metric: Metric, max_samples: int | None, seed: int) -> Kernel:
    """Return the samples, scaled to unit norm for cosines."""
    kernel = Kernel.from_basis(
        basis, centred=metric == "euclidean", max_samples=max_samples, seed=seed
    )
    return kernel.directions() if metric == "cosine" else kernel


def nearest(kernel: Kernel, k: int, metric: Metric) -> Indices:
    """Return the k nearest neighbours of each sample, (m, k), nearest first, ties by lower index.

    Raises
    ------
    ValueError
        If `k` is not in [1, m - 1].
    """
    m = kernel.n_samples
    if not 1 <= k < m:
        raise ValueError(
            f"k must be a number of neighbours among the {m - 1} other samples, from 1 to {m - 1}, "
            f"got {k}"
        )
    zeros = np.zeros(m, dtype=np.bool_)
    if metric == "cosine":
        zeros |= ~kernel.points.any(axis=1)
        # Half the squared distance of unit vectors is 1 - cosine. Centring them keeps the digits of
        # their differences if all share a large common direction.
        kernel = Kernel(kernel.points - kernel.points.mean(axis=0))
    neighbours = np.empty((m, k), dtype=np.int64)
    for rows in kernel.blocks():
        distances = kernel.squared_distances(rows)
        distances[zeros[rows]] = distances[:, zeros] = 2.0  # the cosine of zeros is 0
        # No sample is its own neighbour.
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = np.inf
        # The sample itself, at infinity, is the last of all.
        near = np.argpartition(distances, k, axis=1)[:, : k + 1]
        sizes = np.take_along_axis(distances, near, axis=1)
        order = np.argsort(sizes, axis=1)
        sizes = np.take_along_axis(sizes, order, axis=1)
        neighbours[rows] = np.take_along_axis(near, order, axis=1)[:, :k]
        last = sizes[:, k - 1]
        # The squared norm of a neighbour is at most 2 (square + last).
        norms = 3 * kernel.squares[rows] + 2 * last
        tie = TIE * norms + (UNIT_ROUNDING * np.sqrt(norms) if metric == "cosine" else 0.0)
        for i in np.flatnonzero((sizes[:, 1:] <= sizes[:, :-1] + tie[:, None]).any(axis=1)):
            candidates = np.flatnonzero(distances[i] <= last[i] + tie[i])
            neighbours[rows.start + i] = _in_order(distances[i], candidates, tie[i], k)
    return neighbours


def _in_order(distances: Matrix, candidates: Indices, tie: float, k: int) -> Indices:
    """Return the k nearest candidates; ties within rounding come in the order of their indices."""
    candidates = candidates[np.argsort(distances[candidates], kind="stable")]
    sizes = distances[candidates]
    start = 0
    while start < k:
        stop = int(np.searchsorted(sizes, sizes[start] + tie, side="right"))
        candidates[start:stop].sort()
        start = stop
    return candidates[:k]


def neighbours(
    x: Basis, y: Basis, k: int, metric: Metric, max_samples: int | None, seed: int
) -> tuple[Indices, Indices]:
    """Return the nearest neighbours of each sample in x and in y."""
    x_kernel, y_kernel = (kernel_of(side, metric, max_samples, seed) for side in (x, y))
    return nearest(x_kernel, k, metric), nearest(y_kernel, k, metric)


def shared(x: Indices, y: Indices, weights: Matrix | None = None) -> Matrix:
    """Return the number of neighbours that each sample has in both x and y, (m,).

    With `weights`, (k, k), sum the weight [i, j] if the i-th neighbour in x is the j-th in y.
    """
    m, k = x.shape
    sums = np.empty(m)
    size = max(1, CHUNK // (8 * k * k))
    for start in range(0, m, size):
        rows = slice(start, start + size)
        same = x[rows, :, None] == y[rows, None, :]
        sums[rows] = np.sum(same if weights is None else same * weights, axis=(1, 2))
    return sums
