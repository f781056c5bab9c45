"""Bartlett's factor: a Gaussian sample as few rows, from which canonical correlations follow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class BartlettFactor:
    """A Gaussian sample in canonical coordinates, as few rows with the same second moments.

    Bartlett's decomposition: ``T^T T`` with T upper triangular, normal above the diagonal and chi
    on it, has the law of the scatter of n centred samples of a + b uncorrelated coordinates. So T
    replaces the samples, and has a + b rows for every n. One factor serves many populations, so
    that their samples differ only by the population.

    Parameters
    ----------
    n_samples : float
        Number of samples n, not necessarily an integer.
    x_rank, y_rank : int
        Ranks a and b, with a + b <= n - 1.
    rng : numpy.random.Generator
        Random generator.
    """

    def __init__(
        self, n_samples: float, x_rank: int, y_rank: int, rng: np.random.Generator
    ) -> None:
        size = x_rank + y_rank
        factor = rng.standard_normal((size, size))
        factor *= _above_diagonal(size)
        np.fill_diagonal(factor, np.sqrt(rng.chisquare(n_samples - 1 - np.arange(size))))
        self.x = factor[:x_rank, :x_rank]
        self.rest = factor[:, x_rank:]

    def correlations(self, population: Floats) -> Floats:
        """Return the sample's correlations, descending, for the population's correlations."""
        (correlations,) = sample_correlations([self], population)
        return np.asarray(correlations)


@lru_cache(maxsize=8)
def _above_diagonal(size: int) -> Floats:
    """Return 1 above the diagonal and 0 elsewhere, (size, size)."""
    return np.triu(np.ones((size, size)), 1)


def y_coordinates(factors: Sequence[BartlettFactor], correlations: Floats) -> Floats:
    """Return y's coordinates of each sample, (n, a + b, b): first in the a rows of x."""
    x, y = (np.array([getattr(factor, part) for factor in factors]) for part in ("x", "rest"))
    a, c = x.shape[1], len(correlations)
    y[:, :, :c] *= np.sqrt(np.maximum(1 - correlations**2, 0.0))  # rounding may make one exceed 1
    y[:, :a, :c] += x[:, :, :c] * correlations
    return y


def sample_correlations(factors: Sequence[BartlettFactor], population: Floats) -> Floats:
    """Return the correlations of each sample, (b, c), for the population's correlations."""
    y = y_coordinates(factors, population)
    lower = np.linalg.cholesky(y.mT @ y)
    matrix = np.linalg.solve(lower, y[:, : len(factors[0].x)].mT)
    wide = matrix.shape[1] <= matrix.shape[2]
    square = matrix @ matrix.mT if wide else matrix.mT @ matrix
    correlations: Floats = np.sqrt(np.clip(np.linalg.eigvalsh(square)[:, ::-1], 0.0, 1.0))
    return correlations
