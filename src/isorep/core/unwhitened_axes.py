"""Unwhitened axes: a representation of known rank, whitened only if something needs it."""

from __future__ import annotations

from dataclasses import dataclass

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep._utils.triangular import cholesky
from isorep.core.moments import cross_product, gram_matrix
from isorep.core.principal_axes import PrincipalAxes
from isorep.core.triangular_axes import TriangularAxes, with_constants


@dataclass(frozen=True, eq=False)
class UnwhitenedAxes:
    """``x - mean = Q R`` of full rank, for measures of products, which need neither Q nor R.

    Attributes
    ----------
    values : (n, k) array
        The features that vary, as they are.
    shift : (k,) array
        Their means.
    places : (p,) array of int or None
        See `TriangularAxes`.
    squares : (k,) array
        Squared norm of each centred feature that varies.
    row_squares : (n,) array
        Squared norm of each centred sample.
    most_of_direction : float
        A bound of the largest direction's share of the variance.
    """

    values: Array
    shift: Array
    places: Array | None
    squares: Array
    row_squares: Array
    most_of_direction: float

    unit = 1.0

    @cached_property
    def whitened(self) -> TriangularAxes:
        """The same axes with their Gram matrix and its Cholesky factor."""
        factor = self.values - self.shift
        gram = gram_matrix(factor)
        lower = cholesky(array_namespace(gram), gram)
        assert lower is not None  # the features are known to be independent
        return TriangularAxes(factor, lower, None, gram, self.places, self.row_squares)

    def product(self, other: UnwhitenedAxes) -> Array:
        """Return the inner products of the centred features of both, (k, k')."""
        product: Array = cross_product(self.values, other.values)
        product -= (self.values.shape[0] * self.shift[:, None]) * other.shift
        return product

    @property
    def rank(self) -> int:
        """Number of directions, k."""
        return int(self.shift.shape[0])

    @property
    def factor(self) -> Array:
        """The centred features that vary, (n, k)."""
        return self.whitened.factor

    @property
    def loadings(self) -> Array:
        """See `TriangularAxes`."""
        return self.whitened.loadings

    @property
    def principal(self) -> PrincipalAxes:
        """The axes of PCA."""
        return self.whitened.principal

    @property
    def gram_square(self) -> float:
        """``||(x - mean)^T (x - mean)||_F^2``."""
        return self.whitened.gram_square

    @cached_property
    def squared_norm(self) -> float:
        """``||x - mean||_F^2``."""
        return float(array_namespace(self.squares).sum(self.squares))

    @property
    def feature_squares(self) -> Array:
        """Squared norm of each centred feature, (p,)."""
        return with_constants(self.squares[None, :], self.places)[0, :]

    def projection_sums(self, rotation: Array) -> Array:
        """See `TriangularAxes`."""
        return self.whitened.projection_sums(rotation)

    def whiten_rows(self, product: Array) -> Array:
        """Return ``Q^T z`` of ``product = factor^T z``."""
        return self.whitened.whiten_rows(product)

    def whiten_columns(self, product: Array) -> Array:
        """Return ``z^T Q`` of ``product = z^T factor``."""
        return self.whitened.whiten_columns(product)

    def scores_of_rows(self, product: Array) -> Array:
        """Return the inner products of the centred features with z, of ``factor^T z``."""
        return product

    def scores_of_columns(self, product: Array) -> Array:
        """Return the inner products of z with the centred features, of ``z^T factor``."""
        return product
