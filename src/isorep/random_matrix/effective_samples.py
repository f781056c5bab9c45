"""Effective samples: how many independent Gaussian samples have as much chance correlation."""

from __future__ import annotations

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap
from isorep.core.overlap_stack import OverlapStack, reordered
from isorep.random_matrix.tracy_widom import n_above_edge

FEWEST_ORDERS = 20
"""Smallest number of orders whose overlaps give the effective sample size of groups."""

MOST_ORDERS = 200
"""Largest number of these orders."""

ENTRIES = 4000
"""Entries of their overlaps that suffice: the standard error is then about 2 % of the size."""

BATCH = 2**23
"""Size in bytes of the rows that are reordered at a time."""

MOST_ROUNDS = 5
"""Largest number of iterations that estimate the effective sample size and the noise edge."""


def effective_samples(sample: Overlap, seed: int = 0) -> float:
    """Return the effective sample size of an overlap.

    It is smaller than n if samples depend on each other on both sides, and if some samples have
    large norms on both; see `independent_samples` and `samples_of_equal_norm`.

    Parameters
    ----------
    sample : Overlap
        If it knows only second moments, the result is n, or the number of groups.
    seed : int
        Random seed of the orders of the groups.
    """
    if not sample.knows_samples:
        return sample.n_samples if sample.structure is None else sample.structure.n_groups
    n = samples_of_equal_norm(sample)
    if sample.structure is None:
        return n
    independent = independent_samples(sample, seed)
    return 1 + (n - 1) * (independent - 1) / (sample.n_samples - 1)


def independent_samples(sample: Overlap, seed: int) -> float:
    """Return how many independent samples have as much chance correlation as these groups.

    For n independent samples and any permutation of one side, ``||M||_F^2`` is ``rx ry / (n - 1)``
    on average. With orders that move all groups and keep each together it is larger, and
    ``n_eff = 1 + rx ry / mean ||M||_F^2`` takes the place of n. If only one side depends on its
    groups, it is n.

    Returns
    -------
    float
        From 1 to n.
    """
    if sample.structure is None:
        return sample.n_samples
    rx, ry, n = sample.x.rank, sample.y.rank, sample.n_samples
    n_orders = int(np.clip(-(-ENTRIES // (rx * ry)), FEWEST_ORDERS, MOST_ORDERS))
    size = max(1, BATCH // (8 * min(rx, ry) * n))
    squares: list[float] = []
    orders = Orders(sample.structure, n_orders, seed, all_move=True)
    for stack in reordered(sample, orders, size):
        if isinstance(stack, OverlapStack):
            squares += np.sum(to_numpy(stack.matrix) ** 2, axis=(1, 2)).tolist()
        else:
            squares += [float(np.sum(to_numpy(part.matrix) ** 2)) for part in stack]
    return float(np.clip(1 + rx * ry / np.mean(squares), 1, n))


def samples_of_equal_norm(sample: Overlap) -> float:
    """Return how many Gaussian samples have as much chance correlation as samples of these norms.

    If some samples have large norms on both sides, they dominate both, and the effective sample
    size is smaller than n. With leverages h, squared norms in whitened coordinates, and random
    signs, the squared correlations of unrelated data sum to ``sum_i h_x(i) h_y(i)``; for norms that
    are independent, to ``a b / n``. The ratio of the two is the factor by which n is too large: for
    elliptical samples its limit is the kurtosis that multiplies the variances of canonical
    correlations. Correlations above the noise edge are first removed from both sides, and what weak
    correlations add to the sum in Gaussian samples, ``2 / n`` of their squares, is subtracted.

    Returns
    -------
    float
        From ``rx + ry + 1`` to n. For Gaussian samples, whose norms covary only by chance, it is n
        in half of the cases, and 0.5 to 1 % smaller on average.

    References
    ----------
    Muirhead and Waternaux 1980, Asymptotic distributions in canonical correlation analysis and
    other multivariate procedures for nonnormal populations.
    """
    n, rx, ry = sample.n_samples, sample.x.rank, sample.y.rank
    correlations = to_numpy(sample.correlations)
    squares = [to_numpy(side.q) ** 2 for side in (sample.x, sample.y)]
    removed = [to_numpy(variates) ** 2 for variates in (sample.x_variates, sample.y_variates)]
    k, effective = 0, float(n)
    for _ in range(MOST_ROUNDS):
        # Leverages of the samples without the first k variates.
        h_x, h_y = (
            np.sum(q, axis=1) - np.sum(variates[:, :k], axis=1)
            for q, variates in zip(squares, removed, strict=True)
        )
        a, b = rx - k, ry - k
        weak = max(float(np.sum(correlations[k:] ** 2) - h_x @ h_y), 0.0)
        covariation = float(np.sum((h_x - a / n) * (h_y - b / n))) - 2 / n * weak
        if covariation <= 0:
            return n
        effective = max(1 + (n - 1) / (1 + n / (a * b) * covariation), rx + ry + 1)
        above = n_above_edge(correlations, effective, rx, ry)
        if above in (k, len(correlations)):
            break
        k = above
    return effective
