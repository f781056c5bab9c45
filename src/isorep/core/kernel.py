"""Kernel: the samples of one representation, seen from each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis

Matrix = np.ndarray[Any, np.dtype[np.float64]]

CHUNK = 2**26
"""Bytes of each block of rows of an n x n matrix that is at hand at a time."""

BUDGET = 2**32
"""Bytes that one measure may hold of n x n numbers."""

ROUNDING = 1e-12
"""Norm, relative to the largest, under which a sample is zero but for rounding."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Distances and inner products between the samples of one representation.

    Make one with `from_basis`. The n x n matrices are given in blocks of rows, on the host and in
    float64, so that whoever needs sums of them only never holds one.

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
        """Take the samples out of a basis, or some of them.

        Parameters
        ----------
        basis : Basis
            The representation, prepared.
        centred : bool
            Whether to subtract the features' means, which leaves distances as they are and is
            cheaper, or to give the representation itself.
        max_samples : int, optional
            Take at most so many samples, drawn without replacement.
        seed : int
            Of the draw. The same seed draws the same rows of every basis of as many samples.

        Raises
        ------
        ValueError
            When `max_samples` is under 2.

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
            raise ValueError(
                f"max_samples is how many samples to take, 2 or more, not {max_samples}"
            )
        points = to_numpy(basis.scores if centred else basis.samples)
        if max_samples is not None and max_samples < len(points):
            rng = np.random.default_rng(seed)
            points = points[np.sort(rng.choice(len(points), max_samples, replace=False))]
        largest = np.abs(points).max()
        # Squares of anything much larger or smaller could overflow or vanish.
        return cls(points / largest if largest > 0 else points)

    @property
    def n_samples(self) -> int:
        """Samples taken, m."""
        return len(self.points)

    def directions(self) -> Kernel:
        """Return the samples at unit norm; those of zeros stay."""
        norms = np.linalg.norm(self.points, axis=1, keepdims=True)
        alive = norms > ROUNDING * norms.max()
        return Kernel(np.divide(self.points, norms, out=np.zeros_like(self.points), where=alive))

    def blocks(self) -> Iterator[slice]:
        """Cut the rows into blocks whose part of an m x m matrix is about `CHUNK` bytes."""
        size = max(1, CHUNK // (8 * self.n_samples))
        for start in range(0, self.n_samples, size):
            yield slice(start, min(start + size, self.n_samples))

    def inner_products(self, rows: slice) -> Matrix:
        """Return the inner products of some samples with all, (rows, m)."""
        products: Matrix = self.points[rows] @ self.points.T
        return products

    def squared_distances(self, rows: slice) -> Matrix:
        """Return the squared Euclidean distances of some samples to all, (rows, m)."""
        squares = np.einsum("ij,ij->i", self.points, self.points)
        found = self.inner_products(rows)
        found *= -2
        found += squares[rows, None]
        found += squares
        np.maximum(found, 0, out=found)
        found[np.arange(len(found)), np.arange(rows.start, rows.stop)] = 0
        return found

    def pairs(self, matrix: Callable[[slice], Matrix]) -> Matrix:
        """Collect the upper triangle of a matrix given in blocks of rows, (m (m - 1) / 2,)."""
        m = self.n_samples
        found = np.empty(m * (m - 1) // 2)
        end = 0
        for rows in self.blocks():
            for i, row in enumerate(matrix(rows), start=rows.start):
                start, end = end, end + m - 1 - i
                found[start:end] = row[i + 1 :]
        return found


def check_memory(name: str, n_samples: int, numbers: float, max_samples: int | None) -> None:
    """Refuse, before the work, what would hold too many numbers for each pair of samples.

    Parameters
    ----------
    name : str
        Of the measure.
    n_samples : int
        Samples at hand.
    numbers : float
        How many float64 numbers the measure holds for each entry of an n x n matrix.
    max_samples : int or None
        As the caller gave it.

    Raises
    ------
    ValueError
        When that is more than `BUDGET`.
    """
    m = n_samples if max_samples is None else min(n_samples, max_samples)
    needed = 8 * numbers * m * m
    if needed > BUDGET:
        fitting = int((BUDGET / (8 * numbers)) ** 0.5) // 100 * 100
        raise ValueError(
            f"{name} of {m} samples needs about {needed / 2**30:.1f} GiB for numbers of every pair "
            f"of them, and may take {BUDGET / 2**30:.1f}: pass max_samples={fitting} or fewer to "
            "compare a random part of the samples"
        )
