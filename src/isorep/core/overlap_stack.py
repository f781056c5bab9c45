"""Overlap stack: many overlaps of the same two bases, as after permutations of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import stacked_svds_of_cosines
from isorep._utils.parallel import check_stopped
from isorep.core.basis import Basis
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap, couple, projection_weights


@dataclass(frozen=True, eq=False)
class OverlapStack:
    """Overlaps of x with y after permutations of the rows of y, computed and decomposed together.

    The attributes are those of `Overlap` with one more axis, the first, of length b.

    Attributes
    ----------
    x, y : Basis
        The two representations, as paired.
    orders : (b, n) int64 array
        Order of the rows of y in each overlap.
    matrix : (b, x_rank, y_rank) float64 array
        ``Qx^T Qy[order]`` of each order.
    """

    x: Basis
    y: Basis
    orders: NDArray[np.int64]
    matrix: Array

    @classmethod
    def from_orders(cls, x: Basis, y: Basis, orders: NDArray[np.int64]) -> OverlapStack:
        """Couple x with the rows of y in each of some orders, (b, n).

        Examples
        --------
        >>> samples = np.random.default_rng(0).standard_normal((2, 9, 3))
        >>> x, y = (Basis.from_array(side) for side in samples)
        >>> orders = np.array([np.arange(9), np.arange(9)[::-1]])
        >>> stack = OverlapStack.from_orders(x, y, orders)
        >>> bool(np.allclose(stack.matrix[1], x.q.T @ y.q[::-1]))
        True
        """
        # It is cheaper to reorder the narrower side: x in the inverse orders, or y.
        if y.rank <= x.rank:
            return cls(x, y, orders, _products(y.q, orders, x.q, axes=(1, 0, 2)))
        inverse = np.empty_like(orders)
        np.put_along_axis(inverse, orders, np.arange(orders.shape[1])[None, :], axis=1)
        return cls(x, y, orders, _products(x.q, inverse, y.q, axes=(1, 2, 0)))

    @property
    def n_samples(self) -> int:
        """Rows of both representations."""
        return self.x.n_samples

    @property
    def cross(self) -> Array:
        """``diag(sx) M diag(sy)`` of each overlap, in units of ``x.axes.unit * y.axes.unit``."""
        sx = self.x.singular_values / self.x.axes.unit
        sy = self.y.singular_values / self.y.axes.unit
        scores: Array = sx[:, None] * self.matrix * sy
        return scores

    @property
    def whitened(self) -> Array:
        """The same as `matrix`."""
        return self.matrix

    @cached_property
    def _triplets(self) -> tuple[Array, Array, Array]:
        """U (b, rx, c), the correlations (b, c) and W (b, ry, c)."""
        return stacked_svds_of_cosines(array_namespace(self.matrix), self.matrix)

    @property
    def correlations(self) -> Array:
        """Canonical correlations, (b, c), descending."""
        return self._triplets[1]

    @property
    def x_loadings(self) -> Array:
        """Inner products of x's variates and centred features, (b, c, p)."""
        return _transposed(self._triplets[0]) @ self.x.loadings

    @property
    def y_loadings(self) -> Array:
        """Inner products of y's variates and centred features, (b, c, q)."""
        return _transposed(self._triplets[2]) @ self.y.loadings

    @property
    def x_weights(self) -> Array:
        """Projection weights of x, (b, c)."""
        return projection_weights(self.x_loadings)

    @property
    def y_weights(self) -> Array:
        """Projection weights of y, (b, c)."""
        return projection_weights(self.y_loadings)

    def leading(self, x_rank: int, y_rank: int) -> OverlapStack:
        """Return the overlaps of the leading principal components of both sides."""
        return OverlapStack(
            self.x.leading(x_rank),
            self.y.leading(y_rank),
            self.orders,
            self.matrix[:, :x_rank, :y_rank],
        )

    def __len__(self) -> int:
        return len(self.orders)

    def __iter__(self) -> Iterator[Overlap]:
        return iter(self._overlaps)

    @cached_property
    def _overlaps(self) -> list[Overlap]:
        # With the bases as factors, a permutation needs no rotation.
        x, y = (side.with_factor(side.q) for side in (self.x, self.y))
        y_q = self.y.q
        xp = array_namespace(y_q)
        return [
            Overlap(
                x,
                y.with_factor(xp.take(y_q, xp.asarray(order, device=device(y_q)), axis=0)),
                self.matrix[k, ...],
            )
            for k, order in enumerate(self.orders)
        ]


def reordered(
    overlap: Overlap, orders: Orders, size: int
) -> Iterator[OverlapStack | list[Overlap]]:
    """Yield the overlaps of x with y's samples in each of the orders, up to `size` at a time.

    An order that is no permutation of the samples takes a new basis of y.
    """
    for batch in orders.batches(size):
        if orders.are_permutations:
            yield OverlapStack.from_orders(overlap.x, overlap.y, batch)
            continue
        parts = []
        for order in batch:
            check_stopped()
            rows = array_namespace(overlap.matrix).asarray(order, device=device(overlap.matrix))
            parts.append(couple(overlap.x, overlap.y.take(rows)))
        yield parts


def _products(
    moved: Array, orders: NDArray[np.int64], fixed: Array, axes: tuple[int, int, int]
) -> Array:
    """Return ``fixed.T @ moved[order]`` for each order, (s, b, r) with the axes in another order.

    It is one product. With the many reordered columns first, it would take twice as long.
    """
    xp = array_namespace(moved)
    n, r = moved.shape
    # (n, b, r): the orders of all overlaps, row by row.
    rows = xp.asarray(np.ascontiguousarray(orders.T).ravel(), device=device(moved))
    gathered = xp.reshape(xp.take(moved, rows, axis=0), (n, len(orders) * r))
    products = xp.reshape(fixed.T @ gathered, (fixed.shape[1], len(orders), r))
    # A copy in this order, because decompositions read each overlap several times.
    turned: Array = xp.asarray(xp.permute_dims(products, axes), copy=True)
    return turned


def _transposed(stack: Array) -> Array:
    transposed: Array = array_namespace(stack).matrix_transpose(stack)
    return transposed
