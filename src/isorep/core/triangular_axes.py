"""Triangular axes: a centred representation whitened by Cholesky, several times faster than PCA."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from isorep._utils.arrays import Array, epsilon
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import svd
from isorep._utils.triangular import cholesky, solve_lower, solve_upper
from isorep.core.moments import gram_matrix
from isorep.core.principal_axes import (
    GRAM_TOLERANCE,
    SECOND_PASS_SPREAD,
    PrincipalAxes,
    RankRule,
)
from isorep.core.single_products import (
    PairErrors,
    SingleErrors,
    product_error,
    single_product,
    squared_norm,
)

MARGIN = 2.0
"""Factor by which the smallest singular value must exceed the bounds of the rank rule, and the
spread stay below its limits, since both are estimated."""

LARGEST_SPREAD = 0.01 / GRAM_TOLERANCE
"""Largest spread of the singular values for which two passes of Cholesky are orthonormal."""

RANGE = (1e-60, 1e60)
"""Squared norms of features whose fourth powers neither overflow nor vanish."""

PROBES, STEPS = 4, 6
"""Random vectors, and steps of a power iteration with them, that estimate the spread within a
factor of `MARGIN`."""

FEW_FEATURES = 256
"""Features up to which the eigenvalues of the Gram matrix are cheaper than this estimate."""

FEATURES = 256
"""Features that are projected at once."""


@dataclass(frozen=True, eq=False)
class TriangularAxes:
    """``x - mean = Q R`` with R upper triangular, for representations of full rank.

    Features that are constant are left out, and have loadings of 0. What needs the order of PCA
    takes `principal`, which decomposes the Gram matrix at the first access.

    Attributes
    ----------
    factor : (n, k) array
        ``factor = Q lower^T``. It is the centred data, or their first whitening (CholeskyQR2).
    lower : (k, k) array
        Lower triangular.
    first : (k, k) array or None
        Lower triangular: the centred data are ``factor first^T``. None stands for the identity.
    gram : (k, k) array
        Gram matrix of the centred features that vary.
    places : (p,) array of int or None
        Place of each feature among those that vary, k for a constant; None if all vary.
    row_squares : (n,) array
        Squared norm of each centred sample.
    single : SingleErrors or None
        Errors of the products, if the factor and `lower`, and often `gram`, are float32. Such axes
        are accurate enough for norms, not for whitening.

    References
    ----------
    Yamamoto, Nakatsukasa, Yanagisawa and Fukaya 2015, Roundoff error analysis of the CholeskyQR2
    algorithm.
    """

    factor: Array
    lower: Array
    first: Array | None
    gram: Array
    places: Array | None
    row_squares: Array
    single: SingleErrors | None = None

    unit = 1.0

    @classmethod
    def from_gram(
        cls, centred: Array, gram: Array, varies: Array, rule: RankRule
    ) -> TriangularAxes | None:
        """Whiten centred data, (n, p), with p < n, by their Gram matrix, (p, p).

        Returns None unless all features that vary are certain to be linearly independent by the
        rank rule. `PrincipalAxes` are then the way.
        """
        xp = array_namespace(centred)
        largest = float(xp.max(xp.linalg.diagonal(gram)))
        if not RANGE[0] < largest < RANGE[1]:
            return None
        mean, p = rule.mean, gram.shape[0]
        columns, places = varying_columns(xp, varies)
        if columns is not None:
            centred, mean = xp.take(centred, columns, axis=1), xp.take(mean, columns, axis=0)
            gram = xp.take(xp.take(gram, columns, axis=0), columns, axis=1)
        lower = cholesky(xp, gram)
        if lower is None:
            return None
        top, bottom = extremes(xp, gram, lower)
        spread = MARGIN * top / bottom
        mean_square = float(xp.max(mean**2 + xp.linalg.diagonal(gram) / rule.n))
        rounding = rule.factor(p) * sqrt(mean_square)
        if not (spread < LARGEST_SPREAD and bottom > MARGIN * rounding):
            return None
        factor, first = centred, None
        if spread > SECOND_PASS_SPREAD:
            factor, first = solve_lower(lower, centred.T).T, lower
            lower = cholesky(xp, gram_matrix(factor))
            if lower is None:
                return None
        row_squares = xp.vecdot(centred, centred)
        return cls(factor, lower, first, gram, places, row_squares)

    @property
    def rank(self) -> int:
        """Number of directions, k."""
        return int(self.lower.shape[0])

    @cached_property
    def loadings(self) -> Array:
        """``R = Q^T (x - mean)``, (k, p)."""
        return with_constants(self._root, self.places)

    @property
    def _root(self) -> Array:
        """Upper triangular loadings of the features that vary, (k, k)."""
        return self.lower.T if self.first is None else self.lower.T @ self.first.T

    def projection_sums(self, rotation: Array) -> Array:
        """Return ``sum_j |<Q u_i, z_j>|``, (c,), over the centred features z_j.

        `rotation` has the columns u_i, (k, c). By blocks of features, since the loadings of one
        block are 0 from its last direction on.
        """
        xp, root, k = array_namespace(self.lower), self._root, self.rank
        sums: Any = 0.0
        for start in range(0, k, FEATURES):
            stop = min(start + FEATURES, k)
            projections = rotation[:stop, :].T @ root[:stop, start:stop]
            sums = sums + xp.sum(xp.abs(projections), axis=1)
        total: Array = sums
        return total

    @cached_property
    def principal(self) -> PrincipalAxes:
        """The axes of PCA, with the same factor."""
        xp = array_namespace(self.gram)
        if self.first is None:
            squares, vectors = xp.linalg.eigh(xp.astype(self.gram, xp.float64, copy=False))
            s = xp.flip(xp.sqrt(xp.clip(squares, 0.0, None)), axis=0)
            v = xp.flip(vectors, axis=1)
            rotation = v / s
        else:
            # The triangle has the singular values to full precision, unlike the Gram matrix.
            u, s, vt = svd(xp, self._root)
            v = vt.T
            rotation = solve_upper(self.lower, u)
        return PrincipalAxes(
            singular_values=s,
            loadings=with_constants(s[:, None] * v.T, self.places),
            whitening=with_constants((v / s).T, self.places).T,
            factor=self.factor,
            rotation=rotation,
            factor_is_whitened=self.first is not None,
        )

    @cached_property
    def squared_norm(self) -> float:
        """``||x - mean||_F^2``."""
        return float(array_namespace(self.gram).sum(self.feature_squares))

    @cached_property
    def gram_square(self) -> float:
        """``||(x - mean)^T (x - mean)||_F^2``."""
        if self.single is not None:
            return squared_norm(self.gram)
        return float(array_namespace(self.gram).sum(self.gram**2))

    @property
    def most_of_direction(self) -> float:
        """A bound of the largest direction's share of the variance, without a decomposition."""
        return sqrt(self.gram_square) / self.squared_norm

    @property
    def feature_squares(self) -> Array:
        """Squared norm of each centred feature, (p,)."""
        xp = array_namespace(self.gram)
        squares = xp.astype(xp.linalg.diagonal(self.gram), xp.float64, copy=False)
        return with_constants(squares[None, :], self.places)[0, :]

    def single_product(self, other: TriangularAxes) -> tuple[Array, PairErrors] | None:
        """Return the product of two float32 factors and the errors; None if one is float64."""
        if self.single is None or other.single is None:
            return None
        x, y = self.single, other.single
        if other is self:
            return self.gram, PairErrors(x.gram_error, x.gram_error, x.gram_error, same=True)
        product = single_product(self.factor, other.factor)
        error = product_error(product, x.images, y.images)
        return product, PairErrors(error, x.gram_error, y.gram_error)

    def whiten_rows(self, product: Array) -> Array:
        """Return ``Q^T z`` of ``product = factor^T z``."""
        return solve_lower(self.lower, product)

    def whiten_columns(self, product: Array) -> Array:
        """Return ``z^T Q`` of ``product = z^T factor``."""
        return solve_lower(self.lower, product.T).T

    def scores_of_rows(self, product: Array) -> Array:
        """Return the inner products of the centred features with z, of ``factor^T z``."""
        return product if self.first is None else self.first @ product

    def scores_of_columns(self, product: Array) -> Array:
        """Return the inner products of z with the centred features, of ``z^T factor``."""
        return product if self.first is None else product @ self.first.T


