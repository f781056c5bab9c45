"""GULP: distance between the predictions of ridge regressions from the two sides."""

from __future__ import annotations

from math import isfinite, sqrt

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.measures.base import Distance, MeasureValue, distance_of_reciprocal
from isorep.measures.measure_function import measure

CANCELLED = 1e-3
"""Squared distance, relative to the sum of the two squared norms, below which their difference
loses too many digits."""


def _shrinkage(basis: Basis, penalty: float) -> Array:
    """Return ``v / (v + penalty)``, (r,), with v the shares of variance."""
    xp = array_namespace(basis.singular_values)
    squares = (basis.singular_values / basis.singular_values[0]) ** 2
    total: Array = xp.sum(squares)
    return squares / (squares + penalty * total)


def _residual(overlap: Overlap, gx: Array, gy: Array) -> float:
    """Return the squared distance as a sum of squares, with ``Qy = Qx M + E``."""
    xp = array_namespace(overlap.matrix)
    residual, shrunk = overlap.residual_gram, overlap.matrix * gy
    inside = xp.eye(gx.shape[0], dtype=gx.dtype, device=gx.device) * gx - shrunk @ overlap.matrix.T
    across = float(xp.sum((shrunk @ residual) * shrunk))
    within = float(xp.sum(inside**2) + xp.sum(gy[:, None] * residual**2 * gy))
    return within + 2 * max(across, 0.0)  # rounding may make it negative


@measure(
    title="GULP",
    formula="1 / (1 + ||Hx - Hy||_F), H = Q diag(v / (v + penalty)) Q^T, v = s^2 / ||s||^2",
    description="distance between the predictions of ridge regressions, over all targets",
    reference="Boix-Adsera et al. 2022, proposition 1",
    invariance="orthogonal",
    metric=True,
    distance=Distance("||Hx - Hy||_F", "1", distance_of_reciprocal),
)
def gulp(overlap: Overlap, *, penalty: float = 1e-2) -> MeasureValue:
    """GULP: how far apart the predictions of ridge regressions from the two sides can be.

    A ridge regression from x predicts ``Hx t`` for targets t, with ``Hx = Qx diag(v / (v +
    penalty)) Qx^T`` and v the shares of x's variance. The distance is ``||Hx - Hy||_F``, a mean
    over targets in every direction. In terms of the overlap, with ``g = v / (v + penalty)``,

    ``distance^2 = ||gx||^2 + ||gy||^2 - 2 sum_ij gx_i M_ij^2 gy_j``.

    Both sides are first centred and scaled to a mean squared norm of 1, as in the paper. So the
    distance is invariant to isotropic scaling, and the unit of `penalty` is the total variance. At
    penalty 0 the squared distance is ``rx + ry - 2 sum(rho^2)``. As the penalty grows,
    ``penalty * distance`` tends to the distance between the two normalised Gram matrices, whose
    cosine is `cka`.

    Parameters
    ----------
    penalty : float
        Ridge penalty in units of the total variance, at least 0. Directions with a smaller share of
        the variance hardly count. The default is that of the paper's first figure.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and at penalty 0 to
        every invertible linear map; symmetric; distance in [0, sqrt(rx + ry)], a metric; similarity
        ``1 / (1 + distance)``, useful only for ranking.

    Raises
    ------
    ValueError
        If `penalty` is negative or not finite.

    References
    ----------
    Boix-Adsera, Lawrence, Stepaniants and Rigollet 2022, GULP: a prediction-based metric between
    representations.

    Examples
    --------
    Two features against one of them, of half the variance:

    >>> import numpy as np, isorep
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(isorep.measures.gulp(x, x[:, :1], penalty=0.5).distance**2, 6) == round(
    ...     (1 / 2 - 2 / 3) ** 2 + (1 / 2) ** 2, 6
    ... )
    True
    """
    if not (isfinite(penalty) and penalty >= 0):
        raise ValueError(f"penalty must be a finite number of at least 0, got {penalty}")
    xp = array_namespace(overlap.matrix)
    gx, gy = _shrinkage(overlap.x, penalty), _shrinkage(overlap.y, penalty)
    norms = float(xp.sum(gx**2) + xp.sum(gy**2))
    square = norms - 2 * float(xp.sum(gx[:, None] * overlap.matrix**2 * gy))
    if square < CANCELLED * norms:
        square = _residual(overlap, gx, gy)
    distance = sqrt(square)
    return MeasureValue(1 / (1 + distance), overlap, whitened=penalty == 0, distance=distance)
