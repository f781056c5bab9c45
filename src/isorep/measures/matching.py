"""Covariances and correlations of every pair of neurons, for the measures that match neurons."""

from __future__ import annotations

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.core.kernel import Matrix
from isorep.core.overlap import Overlap
from isorep.core.principal_axes import GRAM_TOLERANCE


def covariances(overlap: Overlap) -> tuple[Matrix, Matrix, Matrix]:
    """Return the inner products of x's centred neurons with y's, (p, q), and their norms.

    Each side is in units of its largest singular value.
    """
    x, y = (to_numpy(side.loadings / side.singular_values[0]) for side in (overlap.x, overlap.y))
    products: Matrix = x.T @ to_numpy(overlap.matrix) @ y
    return products, np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0)


def correlations(overlap: Overlap) -> Matrix:
    """Return the correlations of x's neurons with y's, without dead neurons, (<= p, <= q).

    A neuron is dead if its norm is less than 1e-7 of the largest singular value: the part that the
    rank rule of `Basis` keeps may then be rounding.
    """
    products, x_norms, y_norms = covariances(overlap)
    alive = np.ix_(x_norms > GRAM_TOLERANCE, y_norms > GRAM_TOLERANCE)
    values: Matrix = (products / _safe(x_norms)[:, None] / _safe(y_norms))[alive]
    return values


def _safe(norms: Matrix) -> Matrix:
    return np.where(norms > GRAM_TOLERANCE, norms, 1.0)
