"""Principal axes: a centred representation factorised as in PCA."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from isorep._utils.arrays import Array, epsilon, to_numpy
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import svd
from isorep.core.moments import gram_matrix

GRAM_TOLERANCE = 1e-7
"""A float64 Gram matrix loses smaller relative singular values (sqrt(eps) is 1.5e-8)."""

SECOND_PASS_SPREAD = 100.0
"""Spread of the singular values above which whitening by a Gram matrix, whose error is about
eps * spread**2, is done twice."""

FIRST_PASS_OFF = 0.5
"""Largest deviation of the eigenvalues of ``Q^T Q`` from 1 after whitening by a Gram matrix; if it
is larger, rounding passed for a direction and the SVD takes over."""

ROWS = 4096
"""Rows whose squared norms are computed at once, so that this needs little memory."""


class NoVarianceError(ValueError):
    """A representation is constant within the precision of its dtype."""


@dataclass(frozen=True)
class RankRule:
    """Which directions exceed rounding; see `Basis.from_array`.

    Attributes
    ----------
    tolerance : float
        Least singular value, relative to the largest.
    mean : (p,) float64 array
        Mean of each feature, in the unit of the singular values times sqrt(n).
    n : int
        Number of samples.
    dtype : str
        Name of the dtype whose rounding the features have.
    name : str
        Name of the representation in the error.
    """

    tolerance: float
    mean: Array
    n: int
    dtype: str
    name: str

    def kept(self, s: Array, v: Array) -> Array:
        """Return the indices of the directions v, (p, r), that exceed rounding.

        Raises
        ------
        NoVarianceError
            If none does.
        """
        xp = array_namespace(s)
        shares = v**2
        mean_square = self.mean**2 + shares @ s**2 / self.n
        rounding = self.factor(v.shape[0]) * xp.sqrt(mean_square @ shares)
        kept: Array = xp.nonzero((s > self.tolerance * s[0]) & (s > rounding))[0]
        if kept.shape[0] == 0:
            raise NoVarianceError(
                f"{self.name} has no variance beyond the rounding of {self.dtype}"
            )
        return kept

    def factor(self, p: int) -> float:
        """Return the singular value that rounding of p features of mean square 1 can create."""
        return 4 * epsilon(self.dtype) * (sqrt(self.n) + sqrt(p))


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """``x - mean = Q R`` with the columns of Q orthonormal and ordered as in PCA.

    Attributes
    ----------
    singular_values : (r,) float64 array
        Singular values of the centred representation, descending.
    loadings : (r, p) float64 array
        ``R = Q^T (x - mean)``.
    whitening : (p, r) float64 array
        ``(x - mean) @ whitening = Q``.
    factor : (n, k) array or None
        ``Q = factor @ rotation``. If the conditioning allows, it is the centred data, so that the
        product of two bases needs no whitened copies. None if only second moments are known.
    rotation : (k, r) array or None
        None stands for the identity.
    factor_is_whitened : bool
        Whether the factor is neither the centred data nor Q, but a first whitening of the data.
    """

    singular_values: Array
    loadings: Array
    whitening: Array
    factor: Array | None
    rotation: Array | None
    factor_is_whitened: bool = False

    @classmethod
    def from_centred(
        cls, centred: Array, gram: Array | None, rule: RankRule, *, by_svd: bool
    ) -> PrincipalAxes:
        """Factorise centred data, (n, p).

        Parameters
        ----------
        centred : (n, p) array
        gram : (p, p) array or None
            ``centred.T @ centred``, if it is the smaller Gram matrix.
        rule : RankRule
        by_svd : bool
            Decompose the data themselves rather than a Gram matrix.
        """
        xp = array_namespace(centred)

        def significant(q: Array | None, s: Array, v: Array) -> tuple[Array | None, Array, Array]:
            kept = rule.kept(s, v)
            if kept.shape[0] == s.shape[0]:
                return q, s, v
            q = None if q is None else xp.take(q, kept, axis=1)
            return q, xp.take(s, kept, axis=0), xp.take(v, kept, axis=1)

        def by_samples() -> tuple[Array | None, Array, Array]:
            return significant(*_from_svd(xp, centred))

        q, s, v = by_samples() if by_svd else significant(*_from_gram(xp, centred, gram))
        whitening, loadings = v / s, s[:, None] * v.T
        if q is None and float(s[0] / s[-1]) > SECOND_PASS_SPREAD:
            improved = _second_pass(xp, centred, whitening, loadings)
            if improved is None:
                q, s, v = by_samples()
                whitening, loadings = v / s, s[:, None] * v.T
            else:
                q, whitening, loadings = improved
        rotation = whitening if q is None else None
        return cls(s, loadings, whitening, centred if q is None else q, rotation)

    @classmethod
    def from_scatter(cls, scatter: Array, rule: RankRule) -> PrincipalAxes:
        """Factorise samples of which only the scatter ``centred.T @ centred``, (p, p), is known."""
        xp = array_namespace(scatter)
        squares, vectors = xp.linalg.eigh(scatter)
        s, v = xp.sqrt(xp.clip(xp.flip(squares, axis=0), 0.0, None)), xp.flip(vectors, axis=1)
        kept = rule.kept(s, v)
        s, v = xp.take(s, kept, axis=0), xp.take(v, kept, axis=1)
        return cls(s, s[:, None] * v.T, v / s, None, None)

    @property
    def rank(self) -> int:
        """Number of directions, r."""
        return int(self.singular_values.shape[0])

    def scaled(self, scale: float) -> PrincipalAxes:
        """Return the axes of the representation times `scale`."""
        if scale == 1.0:
            return self
        with np.errstate(over="ignore"):  # the whitening of values near 1e-310 is infinite
            return replace(
                self,
                singular_values=self.singular_values * scale,
                loadings=self.loadings * scale,
                whitening=self.whitening / scale,
            )

    def leading(self, rank: int) -> PrincipalAxes:
        """Return the first `rank` axes."""
        return replace(
            self,
            singular_values=self.singular_values[:rank],
            loadings=self.loadings[:rank, :],
            whitening=self.whitening[:, :rank],
            factor=self.factor[:, :rank]
            if self.factor is not None and self.rotation is None
            else self.factor,
            rotation=None if self.rotation is None else self.rotation[:, :rank],
        )

    def projection_sums(self, rotation: Array) -> Array:
        """Return ``sum_j |<Q u_i, z_j>|``, (c,), over centred features z_j, in any common unit.

        `rotation` has the columns u_i, (r, c).
        """
        xp = array_namespace(self.loadings)
        sizes = xp.abs(rotation.T @ self.loadings)
        sums: Array = xp.sum(sizes / xp.max(sizes), axis=1)  # scaled so that no sum overflows
        return sums

    def to_numpy(self) -> PrincipalAxes:
        """Return the axes as NumPy arrays."""
        return replace(
            self,
            singular_values=to_numpy(self.singular_values),
            loadings=to_numpy(self.loadings),
            whitening=to_numpy(self.whitening),
            factor=None if self.factor is None else to_numpy(self.factor),
            rotation=None if self.rotation is None else to_numpy(self.rotation),
        )

    @property
    def principal(self) -> PrincipalAxes:
        """These axes."""
        return self

    @property
    def unit(self) -> float:
        """Unit of `cross`, `squared_norm` and `gram_square`, so that powers do not overflow."""
        return float(self.singular_values[0])

    @cached_property
    def squared_norm(self) -> float:
        """``||x - mean||_F^2`` in units of ``unit^2``."""
        return float(array_namespace(self._sizes).sum(self._sizes**2))

    @cached_property
    def gram_square(self) -> float:
        """``||(x - mean)^T (x - mean)||_F^2`` in units of ``unit^4``."""
        return float(array_namespace(self._sizes).sum(self._sizes**4))

    @cached_property
    def _sizes(self) -> Array:
        return self.singular_values / self.singular_values[0]

    @property
    def most_of_direction(self) -> float:
        """A bound of the largest direction's share of the variance."""
        return sqrt(self.gram_square) / self.squared_norm

    @property
    def feature_squares(self) -> Array:
        """Squared norm of each centred feature, (p,), in units of ``unit^2``."""
        scaled = self.loadings / self.singular_values[0]
        squares: Array = array_namespace(scaled).sum(scaled**2, axis=0)
        return squares

    @property
    def row_squares(self) -> Array:
        """Squared norm of each centred sample, (n,), in units of ``unit^2``."""
        assert self.factor is not None
        xp = array_namespace(self.factor)
        n = self.factor.shape[0]
        turned = self.rotation if self.factor_is_whitened else None

        def of_rows(part: Array) -> Array:
            if turned is not None:
                part = part @ turned
            if turned is not None or self.rotation is None:
                part = part * self._sizes
            squares: Array = xp.sum(part**2, axis=1)
            return squares

        all_squares: Array = xp.concat(
            [of_rows(self.factor[start : min(start + ROWS, n), :]) for start in range(0, n, ROWS)]
        )
        # The factor may be the data in another unit, but the sum is known.
        return all_squares * (self.squared_norm / float(xp.sum(all_squares)))

    def whiten_rows(self, product: Array) -> Array:
        """Return ``Q^T z`` of ``product = factor^T z``."""
        return product if self.rotation is None else self.rotation.T @ product

    def whiten_columns(self, product: Array) -> Array:
        """Return ``z^T Q`` of ``product = z^T factor``."""
        return product if self.rotation is None else product @ self.rotation

    def scores_of_rows(self, product: Array) -> Array:
        """Return the inner products of the scores with z, over `unit`, of ``factor^T z``."""
        return self._sizes[:, None] * self.whiten_rows(product)

    def scores_of_columns(self, product: Array) -> Array:
        """Return the inner products of z with the scores, over `unit`, of ``z^T factor``."""
        return self.whiten_columns(product) * self._sizes


