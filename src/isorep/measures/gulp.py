"""GULP: how differently ridge regressions from the two sides predict."""

from __future__ import annotations

from math import isfinite, sqrt
from typing import Any

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Distance, Measure, MeasureValue, of_reciprocal

CANCELLED = 1e-3
"""Squared distance, relative to the two sides' own terms, under which their difference loses too
many digits."""


def _compute(overlap: Overlap, penalty: float = 1e-2) -> MeasureValue:
    if not (isfinite(penalty) and penalty >= 0):
        raise ValueError(f"penalty is a number of at least 0, not {penalty}")
    xp = array_namespace(overlap.matrix)
    gx, gy = _shrinkage(overlap.x, penalty), _shrinkage(overlap.y, penalty)
    own = float(xp.sum(gx**2) + xp.sum(gy**2))
    square = own - 2 * float(xp.sum(gx[:, None] * overlap.matrix**2 * gy))
    if square < CANCELLED * own:
        square = _residual(overlap, gx, gy)
    distance = sqrt(square)
    return MeasureValue(1 / (1 + distance), overlap, whitened=penalty == 0, distance=distance)


def _shrinkage(basis: Basis, penalty: float) -> Array:
    """Return ``v / (v + penalty)``, (r,), with v the shares of variance."""
    xp = array_namespace(basis.singular_values)
    squares = (basis.singular_values / basis.singular_values[0]) ** 2
    total: Array = xp.sum(squares)
    return squares / (squares + penalty * total)


def _residual(overlap: Overlap, gx: Array, gy: Array) -> float:
    """Return the squared distance as a sum of squares, with ``Qy = Qx M + E``."""
    xp = array_namespace(overlap.matrix)
    outside, shrunk = overlap.residual_gram, overlap.matrix * gy
    inside = xp.eye(gx.shape[0], dtype=gx.dtype, device=gx.device) * gx - shrunk @ overlap.matrix.T
    across = float(xp.sum((shrunk @ outside) * shrunk))
    within = float(xp.sum(inside**2) + xp.sum(gy[:, None] * outside**2 * gy))
    return within + 2 * max(across, 0.0)  # which rounding may carry below 0


GULP = Measure(
    name="gulp",
    formula="1 / (1 + ||Hx - Hy||_F), H = Q diag(v / (v + penalty)) Q^T, v = s^2 / ||s||^2",
    description="distance of ridge regressions' predictions, over all targets",
    reference="Boix-Adsera et al. 2022, proposition 1",
    function=_compute,
    invariance="orthogonal",
    metric=True,
    distance=Distance("||Hx - Hy||_F", "1", of_reciprocal),
)


def gulp(
    x: Any,
    y: Any,
    *,
    penalty: float = 1e-2,
    correct: bool = False,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """GULP: how far apart the predictions of ridge regressions from the two sides can be.

    A ridge regression from x predicts, of targets t, ``Hx t`` with ``Hx = Qx diag(v / (v +
    penalty)) Qx^T``, v the shares of x's variance; the distance is ``||Hx - Hy||_F``, a mean over
    targets in every direction. Squared and read off the overlap, with ``g = v / (v + penalty)``,

    ``distance^2 = ||gx||^2 + ||gy||^2 - 2 sum_ij gx_i M_ij^2 gy_j``.

    Both sides are centred and scaled to a mean squared norm of 1 first, as in the paper; that is
    what makes the distance blind to isotropic scaling and gives `penalty` its unit, the total
    variance. At penalty 0 the squared distance is ``rx + ry - 2 sum(rho^2)``; as the penalty grows,
    ``penalty * distance`` tends to the distance of the two normalised Gram matrices, which `cka`
    takes the angle of.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    penalty : float
        At least 0, in units of the total variance: directions that hold less than this share hardly
        count. The default is the one of the paper's first figure.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and at penalty 0 to
        every invertible linear map; symmetric; distance in [0, sqrt(rx + ry)], a metric; similarity
        ``1 / (1 + distance)``, which only ranks.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when `penalty` is negative or not finite.

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
    return GULP.between(x, y, solver=solver, correct=correct, seed=seed, penalty=penalty)
