"""Kernel: distances and inner products between the samples of one representation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis

Matrix = np.ndarray[Any, np.dtype[np.float64]]

CHUNK = 2**26
"""Size in bytes of a block of rows of an n x n matrix."""

BUDGET = 2**32
"""Largest number of bytes of n x n numbers that one measure may hold."""

ROUNDING = 1e-12
"""Norm, relative to the largest, below which a sample is zero up to rounding."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Distances and inner products between the samples of one representation.

    Make one with `from_basis`. The n x n matrices come in blocks of rows, on the CPU and in
    float64, so that sums over them need little memory.

    Attributes
    ----------
    points : (m, r) float64 array
        The samples, in units of the largest coordinate.
    """

    points: Matrix

    @classmethod
    def from_basis(
        cls,
        basis: Basis,
        *,
        centred: bool = True,
        max_samples: int | None = None,
        seed: int = 0,
    ) -> Kernel:
        """Take the samples, or a random part of them, from a basis.

        Parameters
        ----------
        basis : Basis
            The representation.
        centred : bool
            Whether to subtract the features' means, which is cheaper and does not change distances.
        max_samples : int, optional
            Largest number of samples, drawn without replacement.
        seed : int
            Random seed of the draw: the same seed draws the same rows of all bases of n samples.

        Raises
        ------
        ValueError
            If `max_samples` is less than 2.

        Examples
        --------
        >>> import numpy as np
        >>> basis = Basis.from_array(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 5.0]]))
        >>> kernel = Kernel.from_basis(basis)
        >>> squares = kernel.squared_distances(slice(0, 3))
        >>> (squares / squares[0, 1]).round(6)
        array([[0. , 1. , 1. ],
               [1. , 0. , 0.4],
               [1. , 0.4, 0. ]])
        """
        if max_samples is not None and max_samples < 2:
            raise ValueError(f"max_samples must be 2 or more, got {max_samples}")
        points = to_numpy(basis.scores if centred else basis.samples)
        if max_samples is not None and max_samples < len(points):
            rng = np.random.default_rng(seed)
            points = points[np.sort(rng.choice(len(points), max_samples, replace=False))]
        largest = np.abs(points).max()
        # Squares of much larger or smaller values could overflow or underflow.
        return cls(points / largest if largest > 0 else points)

    @property
    def n_samples(self) -> int:
        """Number of samples, m."""
        return len(self.points)

    def directions(self) -> Kernel:
        """Return the samples scaled to unit norm; samples of zeros stay zero."""
        norms = np.linalg.norm(self.points, axis=1, keepdims=True)
        nonzero = norms > ROUNDING * norms.max()
        return Kernel(np.divide(self.points, norms, out=np.zeros_like(self.points), where=nonzero))

    def blocks(self) -> Iterator[slice]:
        """Yield blocks of rows; a block of rows of an m x m matrix has about `CHUNK` bytes."""
        size = max(1, CHUNK // (8 * self.n_samples))
        for start in range(0, self.n_samples, size):
            yield slice(start, min(start + size, self.n_samples))

    def inner_products(self, rows: slice) -> Matrix:
        """Return the inner products of some samples with all samples, (rows, m)."""
        products: Matrix = self.points[rows] @ self.points.T
        return products

    def squared_distances(self, rows: slice) -> Matrix:
        """Return the squared Euclidean distances of some samples to all samples, (rows, m)."""
        squares = np.einsum("ij,ij->i", self.points, self.points)
        distances = self.inner_products(rows)
        distances *= -2
        distances += squares[rows, None]
        distances += squares
        np.maximum(distances, 0, out=distances)
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = 0
        return distances

    def pairs(self, matrix: Callable[[slice], Matrix]) -> Matrix:
        """Return the upper triangle, (m (m - 1) / 2,), of a matrix computed in blocks of rows."""
        m = self.n_samples
        triangle = np.empty(m * (m - 1) // 2)
        end = 0
        for rows in self.blocks():
            for i, row in enumerate(matrix(rows), start=rows.start):
                start, end = end, end + m - 1 - i
                triangle[start:end] = row[i + 1 :]
        return triangle


def check_memory(name: str, n_samples: int, numbers: float, max_samples: int | None) -> None:
    """Raise ValueError if a measure would need more than `BUDGET` bytes for pairs of samples.

    Parameters
    ----------
    name : str
        Name of the measure.
    n_samples : int
        Number of samples.
    numbers : float
        Number of float64 values that the measure holds for each entry of an n x n matrix.
    max_samples : int or None
        The measure's option.
    """
    m = n_samples if max_samples is None else min(n_samples, max_samples)
    needed = 8 * numbers * m * m
    if needed > BUDGET:
        fitting = int((BUDGET / (8 * numbers)) ** 0.5) // 100 * 100
        raise ValueError(
            f"{name} of {m} samples needs about {needed / 2**30:.1f} GiB for pairs of samples and "
            f"may take {BUDGET / 2**30:.1f} GiB: pass max_samples={fitting} or fewer to compare a "
            "random part of the samples"
        )
