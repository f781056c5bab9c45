"""Inner products of centred n x n matrices, for kernel alignment and distance correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isorep.core.kernel import Kernel, Matrix, MatrixRows

ZERO = 1e-12
"""A centred matrix counts as zero if its squared norm is below this share of the uncentred one."""


@dataclass(frozen=True)
class Product:
    """The inner product of two symmetric n x n matrices, and the sums of their rows.

    These suffice to centre both matrices afterwards without holding them.

    Attributes
    ----------
    total : float
        Inner product of the two matrices.
    x_sums, y_sums : (n,) arrays
        Sums of the rows of each matrix.
    """

    total: float
    x_sums: Matrix
    y_sums: Matrix

    def centred(self) -> float:
        """Return ``tr(K H L H)``, where H subtracts means."""
        n = len(self.x_sums)
        sums = self.x_sums.sum() * self.y_sums.sum()
        return float(self.total - 2 / n * (self.x_sums @ self.y_sums) + sums / n**2)

    def chance(self) -> float:
        """Return the mean of ``tr(K H P L P^T H)`` over all permutations P.

        For matrices whose diagonal is zero.
        """
        n = len(self.x_sums)
        return float(self.x_sums.sum() * self.y_sums.sum()) / n**2 / (n - 1)

    def unbiased(self) -> float:
        """Return n (n - 3) times the unbiased HSIC of matrices whose diagonal is zero.

        See Song et al. 2007.
        """
        n = len(self.x_sums)
        sums = self.x_sums.sum() * self.y_sums.sum()
        return float(
            self.total - 2 / (n - 2) * (self.x_sums @ self.y_sums) + sums / ((n - 1) * (n - 2))
        )


def products(kernel: Kernel, x: MatrixRows, y: MatrixRows) -> tuple[Product, Product, Product]:
    """Return the products xy, xx and yy of two symmetric matrices, computed in blocks of rows."""
    xy, xx, yy = 0.0, 0.0, 0.0
    x_sums, y_sums = np.zeros((2, kernel.n_samples))
    for rows in kernel.blocks():
        x_block, y_block = x(rows, rows.start), y(rows, rows.start)
        xy += _both_triangles(x_block, y_block)
        xx += _both_triangles(x_block, x_block)
        yy += _both_triangles(y_block, y_block)
        for sums, block in ((x_sums, x_block), (y_sums, y_block)):
            sums[rows] += block.sum(axis=1)
            sums[rows.stop :] += block[:, len(block) :].sum(axis=0)
    return Product(xy, x_sums, y_sums), Product(xx, x_sums, x_sums), Product(yy, y_sums, y_sums)


def _both_triangles(x: Matrix, y: Matrix) -> float:
    """Return the product of two blocks of rows, from the diagonal on; what is beyond counts twice.

    Entries right of the square on the diagonal stand for those below it too.
    """
    n_rows = len(x)
    return float(2 * np.vdot(x, y) - np.vdot(x[:, :n_rows], y[:, :n_rows]))
