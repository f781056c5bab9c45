"""What the neighbourhood measures share: each sample's nearest others, with ties decided."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from isorep._utils.arrays import epsilon
from isorep._utils.validation import unknown_name
from isorep.core.basis import Basis
from isorep.core.kernel import Kernel, Matrix

Metric = Literal["cosine", "euclidean"]
Indices = np.ndarray[Any, np.dtype[np.int64]]

TIE = 1e-13
"""Squared distances that differ by less, as a part of the squared norms that they are made of, are
equal but for rounding: ties."""

UNIT_ROUNDING = 4 * epsilon("float64")
"""Of the coordinates of a unit vector."""


def kernel_of(basis: Basis, metric: Metric, max_samples: int | None, seed: int) -> Kernel:
    """Return the samples, at unit norm for cosines."""
    if metric not in get_args(Metric):
        raise ValueError(unknown_name("metric", str(metric), get_args(Metric)))
    kernel = Kernel.from_basis(
        basis, centred=metric == "euclidean", max_samples=max_samples, seed=seed
    )
    return kernel.directions() if metric == "cosine" else kernel


def nearest(kernel: Kernel, k: int, metric: Metric) -> Indices:
    """Return each sample's k nearest others, nearest first, (m, k); the lower index of equals.

    Raises
    ------
    ValueError
        When `k` is not in [1, m - 1].
    """
    m = kernel.n_samples
    if not 1 <= k < m:
        raise ValueError(
            f"k is how many of the {m - 1} other samples are neighbours, not {k}: pass k from 1 to "
            f"{m - 1}"
        )
    nothing = np.zeros(m, dtype=np.bool_)
    if metric == "cosine":
        nothing |= ~kernel.points.any(axis=1)
        # Of unit vectors half the squared distance is 1 - cosine. From their mean, what tells
        # samples apart is not lost behind a direction that all have in common.
        kernel = Kernel(kernel.points - kernel.points.mean(axis=0))
    squares = np.square(kernel.points).sum(axis=1)
    found = np.empty((m, k), dtype=np.int64)
    for rows in kernel.blocks():
        far = kernel.squared_distances(rows)
        far[nothing[rows]] = far[:, nothing] = 2.0  # the cosine of zeros is 0
        # No sample is its own neighbour.
        far[np.arange(len(far)), np.arange(rows.start, rows.stop)] = np.inf
        last = np.partition(far, k - 1, axis=1)[:, k - 1]
        # No neighbour's own squared norm is more than 2 (square + last).
        norms = 3 * squares[rows] + 2 * last
        tie = TIE * norms + (UNIT_ROUNDING * np.sqrt(norms) if metric == "cosine" else 0.0)
        for i, row in enumerate(far):
            near = np.flatnonzero(row <= last[i] + tie[i])
            found[rows.start + i] = _in_order(row, near, tie[i], k)
    return found


def _in_order(far: Matrix, candidates: Indices, tie: float, k: int) -> Indices:
    """Return the k nearest candidates, those within rounding of the nearest of them by index."""
    candidates = candidates[np.argsort(far[candidates], kind="stable")]
    sizes = far[candidates]
    start = 0
    while start < k:
        stop = int(np.searchsorted(sizes, sizes[start] + tie, side="right"))
        candidates[start:stop].sort()
        start = stop
    return candidates[:k]


def neighbours(
    x: Basis, y: Basis, k: int, metric: Metric, max_samples: int | None, seed: int
) -> tuple[Indices, Indices]:
    """Return the nearest others of each sample in x and in y."""
    one, other = (nearest(kernel_of(side, metric, max_samples, seed), k, metric) for side in (x, y))
    return one, other


def shared(x: Indices, y: Indices) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return whether x's i-th and y's j-th neighbour of a sample are one, (m, k, k)."""
    same: np.ndarray[Any, np.dtype[np.bool_]] = x[:, :, None] == y[:, None, :]
    return same
