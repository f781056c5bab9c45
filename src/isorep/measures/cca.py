"""Mean canonical correlation, and the mean of its square."""

from __future__ import annotations

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack
from isorep.measures import chance_levels
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure


def mean_correlation(overlap: Overlap | Stack) -> Array:
    """Return the mean of the canonical correlations."""
    mean: Array = array_namespace(overlap.correlations).mean(overlap.correlations, axis=-1)
    return mean


def mean_squared_correlation(overlap: Overlap | Stack) -> Array:
    """Return the mean of the squared canonical correlations, which needs no decomposition."""
    total = array_namespace(overlap.whitened).sum(overlap.whitened**2, axis=(-2, -1))
    mean: Array = total / min(overlap.x.rank, overlap.y.rank)
    return mean


@measure(
    title="mean CCA",
    formula="mean(rho)",
    description="mean canonical correlation",
    reference="Hotelling 1936; Raghu et al. 2017; Morcos et al. 2018, section 2",
    invariance="linear",
    any_axes=True,
    emphasis="equal",
    chance_rule=chance_levels.mean_correlation,
    stack_rule=mean_correlation,
)
def cca(overlap: Overlap) -> MeasureValue:
    """Mean canonical correlation: the share of directions that the two sides have in common.

    ``similarity = mean(rho)`` over the c = min(rank x, rank y) canonical correlations. Every
    direction counts the same, with much variance or little, so noise directions lower the mean;
    `pwcca` weights the directions. The mean is biased upwards if samples per feature are few, and
    it is 1 for any data with fewer samples than features; the score then warns.

    Returns
    -------
    Score
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    References
    ----------
    Hotelling 1936, Relations between two sets of variates. Morcos, Raghu and Bengio 2018,
    section 2.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> round(isorep.cca(x, x @ np.triu(np.ones((4, 4)))).similarity, 9)
    1.0
    """
    return MeasureValue(float(mean_correlation(overlap)), overlap, whitened=True)


@measure(
    title="mean squared CCA",
    formula="mean(rho^2) = ||M||_F^2 / min(rx, ry)",
    description="mean squared canonical correlation",
    reference="Kornblith et al. 2019, table 1 (R^2_CCA)",
    invariance="linear",
    any_axes=True,
    emphasis="equal",
    chance_rule=chance_levels.mean_squared_correlation,
    stack_rule=mean_squared_correlation,
)
def cca_squared(overlap: Overlap) -> MeasureValue:
    """Mean squared canonical correlation: the variance that matched directions share.

    ``similarity = mean(rho^2) = ||M||_F^2 / min(rx, ry)`` over the min(rx, ry) canonical
    correlations. It is a share of variance, whereas `cca` is a correlation, and it is never larger
    than `cca`. It has the same bias if samples are few: its mean for unrelated data is
    ``max(rx, ry) / (n - 1)``. The similarity is 1 if one side spans the other. `eigenspace_overlap`
    divides by the larger rank, and Yanai's generalised coefficient of determination by
    ``sqrt(rx ry)``; the three are equal if the ranks are.

    Returns
    -------
    Score
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited, table 1. Yanai 1974, Unification of various techniques of multivariate analysis by
    means of generalized coefficient of determination.

    Examples
    --------
    One correlation of 0.6:

    >>> import numpy as np, isorep
    >>> x = np.array([[1.0], [-1.0], [1.0], [-1.0]] * 5)
    >>> y = 0.6 * x + 0.8 * np.array([[1.0], [1.0], [-1.0], [-1.0]] * 5)
    >>> round(isorep.measures.cca_squared(x, y).similarity, 9)
    0.36
    """
    return MeasureValue(float(mean_squared_correlation(overlap)), overlap, whitened=True)
