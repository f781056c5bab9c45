"""Dominance: what share of a representation its largest feature, sample and direction carry."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep.core.principal_axes import PrincipalAxes
from isorep.core.triangular_axes import TriangularAxes
from isorep.core.unwhitened_axes import UnwhitenedAxes

ONE_DIRECTION = 0.95
"""Share of the variance above which one direction, of no single feature, decides."""


@dataclass(frozen=True)
class Share:
    """What one feature, sample or direction carries.

    Attributes
    ----------
    index : int
        Its column, its row or its place among the directions.
    variance : float
        Its share of the variance, ``a / sum(s^2)`` with a its sum of squares.
    axes : PrincipalAxes, TriangularAxes or UnwhitenedAxes
        The axes of the representation.
    """

    index: int
    variance: float
    axes: PrincipalAxes | TriangularAxes | UnwhitenedAxes

    @property
    def squared(self) -> float:
        """Its share of the squared inner products of all samples, ``a^2 / sum(s^4)``."""
        return self.variance**2 * _effective_directions(self.axes)


@dataclass(frozen=True, eq=False)
class Dominance:
    """The feature, sample and direction of the largest variance, and what share they carry.

    Attributes
    ----------
    axes : PrincipalAxes, TriangularAxes or UnwhitenedAxes
        The axes of the representation.
    knows_samples : bool
        Whether the factor of the axes has a row for each sample.
    """

    axes: PrincipalAxes | TriangularAxes | UnwhitenedAxes
    knows_samples: bool

    @cached_property
    def feature(self) -> Share:
        """The feature of the largest variance."""
        return self._largest(self.axes.feature_squares)

    @cached_property
    def sample(self) -> Share | None:
        """The sample of the largest norm; None if only second moments are known."""
        return self._largest(self.axes.row_squares) if self.knows_samples else None

    @cached_property
    def direction(self) -> Share:
        """The first principal component."""
        return self._largest(self.axes.principal.singular_values**2)

    @property
    def most_of_direction(self) -> float:
        """A bound of the variance of `direction` that needs no decomposition."""
        return self.axes.most_of_direction

    @cached_property
    def feature_squares(self) -> float:
        """Sum of the squared variances of all features, as a share of ``sum(s^4)``.

        1 if the features are uncorrelated.
        """
        squares = self.axes.feature_squares / sqrt(self.axes.gram_square)
        return float(array_namespace(squares).sum(squares**2))

    @cached_property
    def effective_directions(self) -> float:
        """``sum(s^2)^2 / sum(s^4)``: the effective number of directions."""
        return _effective_directions(self.axes)

    def norm(self, share: Share) -> float:
        """Return what share of the norms of all directions a part carries: ``sqrt(a) / sum(s)``."""
        s = self.axes.principal.singular_values
        s = s / s[0]
        xp = array_namespace(s)
        return sqrt(share.variance * float(xp.sum(s**2))) / float(xp.sum(s))

    def most_of_norm(self, share: Share) -> float:
        """Return a bound of `norm` that needs no decomposition."""
        # sum(s^2)^2 / sum(s^4) <= sum(s)^2 / sum(s^2), by the inequality of Lyapunov.
        return sqrt(share.variance / self.effective_directions)

    def _largest(self, parts: Array) -> Share:
        xp = array_namespace(parts)
        parts = parts / xp.max(parts)
        index = int(xp.argmax(parts))
        return Share(index, float(parts[index] / xp.sum(parts)), self.axes)


def _effective_directions(axes: PrincipalAxes | TriangularAxes | UnwhitenedAxes) -> float:
    return axes.squared_norm**2 / axes.gram_square
