"""SVCCA: canonical correlations of the leading principal components, and their squares."""

from __future__ import annotations

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.linalg import singular_values
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack, StackedSide
from isorep.measures import chance_levels
from isorep.measures.base import MeasureValue
from isorep.measures.cca import mean_squared_correlation
from isorep.measures.measure_function import measure


def leading_rank(basis: Basis, variance: float) -> int:
    """Return the fewest leading principal components that hold a share of the variance.

    For a simulated sample, their number is that of the real sample behind it.
    """
    basis = basis.simulated_from or basis
    return _leading_rank(basis.singular_values, variance)


def _leading_rank(s: Array, variance: float) -> int:
    xp = array_namespace(s)
    squares = (s / s[0]) ** 2
    sums = xp.cumulative_sum(squares)
    # With variance=1, rounding in the sum must not add a component.
    n_below = int(xp.count_nonzero(sums < variance * sums[-1] * (1 - 1e-12)))
    return min(n_below + 1, s.shape[0])


def _leading_ranks(side: Basis | StackedSide, variance: float) -> set[int]:
    """Return the different numbers of leading components of a side of a stack."""
    if isinstance(side, Basis):
        return {leading_rank(side, variance)}
    if side.simulated_from is not None:
        return {leading_rank(side.simulated_from, variance)}
    s = side.singular_values
    return {_leading_rank(s[i, :], variance) for i in range(s.shape[0])}


def _leading(overlap: Overlap, variance: float) -> Overlap:
    _check_share(variance)
    return overlap.leading(leading_rank(overlap.x, variance), leading_rank(overlap.y, variance))


def _leading_stack(stack: Stack, variance: float) -> Stack | None:
    """Return the leading components of all samples, or None if their numbers differ."""
    _check_share(variance)
    xs, ys = (_leading_ranks(side, variance) for side in (stack.x, stack.y))
    return stack.leading(*xs, *ys) if len(xs) == len(ys) == 1 else None


def _check_share(variance: float) -> None:
    if not 0 < variance <= 1:
        raise ValueError(f"variance must be a share to keep, in (0, 1], got {variance}")


def _mean(leading: Overlap | Stack) -> Array:
    """Return the mean correlation, without vectors: no other measure shares the decomposition."""
    xp = array_namespace(leading.matrix)
    correlations = xp.clip(singular_values(xp, leading.matrix), 0.0, 1.0)  # cosines
    mean: Array = xp.mean(correlations, axis=-1)
    return mean


def _mean_of_stack(stack: Stack, variance: float) -> Array | None:
    leading = _leading_stack(stack, variance)
    return None if leading is None else _mean(leading)


def _mean_square_of_stack(stack: Stack, variance: float) -> Array | None:
    leading = _leading_stack(stack, variance)
    return None if leading is None else mean_squared_correlation(leading)


@measure(
    title="SVCCA",
    formula="mean(rho) of M[:kx, :ky]",
    description="mean canonical correlation of leading components (99 % of variance by default)",
    reference="Raghu et al. 2017, section 2",
    invariance="orthogonal",
    emphasis="equal",
    chance_rule=lambda overlap, variance: chance_levels.mean_correlation(
        _leading(overlap, variance)
    ),
    stack_rule=_mean_of_stack,
)
def svcca(overlap: Overlap, *, variance: float = 0.99) -> MeasureValue:
    """Mean canonical correlation of the leading principal components of each side.

    It keeps on each side the fewest principal components of the centred data that hold the share
    `variance` of the total variance (the sum of squared singular values), and averages their
    canonical correlations. This drops noise of low variance, but the last component kept counts as
    much as the first; `pwcca` has no such threshold.

    Parameters
    ----------
    variance : float
        Share of each side's variance to keep, in (0, 1].

    Returns
    -------
    Score
        Its ranks are the components kept. Invariant to rotation, reflection and isotropic scaling
        of either side; symmetric; in [0, 1].

    Raises
    ------
    ValueError
        If `variance` is not in (0, 1].

    References
    ----------
    Raghu, Gilmer, Yosinski and Sohl-Dickstein 2017, SVCCA, section 2.

    Examples
    --------
    Two shared dimensions and 20 of small noise:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 2))
    >>> x, y = (np.hstack([shared, 0.01 * rng.standard_normal((500, 20))]) for _ in range(2))
    >>> score = isorep.svcca(x, y)
    >>> score.x_rank, round(score.similarity, 2), round(isorep.cca(x, y).similarity, 2)
    (2, 1.0, 0.24)
    """
    used = _leading(overlap, variance)
    return MeasureValue(float(_mean(used)), used, whitened=True)


@measure(
    title="mean squared SVCCA",
    formula="||M[:kx, :ky]||_F^2 / min(kx, ky)",
    description="mean squared canonical correlation of leading components (99 % by default)",
    reference="Kornblith et al. 2019, table 1 (R^2_SVCCA)",
    invariance="orthogonal",
    emphasis="equal",
    chance_rule=lambda overlap, variance: chance_levels.mean_squared_correlation(
        _leading(overlap, variance)
    ),
    stack_rule=_mean_square_of_stack,
)
def svcca_squared(overlap: Overlap, *, variance: float = 0.99) -> MeasureValue:
    """Mean squared canonical correlation of the leading principal components of each side.

    It keeps the same components as `svcca` and averages their squared canonical correlations, as
    `cca_squared` does for all components.

    Parameters
    ----------
    variance : float
        Share of each side's variance to keep, in (0, 1].

    Returns
    -------
    Score
        Its ranks are the components kept. Invariant to rotation, reflection and isotropic scaling
        of either side; symmetric; in [0, 1].

    Raises
    ------
    ValueError
        If `variance` is not in (0, 1].

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
    used = _leading(overlap, variance)
    return MeasureValue(float(mean_squared_correlation(used)), used, whitened=True)
