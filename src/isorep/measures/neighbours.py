"""Nearest neighbours of each sample, with a rule for ties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from isorep._utils.arrays import epsilon
from isorep.core.basis import Basis
from isorep.core.kernel import CHUNK, Kernel, Matrix

Metric = Literal["cosine", "euclidean"]
Indices = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

TIE = 1e-13
"""Difference of squared distances, relative to the squared norms that enter them, below which they
differ only by rounding and are ties."""

UNIT_ROUNDING = 4 * epsilon("float64")
"""Rounding of the coordinates of a unit vector."""

GROUPS = 4
"""Groups of columns for each of the smallest numbers of a row that are sought."""

ZERO_COSINE = 2.0
"""Squared distance of unit vectors whose cosine is 0; samples of zeros have it to all others."""


def kernel_of(basis: Basis, metric: Metric, max_samples: int | None, seed: int) -> Kernel:
    """Return the samples, scaled to unit norm for cosines."""
    kernel = Kernel.from_basis(
        basis, centred=metric == "euclidean", max_samples=max_samples, seed=seed
    )
    return kernel.directions() if metric == "cosine" else kernel


def nearest(kernel: Kernel, k: int, metric: Metric, samples: Indices | None = None) -> Indices:
    """Return the k nearest neighbours of each sample, (m, k), nearest first, ties by lower index.

    Or only those of some `samples`, given by their indices. The distances are computed in blocks
    of rows.

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
    kernel, zeros = centred(kernel, metric)
    samples = np.arange(m) if samples is None else samples
    neighbours = np.empty((len(samples), k), dtype=np.int64)
    for block in kernel.blocks(len(samples)):
        rows = samples[block]
        distances = kernel.squared_distances(rows)
        distances[zeros[rows]] = distances[:, zeros] = ZERO_COSINE
        # No sample is its own neighbour.
        distances[np.arange(len(rows)), rows] = np.inf
        neighbours[block] = smallest(distances, kernel.squares[rows], k, metric)
    return neighbours


def centred(kernel: Kernel, metric: Metric) -> tuple[Kernel, Flags]:
    """Return the samples with digits for small distances, and which are zeros without a direction.

    Half the squared distance of unit vectors is 1 - cosine. Centring them keeps the digits of their
    differences if all share a large common direction.
    """
    if metric == "euclidean":
        return kernel, np.zeros(kernel.n_samples, dtype=np.bool_)
    points = kernel.points
    zeros: Flags = ~np.any(points, axis=1)
    return replace(kernel, points=points - points.mean(axis=0)), zeros


def smallest(distances: Matrix, squares: Matrix, k: int, metric: Metric) -> Indices:
    """Return the columns of the k smallest distances of each row, (rows, k), smallest first.

    Ties within rounding come in the order of their columns.

    Parameters
    ----------
    distances : (rows, columns) array
        Squared distances; infinity, at least once a row, is the last of all.
    squares : (rows,) array
        Squared norms of the samples that the distances are from.
    k : int
        Number of columns, less than there are.
    metric : {"cosine", "euclidean"}
        Whether the samples had unit norm.
    """
    near = _smallest_in_any_order(distances, k + 1)
    sizes = np.take_along_axis(distances, near, axis=1)
    order = np.argsort(sizes, axis=1)
    sizes = np.take_along_axis(sizes, order, axis=1)
    columns: Indices = np.take_along_axis(near, order, axis=1)[:, :k]
    last = sizes[:, k - 1]
    # The squared norm of a neighbour is at most 2 (square + last).
    norms = 3 * squares + 2 * last
    tie = TIE * norms + (UNIT_ROUNDING * np.sqrt(norms) if metric == "cosine" else 0.0)
    for i in np.flatnonzero((sizes[:, 1:] <= sizes[:, :-1] + tie[:, None]).any(axis=1)):
        candidates = np.flatnonzero(distances[i] <= last[i] + tie[i])
        columns[i] = _in_order(distances[i], candidates, tie[i], k)
    return columns


def _smallest_in_any_order(distances: Matrix, count: int) -> Indices:
    """Return the columns of the `count` smallest numbers of each row, (rows, count).

    The columns are cut into groups. At least `count` numbers are not above the `count`-th smallest
    of the least numbers of the groups, and few others are; only these are partitioned.
    """
    rows, columns = distances.shape
    width = columns // (GROUPS * count)
    if width > 1:
        groups = distances[:, : GROUPS * count * width].reshape(rows, GROUPS * count, width)
        bounds = np.partition(groups.min(axis=2), count - 1, axis=1)[:, count - 1]
        row, column = np.nonzero(distances <= bounds[:, None])
        counts = np.bincount(row, minlength=rows)
        most = int(counts.max())
        if most < columns // 4:  # more are tied
            places = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
            candidates = np.zeros((rows, most), dtype=np.int64)
            sizes = np.full((rows, most), np.inf)
            candidates[row, places] = column
            sizes[row, places] = distances[row, column]
            best = np.argpartition(sizes, count - 1, axis=1)[:, :count]
            return np.take_along_axis(candidates, best, axis=1)
    return np.argpartition(distances, count - 1, axis=1)[:, :count]


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