def varying_columns(xp: Any, varies: Array) -> tuple[Array | None, Array | None]:
    """Return the columns that vary, and the place of each column among them (see `places`).

    None and None if all vary.
    """
    if bool(xp.all(varies)):
        return None, None
    columns = xp.nonzero(varies)[0]
    order = xp.cumulative_sum(xp.astype(varies, xp.int64)) - 1
    return columns, xp.where(varies, order, columns.shape[0])


def with_constants(rows: Array, places: Array | None) -> Array:
    """Return rows, (m, k), with a 0 for each constant feature, (m, p); see `places`."""
    if places is None:
        return rows
    xp = array_namespace(rows)
    zero = xp.zeros((rows.shape[0], 1), dtype=rows.dtype, device=device(rows))
    wide: Array = xp.take(xp.concat([rows, zero], axis=1), places, axis=1)
    return wide


def extremes(xp: Any, gram: Array, lower: Array) -> tuple[float, float]:
    """Return the largest and the smallest singular value; for many features, an estimate.

    It is from below and above, by power iterations with the Gram matrix and with its inverse, from
    a few random vectors.
    """
    if gram.shape[0] <= FEW_FEATURES:
        squares = xp.linalg.eigvalsh(gram)
        highest = float(squares[-1])
        return sqrt(highest), sqrt(max(float(squares[0]), epsilon("float64") * highest))
    start = np.random.default_rng(0).standard_normal((gram.shape[0], PROBES))
    probes = xp.asarray(start[:, : gram.shape[0]], dtype=gram.dtype, device=device(gram))

    def largest(image: Any) -> float:
        vectors = probes
        for _ in range(STEPS):
            vectors = image(xp.linalg.qr(vectors)[0])
        return float(xp.max(xp.sqrt(xp.sum(vectors**2, axis=0))))

    top = largest(lambda vectors: gram @ vectors)
    bottom = largest(lambda vectors: solve_upper(lower, solve_lower(lower, vectors)))
    return sqrt(top), 1 / sqrt(bottom)
