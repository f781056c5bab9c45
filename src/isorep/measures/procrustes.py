"""Procrustes: how far the best rotation leaves two representations apart."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep._linalg import svd
from isorep.basis import Solver
from isorep.measures._measure import ANGLE, Measure, Reading
from isorep.overlap import Overlap
from isorep.score import Score


def _read(overlap: Overlap) -> Reading:
    xp = array_namespace(overlap.matrix)
    sx = overlap.x.singular_values / overlap.x.singular_values[0]
    sy = overlap.y.singular_values / overlap.y.singular_values[0]
    nuclear = xp.sum(svd(xp, sx[:, None] * overlap.matrix * sy)[1])
    return Reading(float(nuclear / xp.sqrt(xp.sum(sx**2) * xp.sum(sy**2))), overlap)


PROCRUSTES = Measure(
    name="procrustes",
    formula="||diag(sx) M diag(sy)||_* / (||sx|| ||sy||)",
    description="cosine after the best rotation; the distance is its angle in radians",
    reference="Kendall 1984; Williams et al. 2021, equation 5",
    read=_read,
    invariance="orthogonal",
    metric=True,
    distance=ANGLE,
)


def procrustes(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Cosine between the two representations after the best rotation; distance, the angle.

    ``similarity = ||Xc^T Yc||_* / (||Xc||_F ||Yc||_F)``, the nuclear norm of the cross product over
    the two norms: what is left to differ once both are centred, scaled to unit norm and rotated (or
    reflected) onto each other. ``distance = arccos(similarity)`` radians is a metric. The narrower
    side is taken as padded with zero features.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
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
    return PROCRUSTES.between(x, y, solver=solver)
