"""Even change: how low held-out correlations get if all pairs of directions changed alike."""

from __future__ import annotations

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep._utils.linalg import svd
from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap
from isorep.explanation.held_out_pairs import (
    Floats,
    HeldOutPairs,
    coordinates,
    correlations_of_pairs,
    rows_of_folds,
    scores_of_pairs,
)

LARGEST_BOUND = 0.99**0.5
"""Correlation from which on a pair counts as unchanged: it shares 99 % of its variance."""

STEPS = 5
"""Steps of the search for the correlation that all pairs have."""


def even_change_bound(
    overlap: Overlap, held_out: HeldOutPairs, *, folds: int, n_draws: int, alpha: float, seed: int
) -> float:
    """Return the correlation below which a canonical pair changed more than most of the others.

    Held-out correlations differ also if all pairs changed alike, more so with few samples. So y is
    replaced by ``rho x P + sqrt(1 - rho^2) e``: P pairs the directions of x with those of y, and
    e is y after a permutation of its rows. All pairs then have the population correlation rho, such
    that the median of the held-out correlations is that of the data. The bound is the alpha
    quantile of the smallest held-out correlation: if all pairs changed alike, any of them is below
    it with probability alpha.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`; permutations and folds follow its groups and order.
    held_out : HeldOutPairs
        Canonical pairs of the overlap.
    folds, n_draws : int
        Numbers of folds and of replacements of y.
    alpha : float
        Level of the bound.
    seed : int
        Random seed.

    Returns
    -------
    float
        At most the correlation of a pair that shares 99 % of its variance. NaN if no pair is above
        noise in the median, so that there is no bulk of related pairs.

    Examples
    --------
    >>> import isorep
    >>> from isorep.explanation.held_out_pairs import held_out_pairs
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 6))
    >>> y = x + 0.5 * rng.standard_normal((300, 6))
    >>> y[:, 0] = rng.standard_normal(300)
    >>> options = dict(folds=5, alpha=0.05, seed=0)
    >>> overlap = isorep.overlap(x, y)
    >>> pairs = held_out_pairs(overlap, whiten=True, n_permutations=19, **options)
    >>> pairs.correlations < even_change_bound(overlap, pairs, n_draws=19, **options)
    array([False, False, False, False, False,  True])
    """
    median = float(np.median(held_out.correlations))
    if median <= held_out.noise_edge:
        return float("nan")
    x, y = (coordinates(side, whiten=True) for side in (overlap.x, overlap.y))
    u, _, wt = map(to_numpy, svd(np, to_numpy(overlap.matrix)))
    paired = x @ (u @ wt)
    # Directions of the wider side that have no partner keep their own values.
    in_pairs = wt.T @ wt
    members = rows_of_folds(overlap, folds, seed)

    def drawn(rho: float, noise: Floats) -> Floats:
        noise_in_pairs = noise @ in_pairs
        replaced = rho * paired + np.sqrt(1 - rho**2) * noise_in_pairs + noise - noise_in_pairs
        return correlations_of_pairs(*scores_of_pairs(x, _whitened(replaced), members))

    (first, *others) = (
        y[order] for (order,) in Orders(overlap.structure or len(y), n_draws, seed).batches(1)
    )
    with one_thread():
        low, rho, high = median, median, 1.0
        for _ in range(STEPS):
            check_stopped()
            low, high = (rho, high) if np.median(drawn(rho, first)) < median else (low, rho)
            rho = (low + high) / 2
        smallest = []
        for noise in (first, *others):
            check_stopped()
            smallest.append(drawn(rho, noise).min())
    return min(float(np.quantile(smallest, alpha, method="lower")), LARGEST_BOUND)


def _whitened(y: Floats) -> Floats:
    """Return y with uncorrelated columns of variance 1."""
    return np.asarray(np.linalg.qr(y - y.mean(axis=0))[0] * np.sqrt(len(y) - 1))
