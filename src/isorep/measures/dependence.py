"""Inner products of centred n x n matrices, for kernel alignment and distance correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isorep.core.kernel import Kernel, Matrix

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


def products(
    kernel: Kernel, x: Callable[[slice], Matrix], y: Callable[[slice], Matrix]
) -> tuple[Product, Product, Product]:
    """Return the products xy, xx and yy of two matrices, computed in blocks of rows."""
    xy, xx, yy = 0.0, 0.0, 0.0
    x_parts, y_parts = [], []
    for rows in kernel.blocks():
        x_block, y_block = x(rows), y(rows)
        xy += float(np.vdot(x_block, y_block))
        xx += float(np.vdot(x_block, x_block))
        yy += float(np.vdot(y_block, y_block))
        x_parts.append(x_block.sum(axis=1))
        y_parts.append(y_block.sum(axis=1))
    x_sums, y_sums = np.concatenate(x_parts), np.concatenate(y_parts)
    return Product(xy, x_sums, y_sums), Product(xx, x_sums, x_sums), Product(yy, y_sums, y_sums)
