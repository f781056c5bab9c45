"""Procrustes: distance between two representations after the best rotation."""

from __future__ import annotations

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.linalg import singular_values
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack
from isorep.measures.base import ANGLE, Distance, MeasureValue
from isorep.measures.measure_function import measure


def rotated_cosine(cross: Array, x_square: float | Array, y_square: float | Array) -> Array:
    """Return the cosine of two representations after the best rotation.

    It is the nuclear norm of their cross product over their Frobenius norms.

    Parameters
    ----------
    cross : (..., p, q) array
        Inner products of the features.
    x_square, y_square : float or (...,) array
        Squared Frobenius norms of the two sides.
    """
    xp = array_namespace(cross)
    nuclear_norm: Array = xp.sum(singular_values(xp, cross), axis=-1)
    return nuclear_norm / (x_square * y_square) ** 0.5


def _of_scores(overlap: Overlap | Stack) -> Array:
    return rotated_cosine(overlap.cross, overlap.x.axes.squared_norm, overlap.y.axes.squared_norm)


@measure(
    title="Procrustes",
    formula="||diag(sx) M diag(sy)||_* / (||sx|| ||sy||)",
    description="cosine after the best rotation; the distance is its angle in radians",
    reference="Kendall 1984; Williams et al. 2021, equation 5",
    invariance="orthogonal",
    any_axes=True,
    of_products=True,
    metric=True,
    distance=ANGLE,
    stack_rule=_of_scores,
)
def procrustes(overlap: Overlap) -> MeasureValue:
    """Cosine between the two representations after the best rotation; the distance is its angle.

    ``similarity = ||Xc^T Yc||_* / (||Xc||_F ||Yc||_F)``, the nuclear norm of the cross product over
    the two norms. It compares the two sides after both are centred, scaled to unit norm and rotated
    or reflected onto each other; the narrower side is padded with zero features. ``distance =
    arccos(similarity)`` radians is a metric. The similarity is also the normalised Bures
    similarity, or root fidelity, of the Gram matrices ``Xc Xc^T`` and ``Yc Yc^T``.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [0, 1], distance in [0, pi/2]. A rounding error of 1e-16 in a
        similarity near 1 is an error of 1e-8 in the angle.

    References
    ----------
    Kendall 1984, Shape manifolds, Procrustean metrics, and complex projective spaces. Williams,
    Kunz, Kornblith and Linderman 2021, Generalized shape metrics on neural representations.

    Examples
    --------
    Two orthogonal features against one of them:

    >>> import numpy as np, isorep
    >>> x = np.tile([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], (9, 1))
    >>> score = isorep.procrustes(x, x[:, :1])
    >>> round(score.similarity**2, 9), round(np.degrees(score.distance))
    (0.5, 45)
    """
    return MeasureValue(float(_of_scores(overlap)), overlap)


def _twice_complement(similarity: float) -> float:
    return 2 - 2 * similarity


@measure(
    title="squared Procrustes",
    formula="||diag(sx) M diag(sy)||_* / (||sx|| ||sy||)",
    description="cosine after the best rotation; the distance is the squared residual",
    reference="Ding et al. 2021",
    invariance="orthogonal",
    any_axes=True,
    of_products=True,
    distance=Distance("2 - 2 similarity", "1", _twice_complement),
    stack_rule=_of_scores,
)
def procrustes_squared(overlap: Overlap) -> MeasureValue:
    """Squared distance of the two representations after the best rotation.

    ``distance = min_R ||Xc R - Yc||_F^2 = 2 - 2 ||Xc^T Yc||_*`` with both sides centred and scaled
    to unit norm. The similarity is the same as of `procrustes`. The distance of `procrustes`, an
    angle, obeys the triangle inequality; this squared distance does not.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [0, 1], distance in [0, 2].

    References
    ----------
    Ding, Denain and Steinhardt 2021, Grounding representation similarity through statistical
    testing.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.tile([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], (9, 1))
    >>> round(isorep.measures.procrustes_squared(x, x[:, :1]).distance, 6)
    0.585786
    """
    return MeasureValue(float(_of_scores(overlap)), overlap)
