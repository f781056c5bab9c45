"""Kernel: distances and inner products between the samples of one representation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep._utils.cached_property import cached_property
from isorep.core.basis import Basis

Matrix = np.ndarray[Any, np.dtype[np.float64]]
Rows = slice | NDArray[np.int64]

CHUNK = 2**25
"""Size in bytes of a block of rows of an n x n matrix."""

MOST_ROWS = 512
"""Largest number of rows of a block. Larger blocks are not faster, and of a symmetric matrix they
compute more entries twice."""

ROUNDING = 1e-12
"""Norm, relative to the largest, below which a sample is zero up to rounding."""


class MatrixRows(Protocol):
    """Function that returns some rows of an m x m matrix, from a first column on."""

    def __call__(self, rows: slice, start: int = 0, /) -> Matrix:
        """Return the rows, (rows, m - start); `start` is at most the first of the rows."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Distances and inner products between the samples of one representation.

    Make one with `from_basis`. The n x n matrices come in blocks of rows, on the CPU and in
    float64, so that sums over them need little memory.

    Attributes
    ----------
    points : (m, r) float64 array
        The samples, in units of the largest coordinate.
    like : array, optional
        An array of the library and on the device that multiply samples by samples, such as a GPU.
        By default NumPy does.
    """

    points: Matrix
    like: Array | None = None

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
        samples = basis.scores if centred else basis.samples
        points = to_numpy(samples)
        if max_samples is not None and max_samples < len(points):
            rng = np.random.default_rng(seed)
            points = points[np.sort(rng.choice(len(points), max_samples, replace=False))]
        largest = np.abs(points).max()
        # Squares of much larger or smaller values could overflow or underflow.
        like = None if isinstance(samples, np.ndarray) else samples[:1, :]
        return cls(points / largest if largest > 0 else points, like)

    @property
    def n_samples(self) -> int:
        """Number of samples, m."""
        return len(self.points)

    def directions(self) -> Kernel:
        """Return the samples scaled to unit norm; samples of zeros stay zero."""
        norms = np.linalg.norm(self.points, axis=1, keepdims=True)
        nonzero = norms > ROUNDING * norms.max()
        zeros = np.zeros_like(self.points)
        return replace(self, points=np.divide(self.points, norms, out=zeros, where=nonzero))

    @cached_property
    def _device_points(self) -> Array:
        return self._at_device(self.points)

    def _at_device(self, points: Matrix) -> Array:
        xp = array_namespace(self.like)
        moved: Array = xp.asarray(points, device=device(self.like))
        return moved

    @cached_property
    def squares(self) -> Matrix:
        """Squared norms of the samples, (m,)."""
        squares: Matrix = np.einsum("ij,ij->i", self.points, self.points)
        return squares

    def blocks(self, n_rows: int | None = None) -> Iterator[slice]:
        """Yield blocks of rows; a block of an m x m matrix has at most about `CHUNK` bytes.

        With `n_rows`, the matrix has only so many rows.
        """
        n_rows = self.n_samples if n_rows is None else n_rows
        size = min(MOST_ROWS, max(1, CHUNK // (8 * self.n_samples)))
        for start in range(0, n_rows, size):
            yield slice(start, min(start + size, n_rows))

    def inner_products(self, rows: Rows, start: int = 0) -> Matrix:
        """Return the inner products of some samples with all from `start` on, (rows, m - start)."""
        if self.like is None:
            products: Matrix = self.points[rows] @ self.points[start:].T
            return products
        part = self._at_device(self.points[rows])
        # Arrays of some libraries cannot be written to.
        return np.require(to_numpy(part @ self._device_points[start:, :].T), requirements="W")

    def squared_distances(self, rows: Rows, start: int = 0) -> Matrix:
        """Return the squared distances of some samples to all from `start` on, (rows, m - start).

        `start` is at most the first of the rows.
        """
        distances = self.inner_products(rows, start)
        distances *= -2
        distances += self.squares[rows, None]
        distances += self.squares[start:]
        np.maximum(distances, 0, out=distances)
        itself = np.arange(self.n_samples)[rows] - start
        distances[np.arange(len(distances)), itself] = 0
        return distances

    def pairs(self, matrix: MatrixRows) -> Iterator[Matrix]:
        """Yield the upper triangle of a symmetric matrix, without its diagonal, in parts.

        The m (m - 1) / 2 numbers come row by row. A part has at most about `CHUNK` bytes.
        """
        for rows in self.blocks():
            if rows.start < self.n_samples - 1:
                yield _right_of_diagonal(matrix(rows, rows.start))


def _right_of_diagonal(block: Matrix) -> Matrix:
    return np.concatenate([row[i + 1 :] for i, row in enumerate(block)])