def _from_svd(xp: Any, centred: Array) -> tuple[Array, Array, Array]:
    q, s, vt = svd(xp, centred)
    return q, s, vt.T


def _from_gram(xp: Any, centred: Array, gram: Array | None) -> tuple[Array | None, Array, Array]:
    """Return Q (None: ``centred @ v / s``), s and v of the s that a Gram matrix can resolve."""
    squares, vectors = xp.linalg.eigh(centred @ centred.T if gram is None else gram)
    s = xp.flip(xp.sqrt(xp.clip(squares, 0.0, None)), axis=0)
    vectors = xp.flip(vectors, axis=1)
    above = max(1, int(xp.count_nonzero(s > GRAM_TOLERANCE * s[0])))
    s, vectors = s[:above], vectors[:, :above]
    if gram is not None:
        return None, s, vectors
    if float(s[0] / s[-1]) > SECOND_PASS_SPREAD:
        return _from_svd(xp, centred)
    return vectors, s, centred.T @ (vectors / s)


def _second_pass(
    xp: Any, centred: Array, whitening: Array, loadings: Array
) -> tuple[Array, Array, Array] | None:
    """Orthonormalise the almost orthonormal ``centred @ whitening`` again (as in CholeskyQR2).

    ``Q1 = centred @ whitening`` has the right span; ``Q1 (Q1^T Q1)^(-1/2)`` is orthonormal, and the
    symmetric root, unlike a triangular one, moves each column as little as possible. Within the
    tolerance of a Gram matrix the first pass errs by a few percent, so one more pass suffices.
    Returns None if the first pass errs by more.
    """
    q = centred @ whitening
    squares, vectors = xp.linalg.eigh(gram_matrix(q))
    if float(xp.max(xp.abs(squares - 1.0))) > FIRST_PASS_OFF:
        return None
    root = xp.sqrt(squares)
    inverse = (vectors / root) @ vectors.T
    return q @ inverse, whitening @ inverse, (vectors * root) @ (vectors.T @ loadings)
