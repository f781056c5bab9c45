"""Dominance: what share of a representation its largest feature, sample and direction carry."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from array_api_compat import array_namespace

from isorep._utils.arrays import Array

ROWS = 4096
"""Rows whose squared norms are computed at once, so that this needs little memory."""


@dataclass(frozen=True)
class Share:
    """What one feature, sample or direction carries.

    Attributes
    ----------
    index : int
        Its column, its row or its place among the directions.
    variance : float
        Its share of the variance, ``a / sum(s^2)`` with a its sum of squares.
    squared : float
        Its share of the squared inner products of all samples, ``a^2 / sum(s^4)``.
    norm : float
        ``sqrt(a) / sum(s)``.
    """

    index: int
    variance: float
    squared: float
    norm: float


@dataclass(frozen=True)
class Dominance:
    """The feature, sample and direction of the largest variance, and what share they carry.

    Attributes
    ----------
    feature, direction : Share
    sample : Share or None
        None if only second moments are known.
    feature_squares : float
        Sum of the squared variances of all features, as a share of ``sum(s^4)``; 1 if the features
        are uncorrelated.
    effective_directions : float
        ``sum(s^2)^2 / sum(s^4)``: the effective number of directions.
    """

    feature: Share
    direction: Share
    sample: Share | None
    feature_squares: float
    effective_directions: float

    @classmethod
    def from_parts(cls, singular_values: Array, loadings: Array, scores: Array | None) -> Dominance:
        """Compute the shares.

        Parameters
        ----------
        singular_values : (r,) array
        loadings : (r, p) array
        scores : (n, any) array or None
            Centred samples in any orthonormal coordinates and any unit.
        """
        xp = array_namespace(singular_values)
        squares = (singular_values / singular_values[0]) ** 2
        effective = float(xp.sum(squares) ** 2 / xp.sum(squares**2))
        nuclear = float(xp.sum(xp.sqrt(squares)) ** 2 / xp.sum(squares))
        features = xp.sum((loadings / singular_values[0]) ** 2, axis=0)

        def largest(parts: Array) -> Share:
            index = int(xp.argmax(parts))
            variance = float(parts[index] / xp.sum(parts))
            return Share(index, variance, variance**2 * effective, sqrt(variance / nuclear))

        return cls(
            feature=largest(features),
            direction=largest(squares),
            sample=None if scores is None else largest(_squared_norms(scores)),
            feature_squares=float(xp.sum(features**2) / xp.sum(squares**2)),
            effective_directions=effective,
        )


def _squared_norms(rows: Array) -> Array:
    xp = array_namespace(rows)
    n = rows.shape[0]
    parts = [rows[start : min(start + ROWS, n), :] for start in range(0, n, ROWS)]
    norms: Array = xp.concat([xp.sum(part**2, axis=1) for part in parts])
    return norms
