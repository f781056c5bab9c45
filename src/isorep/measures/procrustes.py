"""Procrustes: how far the best rotation leaves two representations apart."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.linalg import svd
from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import ANGLE, Distance, Measure, MeasureValue


def rotated_cosine(overlap: Overlap, x_sizes: Array, y_sizes: Array) -> float:
    """Return the cosine after the best rotation of ``Qx diag(x_sizes)`` and ``Qy diag(y_sizes)``.

    The nuclear norm of their cross product over their Frobenius norms.
    """
    xp = array_namespace(overlap.matrix)
    nuclear = xp.sum(svd(xp, x_sizes[:, None] * overlap.matrix * y_sizes)[1])
    return float(nuclear / xp.sqrt(xp.sum(x_sizes**2) * xp.sum(y_sizes**2)))


def _compute(overlap: Overlap) -> MeasureValue:
    sx = overlap.x.singular_values / overlap.x.singular_values[0]
    sy = overlap.y.singular_values / overlap.y.singular_values[0]
    return MeasureValue(rotated_cosine(overlap, sx, sy), overlap)


PROCRUSTES = Measure(
    name="procrustes",
    formula="||diag(sx) M diag(sy)||_* / (||sx|| ||sy||)",
    description="cosine after the best rotation; the distance is its angle in radians",
    reference="Kendall 1984; Williams et al. 2021, equation 5",
    function=_compute,
    invariance="orthogonal",
    metric=True,
    distance=ANGLE,
)


def procrustes(
    x: Any, y: Any, *, correct: bool = False, seed: int = 0, solver: Solver = "auto"
) -> Score:
    """Cosine between the two representations after the best rotation; distance, the angle.

    ``similarity = ||Xc^T Yc||_* / (||Xc||_F ||Yc||_F)``, the nuclear norm of the cross product over
    the two norms: what is left to differ once both are centred, scaled to unit norm and rotated (or
    reflected) onto each other. ``distance = arccos(similarity)`` radians is a metric. The narrower
    side is taken as padded with zero features. The similarity is also the normalised Bures
    similarity, or root fidelity, of the two Gram matrices ``Xc Xc^T`` and ``Yc Yc^T``.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [0, 1], distance in [0, pi/2]. Rounding of 1e-16 in a similarity near 1 is
        1e-8 in the angle.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Kendall 1984, Shape manifolds, Procrustean metrics, and complex projective spaces. Williams,
    Kunz, Kornblith and Linderman 2021, Generalized shape metrics on neural representations.

    Examples
    --------
    Two orthogonal features against one of them:

    >>> import numpy as np, isorep
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> score = isorep.procrustes(x, x[:, :1])
    >>> round(score.similarity**2, 9), round(np.degrees(score.distance))
    (0.5, 45)
    """
    return PROCRUSTES.between(x, y, solver=solver, correct=correct, seed=seed)


def _twice_complement(similarity: float) -> float:
    return 2 - 2 * similarity


PROCRUSTES_SQUARED = Measure(
    name="procrustes_squared",
    formula="||diag(sx) M diag(sy)||_* / (||sx|| ||sy||)",
    description="cosine after the best rotation; the distance is the squared residual",
    reference="Ding et al. 2021",
    function=_compute,
    invariance="orthogonal",
    distance=Distance("2 - 2 similarity", "1", _twice_complement),
)


def procrustes_squared(
    x: Any, y: Any, *, correct: bool = False, seed: int = 0, solver: Solver = "auto"
) -> Score:
    """Squared distance of the two representations after the best rotation.

    ``distance = min_R ||Xc R - Yc||_F^2 = 2 - 2 ||Xc^T Yc||_*`` with both sides centred and scaled
    to unit norm. The similarity is that of `procrustes`, whose distance, the angle, obeys the
    triangle inequality; a squared distance does not.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [0, 1], distance in [0, 2].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Ding, Denain and Steinhardt 2021, Grounding representation similarity through statistical
    testing.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(isorep.measures.procrustes_squared(x, x[:, :1]).distance, 6)
    0.585786
    """
    return PROCRUSTES_SQUARED.between(x, y, solver=solver, correct=correct, seed=seed)
