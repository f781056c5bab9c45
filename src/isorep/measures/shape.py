"""Shape metrics from CCA to Procrustes: the angle between partly whitened representations."""

from __future__ import annotations

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack, StackedSide
from isorep.measures.base import ANGLE, MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.procrustes import rotated_cosine


def _sizes(basis: Basis | StackedSide, alpha: float) -> Array:
    """Return the singular values of the partly whitened representation, (..., r)."""
    xp = array_namespace(basis.singular_values)
    s = basis.singular_values / basis.singular_values[..., :1]
    root_mean_square: Array = xp.sqrt(xp.mean(s**2, axis=-1, keepdims=True))
    return alpha * s / root_mean_square + (1 - alpha)


def _cosine(overlap: Overlap | Stack, alpha: float) -> Array:
    x, y = _sizes(overlap.x, alpha), _sizes(overlap.y, alpha)
    squares = (array_namespace(sizes).sum(sizes**2, axis=-1) for sizes in (x, y))
    return rotated_cosine(x[..., :, None] * overlap.matrix * y[..., None, :], *squares)


@measure(
    formula="||diag(dx) M diag(dy)||_* / (||dx|| ||dy||), d = alpha s / rms(s) + 1 - alpha",
    description="cosine after partial whitening and the best rotation; the distance is its angle",
    reference="Williams et al. 2021 (partial whitening)",
    invariance="orthogonal",
    metric=True,
    distance=ANGLE,
    stack_rule=_cosine,
)
def shape(overlap: Overlap, *, alpha: float = 0.5) -> MeasureValue:
    """Shape metric between partly whitened representations: from CCA to Procrustes.

    Both sides are centred and mapped to ``X (alpha I + (1 - alpha) Sigma^(-1/2))``; the distance is
    the angle between the two after the best rotation, as in `procrustes`. With ``alpha=1`` it
    equals `procrustes`. With ``alpha=0`` the representations are white and the similarity is
    ``sum(rho) / sqrt(rx ry)``, the mean canonical correlation if the ranks are equal.

    For alpha between 0 and 1, the formula adds a representation with units to one without units,
    and so needs a scale. Here Sigma is the covariance over its mean eigenvalue (of the directions
    kept): the two parts have the same norm for any units, and the result is invariant to isotropic
    scaling. The published code (netrep) uses ``Sigma = X^T X``; to get its numbers for such an
    alpha, scale its input to ``||X||_F^2 = rank``.

    Parameters
    ----------
    alpha : float
        Weight of the original representation against the whitened one, in [0, 1].

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and for alpha 0 to
        every invertible linear map; symmetric; similarity in [0, 1], distance in [0, pi/2] radians,
        a metric for every alpha. For alpha below 1 it warns of few samples, as `cca` does.

    Raises
    ------
    ValueError
        If `alpha` is not in [0, 1].

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
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be between 0 (CCA) and 1 (Procrustes), got {alpha}")
    similarity = float(_cosine(overlap, alpha))
    # Half whitening already has most of the bias of full whitening.
    return MeasureValue(similarity, overlap, whitened=alpha < 1)
