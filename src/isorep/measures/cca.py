"""Mean canonical correlation, and the mean of its square."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures import chance_levels
from isorep.measures.base import Measure, MeasureValue


def mean_correlation(overlap: Overlap) -> float:
    """Return the mean of the canonical correlations."""
    xp = array_namespace(overlap.correlations)
    return float(xp.mean(overlap.correlations))


def mean_squared_correlation(overlap: Overlap) -> float:
    """Return the mean of the squared canonical correlations, which needs no decomposition."""
    xp = array_namespace(overlap.matrix)
    return float(xp.sum(overlap.matrix**2)) / min(overlap.x.rank, overlap.y.rank)


def _compute(overlap: Overlap) -> MeasureValue:
    return MeasureValue(mean_correlation(overlap), overlap, whitened=True)


CCA = Measure(
    name="cca",
    formula="mean(rho)",
    description="mean canonical correlation",
    reference="Hotelling 1936; Raghu et al. 2017; Morcos et al. 2018, section 2",
    function=_compute,
    invariance="linear",
    chance_rule=chance_levels.mean_correlation,
)


def cca(x: Any, y: Any, *, correct: bool = False, seed: int = 0, solver: Solver = "auto") -> Score:
    """Mean canonical correlation: the share of directions that the two sides have in common.

    ``similarity = mean(rho)`` over the c = min(rank x, rank y) canonical correlations. Every
    direction counts the same, whether it carries most of the variance or next to none, so noise
    directions pull it down; `pwcca` weighs them. With few samples per feature it is biased upwards,
    and with fewer samples than features it is 1 whatever the data: the score then warns.

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
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

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
    return CCA.between(x, y, solver=solver, correct=correct, seed=seed)


def _compute_squared(overlap: Overlap) -> MeasureValue:
    return MeasureValue(mean_squared_correlation(overlap), overlap, whitened=True)


CCA_SQUARED = Measure(
    name="cca_squared",
    formula="mean(rho^2) = ||M||_F^2 / min(rx, ry)",
    description="mean squared canonical correlation",
    reference="Kornblith et al. 2019, table 1 (R^2_CCA)",
    function=_compute_squared,
    invariance="linear",
    chance_rule=chance_levels.mean_squared_correlation,
)


def cca_squared(
    x: Any, y: Any, *, correct: bool = False, seed: int = 0, solver: Solver = "auto"
) -> Score:
    """Mean squared canonical correlation: the variance that matched directions share.

    ``similarity = mean(rho^2) = ||M||_F^2 / min(rx, ry)`` over the min(rx, ry) canonical
    correlations. It reads as a share of variance where `cca` is a correlation, is never the larger
    of the two, and shares its bias with few samples: for unrelated data it is
    ``max(rx, ry) / (n - 1)`` on average. A side that spans the other has similarity 1 with it;
    `eigenspace_overlap` divides by the larger rank, and Yanai's generalised coefficient of
    determination by ``sqrt(rx ry)``: the three agree where the ranks do.

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
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

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
    return CCA_SQUARED.between(x, y, solver=solver, correct=correct, seed=seed)
