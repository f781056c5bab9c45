"""Kernel leave one out: similarities of kernels without each sample, from sums of their rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep.core.kernel import Kernel, MatrixRows

Floats = NDArray[np.float64]


class _Sums(NamedTuple):
    """Sums over two symmetric matrices K and L whose diagonals are zero.

    Attributes
    ----------
    shared : (n,) array
        ``sum_i K_ij L_ij``.
    x, y : (n,) array
        Sums of the rows of K and of L.
    x_weighted, y_weighted : (n,) array
        ``sum_i K_ij l_i`` and ``sum_i L_ij k_i``, with the sums k and l of the rows.
    """

    shared: Floats
    x: Floats
    y: Floats
    x_weighted: Floats
    y_weighted: Floats

    def without(self, unbiased: bool) -> Floats:
        """Return the HSIC of the other n - 1 samples, times a factor common to all, (n,)."""
        k, l = self.x, self.y  # noqa: E741
        m = len(k) - 1
        total = np.sum(self.shared) - 2 * self.shared
        rows = k @ l - k * l - self.y_weighted - self.x_weighted + self.shared
        sums = (np.sum(k) - 2 * k) * (np.sum(l) - 2 * l)
        if unbiased:
            return np.asarray(total - 2 / (m - 2) * rows + sums / ((m - 1) * (m - 2)))
        return np.asarray(total - 2 / m * rows + sums / m**2)


def alignment_without(
    kernel: Kernel, x: MatrixRows, y: MatrixRows, *, unbiased: bool = False
) -> Floats:
    """Return the alignment ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` without each sample, (n,).

    Without sample j the sum over ``K_il L_il`` loses twice column j, and every sum of a row i
    loses ``K_ij``; so sums over all samples, and two products of a matrix with a vector, suffice.

    Parameters
    ----------
    kernel : Kernel
        The samples.
    x, y : callable
        Functions that return some rows of K and of L, (rows, n), with zeros on the diagonal.
    unbiased : bool
        Whether HSIC is the unbiased estimate.
    """
    n = kernel.n_samples
    x_sums, y_sums = np.empty((2, n))
    for rows in kernel.blocks():
        x_sums[rows], y_sums[rows] = x(rows).sum(axis=1), y(rows).sum(axis=1)
    parts = np.empty((7, n))
    for rows in kernel.blocks():
        k, l = x(rows), y(rows)  # noqa: E741
        parts[:, rows] = [
            np.einsum("ij,ij->i", k, l),
            np.einsum("ij,ij->i", k, k),
            np.einsum("ij,ij->i", l, l),
            k @ x_sums,
            k @ y_sums,
            l @ x_sums,
            l @ y_sums,
        ]
    xy, xx, yy, x_by_x, x_by_y, y_by_x, y_by_y = parts
    shared = _Sums(xy, x_sums, y_sums, x_by_y, y_by_x).without(unbiased)
    own_x = _Sums(xx, x_sums, x_sums, x_by_x, x_by_x).without(unbiased)
    own_y = _Sums(yy, y_sums, y_sums, y_by_y, y_by_y).without(unbiased)
    return np.asarray(shared / np.sqrt(own_x * own_y))
