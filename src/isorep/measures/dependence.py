"""What kernel alignment and distance correlation share: products of centred n x n matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from isorep.core.kernel import Kernel, Matrix

ZERO = 1e-12
"""A centred matrix whose square is less than this share of what it was is zero but for rounding."""


@dataclass(frozen=True)
class Product:
    """The inner product of two symmetric n x n matrices, and the sums of their rows.

    Enough to centre both afterwards, so that neither needs to be held.
    """

    total: float
    left: Matrix
    right: Matrix

    def centred(self) -> float:
        """Return ``tr(K H L H)``, where H subtracts means."""
        n = len(self.left)
        sums = self.left.sum() * self.right.sum()
        return float(self.total - 2 / n * (self.left @ self.right) + sums / n**2)

    def unbiased(self) -> float:
        """Return n (n - 3) times the unbiased HSIC of matrices whose diagonal is zero.

        As Song et al. 2007 give it.
        """
        n = len(self.left)
        sums = self.left.sum() * self.right.sum()
        return float(
            self.total - 2 / (n - 2) * (self.left @ self.right) + sums / ((n - 1) * (n - 2))
        )


def products(
    kernel: Kernel, x: Callable[[slice], Matrix], y: Callable[[slice], Matrix]
) -> tuple[Product, Product, Product]:
    """Return the products x with y, x with x and y with y of matrices given in blocks of rows."""
    xy, xx, yy, x_sums, y_sums = 0.0, 0.0, 0.0, [], []
    for rows in kernel.blocks():
        x_block, y_block = x(rows), y(rows)
        xy += float(np.vdot(x_block, y_block))
        xx += float(np.vdot(x_block, x_block))
        yy += float(np.vdot(y_block, y_block))
        x_sums.append(x_block.sum(axis=1))
        y_sums.append(y_block.sum(axis=1))
    left, right = np.concatenate(x_sums), np.concatenate(y_sums)
    return Product(xy, left, right), Product(xx, left, left), Product(yy, right, right)
