"""What the neighbourhood measures share: each sample's nearest others, with ties decided."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from isorep._names import unknown_name
from isorep.basis import Basis
from isorep.kernel import Kernel, Matrix

Metric = Literal["cosine", "euclidean"]
Indices = np.ndarray[Any, np.dtype[np.int64]]

TIE = 1e-13
"""Cosines, or squared distances over the largest, that differ by less are equal but for rounding:
ties."""


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
    unit = 1.0 if metric == "cosine" else np.square(kernel.points).sum(axis=1).max()
    found = np.empty((m, k), dtype=np.int64)
    for rows in kernel.blocks():
        far = kernel.squared_distances(rows) if metric != "cosine" else -kernel.inner_products(rows)
        # No sample is its own neighbour.
        far[np.arange(len(far)), np.arange(rows.start, rows.stop)] = np.inf
        last = np.partition(far, k - 1, axis=1)[:, k - 1] + TIE * unit
        for i, row in enumerate(far):
            found[rows.start + i] = _in_order(row, np.flatnonzero(row <= last[i]), TIE * unit)[:k]
    return found


def _in_order(far: Matrix, candidates: Indices, tie: float) -> Indices:
    """Sort candidates by how far they are, those within rounding of each other by index."""
    candidates = candidates[np.argsort(far[candidates], kind="stable")]
    place = np.cumsum(np.diff(far[candidates], prepend=0.0) > tie)
    return candidates[np.lexsort((candidates, place))]


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
