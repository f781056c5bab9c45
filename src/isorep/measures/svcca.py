"""SVCCA: canonical correlations of the leading principal components, and their squares."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures import chance_levels
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.cca import mean_correlation, mean_squared_correlation


def leading_rank(basis: Basis, variance: float) -> int:
    """Return the fewest leading principal components that hold a share of the variance."""
    xp = array_namespace(basis.singular_values)
    squares = (basis.singular_values / basis.singular_values[0]) ** 2
    held = xp.cumulative_sum(squares)
    # Rounding in the sum must not ask for one more component when all of the variance is wanted.
    short = int(xp.count_nonzero(held < variance * held[-1] * (1 - 1e-12)))
    return min(short + 1, basis.rank)


def _leading(overlap: Overlap, variance: float) -> Overlap:
    if not 0 < variance <= 1:
        raise ValueError(f"variance is a share to keep, in (0, 1], not {variance}")
    return overlap.leading(leading_rank(overlap.x, variance), leading_rank(overlap.y, variance))


def _compute(overlap: Overlap, variance: float = 0.99) -> MeasureValue:
    used = _leading(overlap, variance)
    return MeasureValue(mean_correlation(used), used, whitened=True)


def _chance_level(overlap: Overlap, variance: float = 0.99) -> float | None:
    return chance_levels.mean_correlation(_leading(overlap, variance))


SVCCA = Measure(
    name="svcca",
    formula="mean(rho) of M[:kx, :ky]",
    description="mean canonical correlation of the components that hold 99 % of the variance",
    reference="Raghu et al. 2017, section 2",
    function=_compute,
    invariance="orthogonal",
    chance_rule=_chance_level,
)


def svcca(
    x: Any,
    y: Any,
    *,
    variance: float = 0.99,
    correct: bool = False,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Mean canonical correlation of the leading principal components of each side.

    Keeps on each side the fewest principal components, of the centred data, that hold `variance` of
    the total variance (a share of squared singular values), and takes the mean canonical
    correlation of those. This drops noise of low variance, but weighs a component that just passes
    like the first; `pwcca` has no such threshold.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    variance : float
        Share of each side's variance to keep, in (0, 1].
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Its ranks are the components kept. Invariant to rotation, reflection and isotropic scaling
        of either side; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when `variance` is not in (0, 1].

    References
    ----------
    Raghu, Gilmer, Yosinski and Sohl-Dickstein 2017, SVCCA, section 2.

    Examples
    --------
    Two shared dimensions under small noise of 20 more:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 2))
    >>> x, y = (np.hstack([shared, 0.01 * rng.standard_normal((500, 20))]) for _ in range(2))
    >>> score = isorep.svcca(x, y)
    >>> score.x_rank, round(score.similarity, 2), round(isorep.cca(x, y).similarity, 2)
    (2, 1.0, 0.24)
    """
    return SVCCA.between(x, y, solver=solver, correct=correct, seed=seed, variance=variance)


def _compute_squared(overlap: Overlap, variance: float = 0.99) -> MeasureValue:
    used = _leading(overlap, variance)
    return MeasureValue(mean_squared_correlation(used), used, whitened=True)


def _chance_level_squared(overlap: Overlap, variance: float = 0.99) -> float:
    return chance_levels.mean_squared_correlation(_leading(overlap, variance))


SVCCA_SQUARED = Measure(
    name="svcca_squared",
    formula="||M[:kx, :ky]||_F^2 / min(kx, ky)",
    description="mean squared canonical correlation of the components that hold 99 % of variance",
    reference="Kornblith et al. 2019, table 1 (R^2_SVCCA)",
    function=_compute_squared,
    invariance="orthogonal",
    chance_rule=_chance_level_squared,
)


def svcca_squared(
    x: Any,
    y: Any,
    *,
    variance: float = 0.99,
    correct: bool = False,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Mean squared canonical correlation of the leading principal components of each side.

    Keeps the components that `svcca` keeps, and takes the mean of their squared canonical
    correlations, as `cca_squared` does of all.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    variance : float
        Share of each side's variance to keep, in (0, 1].
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Its ranks are the components kept. Invariant to rotation, reflection and isotropic scaling
        of either side; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when `variance` is not in (0, 1].

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited, table 1.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 2))
    >>> x, y = (np.hstack([shared, 0.01 * rng.standard_normal((500, 20))]) for _ in range(2))
    >>> score = isorep.measures.svcca_squared(x, y)
    >>> score.x_rank, round(score.similarity, 2)
    (2, 1.0)
    """
    return SVCCA_SQUARED.between(x, y, solver=solver, correct=correct, seed=seed, variance=variance)
