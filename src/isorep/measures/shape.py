"""Shape metrics from CCA to Procrustes: the angle between partly whitened representations."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import ANGLE, Measure, MeasureValue
from isorep.measures.procrustes import rotated_cosine


def _compute(overlap: Overlap, alpha: float = 0.5) -> MeasureValue:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha runs from 0 (CCA) to 1 (Procrustes), not {alpha}")
    similarity = rotated_cosine(overlap, _sizes(overlap.x, alpha), _sizes(overlap.y, alpha))
    # Half whitening already shows most of what few samples do to full whitening.
    return MeasureValue(similarity, overlap, whitened=alpha < 1)


def _sizes(basis: Basis, alpha: float) -> Array:
    """Return the singular values of the partly whitened representation, (r,)."""
    xp = array_namespace(basis.singular_values)
    s = basis.singular_values / basis.singular_values[0]
    root_mean_square: Array = xp.sqrt(xp.mean(s**2))
    return alpha * s / root_mean_square + (1 - alpha)


SHAPE = Measure(
    name="shape",
    formula="||diag(dx) M diag(dy)||_* / (||dx|| ||dy||), d = alpha s / rms(s) + 1 - alpha",
    description="cosine after half whitening and the best rotation; the distance is its angle",
    reference="Williams et al. 2021 (partial whitening)",
    function=_compute,
    invariance="orthogonal",
    metric=True,
    distance=ANGLE,
)


def shape(
    x: Any,
    y: Any,
    *,
    alpha: float = 0.5,
    correct: bool = False,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Shape metric between partly whitened representations: from CCA to Procrustes.

    Both sides are centred and mapped to ``X (alpha I + (1 - alpha) Sigma^(-1/2))``; the distance is
    the angle that the best rotation leaves between the two, as `procrustes` takes it. With
    ``alpha=1`` it is that distance; with ``alpha=0`` the representations are white and the
    similarity is ``sum(rho) / sqrt(rx ry)``, the mean canonical correlation where the ranks agree.

    Between the two ends the formula adds a representation in its own units to one in none, and so
    needs a scale. Here Sigma is the covariance over its mean eigenvalue (of the directions kept):
    the two parts have the same norm, the middle is a balance whatever the units, and isotropic
    scaling changes nothing. The published code (netrep) takes ``Sigma = X^T X``: to get its numbers
    for such an alpha, scale its input to ``||X||_F^2 = rank``.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    alpha : float
        In [0, 1]. The default gives each direction's own size and equal size the same weight; the
        ends have names of their own.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and for alpha 0 to
        every invertible linear map; symmetric; similarity in [0, 1], distance in [0, pi/2] radians,
        a metric for every alpha. Below alpha 1 it warns of few samples, as `cca` does.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when `alpha` is not in [0, 1].

    References
    ----------
    Williams, Kunz, Kornblith and Linderman 2021, Generalized shape metrics on neural
    representations.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4)) * [4.0, 2.0, 1.0, 0.5]
    >>> y = x * [0.1, 1.0, 2.0, 10.0]
    >>> [round(isorep.measures.shape(x, y, alpha=alpha).similarity, 2) for alpha in (0, 0.5, 1)]
    [1.0, 0.83, 0.38]
    """
    return SHAPE.between(x, y, solver=solver, correct=correct, seed=seed, alpha=alpha)
