"""Single products: products of float32 data, summed in float64, whose error is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from isorep._utils.arrays import Array
from isorep._utils.parallel import full_precision

ROWS_AT_ONCE = 16384
"""Rows whose products are added in float32; fewer would be hardly more accurate."""

BLOCK = 2**20
"""Values that are in float64 at once, so few that processors keep them in their caches."""

PROBES = 8
"""Random vectors that measure the error of a product."""

SAFETY = 2.0
"""Factor by which an error may exceed its estimate: the 56 pairs of `PROBES` vectors err by about a
tenth if the errors of single entries are unrelated."""


@dataclass(frozen=True, eq=False)
class SingleErrors:
    """What measures the errors of float32 products of centred data X, (n, k).

    Attributes
    ----------
    images : (n, PROBES) float64 array
        Product of X, not rounded, with the vectors of `probes`.
    gram_error : float
        Bound of ``||G - X^T X||_F`` of the Gram matrix G from float32 products.
    """

    images: Array
    gram_error: float


@dataclass(frozen=True)
class PairErrors:
    """Bounds of the errors of a pair's float32 products, as Frobenius norms.

    Attributes
    ----------
    product, x_gram, y_gram : float
        Errors of ``X^T Y``, ``X^T X`` and ``Y^T Y``.
    same : bool
        Whether X and Y are one, so that the three have one error.
    """

    product: float
    x_gram: float
    y_gram: float
    same: bool = False

    def swap(self) -> PairErrors:
        """Return the errors of y with x."""
        return PairErrors(self.product, self.y_gram, self.x_gram, self.same)


def probes(xp: Any, p: int, place: Any) -> Array:
    """Return vectors of random signs, (p, PROBES), always the same, on the device `place`."""
    signs = np.random.default_rng(0).integers(0, 2, (p, PROBES)) * 2.0 - 1.0
    vectors: Array = xp.asarray(signs, dtype=xp.float64, device=place)
    return vectors


def single_product(x: Array, y: Array) -> Array:
    """Return ``x.T @ y`` of float32 arrays, the sum of float32 products of blocks of rows.

    It is float32 if there is one block, and otherwise float64.
    """
    xp = array_namespace(x, y)
    n = x.shape[0]
    total: Any = None
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, n))
        with full_precision():
            part = x[rows, :].T @ y[rows, :]
        if total is None:
            total = part if n <= ROWS_AT_ONCE else xp.astype(part, xp.float64)
        else:
            total += part
    product: Array = total
    return product


def float64_blocks(matrix: Array) -> Iterator[Array]:
    """Yield blocks of rows of a matrix in float64."""
    xp = array_namespace(matrix)
    n, p = matrix.shape
    at_once = max(1, BLOCK // p)
    for start in range(0, n, at_once):
        yield xp.astype(matrix[start : min(start + at_once, n), :], xp.float64)


def squared_norm(matrix: Array) -> float:
    """Return ``||matrix||_F^2``, added in float64."""
    xp = array_namespace(matrix)
    return sum(float(xp.sum(block**2)) for block in float64_blocks(matrix))


def product_error(product: Array, x_images: Array, y_images: Array) -> float:
    """Return a bound of ``||product - X^T Y||_F`` from the images of the probes under X and Y."""
    xp = array_namespace(product)
    left, right = (probes(xp, size, device(product)) for size in product.shape)
    images = xp.concat([block @ right for block in float64_blocks(product)], axis=0)
    return norm_of_error(left.T @ images - x_images.T @ y_images)


def norm_of_error(forms: Array) -> float:
    """Return a bound of ``||E||_F`` from ``u^T E v`` of all pairs of probes u and v.

    For independent vectors of random signs, its mean square is ``||E||_F^2``. A vector paired with
    itself would see the trace of E. NaN if E has NaN.
    """
    xp = array_namespace(forms)
    paired = 1.0 - xp.eye(PROBES, dtype=xp.float64, device=device(forms))
    return SAFETY * sqrt(float(xp.sum((forms * paired) ** 2)) / (PROBES * (PROBES - 1)))
