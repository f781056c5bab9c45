"""Permutation tests: exact p-values and intervals for which the networks are the sample.

Pairs that share a network are not independent, so the tests permute whole networks, and the
jackknife leaves out whole networks. Groups are rows of 0 and 1 over the networks, so that one
matrix product evaluates a statistic for all permutations at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations, permutations, product
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]

Statistic = Callable[[Floats, Floats], Floats]
"""Memberships of the first and of the second group, (m, N) of 0 and 1 each -> values (m,)."""

CONFIDENCE = 0.90
"""A 90 % interval within a margin is a test of equivalence at the 5 % level."""


class Exact(NamedTuple):
    """An exact p-value, and the smallest possible one for this number of networks."""

    p_value: float
    smallest: float


def within(distances: Floats, members: Floats) -> Floats:
    """Return the mean distance over the ordered pairs of different networks of a group, (m,).

    Parameters
    ----------
    distances : (N, N) array
        Distance from each network to each; the diagonal is ignored.
    members : (m, N) array of 0 and 1
        A group of at least two networks in each row.

    Examples
    --------
    >>> distances = np.array([[0.0, 1.0, 9.0], [3.0, 0.0, 9.0], [9.0, 9.0, 0.0]])
    >>> within(distances, np.array([[1.0, 1.0, 0.0]]))
    array([2.])
    """
    others = distances * (1 - np.eye(len(distances)))
    size = members.sum(axis=1)
    mean: Floats = _total(others, members, members) / (size * (size - 1))
    return mean


def between(distances: Floats, first: Floats, second: Floats) -> Floats:
    """Return the mean distance between two groups over all pairs in both orders, (m,)."""
    both_orders = _total(distances, first, second) + _total(distances, second, first)
    mean: Floats = both_orders / (2 * first.sum(axis=1) * second.sum(axis=1))
    return mean


def observe(statistic: Statistic, n: int) -> float:
    """Return the statistic of the true groups: networks 0 to n - 1, and n to 2 n - 1."""
    first, second = _groups(n)
    return float(statistic(first, second)[0])


def permute_labels(statistic: Statistic, n: int, *, two_sided: bool = False) -> Exact:
    """Test whether two groups of networks differ.

    Under the null hypothesis that they do not, all C(2n, n) choices of n of the 2n networks as the
    first group are equally likely.

    Parameters
    ----------
    statistic : Statistic
        Statistic that is large (in absolute value if `two_sided`) if the groups differ.
    n : int
        Number of networks in each group.
    two_sided : bool
        Test against a difference in either direction.

    Examples
    --------
    With two networks in each group, the smallest possible p-value is 1/6:

    >>> far = np.array([[0, 1, 5, 5], [1, 0, 5, 5], [5, 5, 0, 3], [5, 5, 3, 0.0]])
    >>> exact = permute_labels(lambda a, b: within(far, b) - within(far, a), 2)
    >>> round(exact.p_value, 3), round(exact.smallest, 3)
    (0.167, 0.167)
    """
    first = _assignments(n)
    return _exact(statistic(first, 1 - first), observe(statistic, n), two_sided)


def permute_layers(
    early: Floats, late: Floats, early_late: Floats, late_early: Floats, *, two_sided: bool = False
) -> Exact:
    """Test whether networks are closer to each other at a late layer than at an early layer.

    Under the null hypothesis that the two layers do not differ, either layer of each network can be
    the early one. This gives 2^n arrangements; most of them compare the early layer of one network
    with the late layer of another.

    Parameters
    ----------
    early, late : (n, n) arrays
        Distances between networks at each layer, [i, j] from network i to network j.
    early_late, late_early : (n, n) arrays
        Distances from i's early layer to j's late layer, and from i's late layer to j's early
        layer.
    two_sided : bool
        Test against a difference in either direction.
    """
    swapped = np.array(list(product([0.0, 1.0], repeat=len(early))))

    def mean(is_late: Floats) -> Floats:
        is_early = 1 - is_late
        total = np.zeros(len(swapped))
        for distances, x, y in (
            (early, is_early, is_early),
            (late, is_late, is_late),
            (early_late, is_early, is_late),
            (late_early, is_late, is_early),
        ):
            total += _total(distances * (1 - np.eye(len(distances))), x, y)
        return total / (len(early) * (len(early) - 1))

    values = mean(swapped) - mean(1 - swapped)
    return _exact(values, float(values[0]), two_sided)


def permute_measures(differences: Floats) -> Exact:
    """Test whether one measure gives larger distances than another.

    Under the null hypothesis that neither does, the difference on each pair of networks has either
    sign with equal probability. Pairs are independent only if they share no network, so the test
    uses networks 0 and 1, 2 and 3, and so on: 2^n sign changes for 2n networks.

    Parameters
    ----------
    differences : (2n, 2n) array
        Distance by one measure minus distance by the other, [i, j] from network i to network j.
    """
    both_orders = (differences + differences.T) / 2
    disjoint = both_orders[np.arange(0, len(differences), 2), np.arange(1, len(differences), 2)]
    signs = np.array(list(product([1.0, -1.0], repeat=len(disjoint))))
    return _exact(signs @ disjoint, float(disjoint.sum()), two_sided=False)


def permute_order(
    statistic: Callable[[NDArray[np.int64]], float], n: int, *, seed: int = 0, draws: int = 9999
) -> Exact:
    """Test whether the order of n items matters.

    Under the null hypothesis that it does not, all n! orders are equally likely. If there are more
    than `draws` orders, that many are drawn at random, and the observed order is added to them,
    which keeps the test valid.

    Parameters
    ----------
    statistic : callable
        Function of an order (the numbers 0 to n - 1) that is large if the order matters.
    n : int
        Number of items.
    seed : int
        Random seed of the draws.
    draws : int
        Largest number of orders.

    Examples
    --------
    >>> rising = np.array([1.0, 2.0, 4.0, 5.0])
    >>> exact = permute_order(lambda order: float(rising[order] @ np.arange(4)), 4)
    >>> round(exact.p_value * 24)
    1
    """
    observed = np.arange(n)
    if factorial(n) <= draws:
        orders = (np.array(order) for order in permutations(range(n)))  # the observed one is first
    else:
        random = np.random.default_rng(seed)
        orders = (observed if i == 0 else random.permutation(n) for i in range(draws + 1))
    values = np.array([statistic(order) for order in orders])
    return _exact(values, float(values[0]), two_sided=False)


def correlation_interval(r: float, n: int) -> tuple[float, float] | None:
    """Return the 90 % interval of Pearson's r over n points (Fisher's z), or None if n < 4."""
    if n < 4:
        return None
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    half = norm.ppf((1 + CONFIDENCE) / 2) / (n - 3) ** 0.5
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def interval(statistic: Statistic, n: int) -> tuple[float, float] | None:
    """Return the statistic's 90 % interval by the jackknife over networks, or None if n < 3.

    The jackknife of two groups: ``variance = sum over groups of (n - 1) / n * sum of squared
    deviations of the values without one network``, and Student's t with n - 1 degrees of freedom.
    With n = 2, a group without one network has no pair.
    """
    if n < 3:
        return None
    first, second = _groups(n)
    omitted = np.eye(n)
    none = np.zeros((n, n))
    variance = 0.0
    for values in (
        statistic(first - np.hstack([omitted, none]), second + np.zeros((n, 1))),
        statistic(first + np.zeros((n, 1)), second - np.hstack([none, omitted])),
    ):
        variance += (n - 1) / n * float(np.sum((values - values.mean()) ** 2))
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * variance**0.5
    value = observe(statistic, n)
    return value - half, value + half


def _total(distances: Floats, x: Floats, y: Floats) -> Floats:
    """Return the sum of distances from the members of x to those of y in each row, (m,)."""
    total: Floats = np.einsum("mi,mi->m", x @ distances, y)
    return total


def _groups(n: int) -> tuple[Floats, Floats]:
    first = np.repeat([[1.0, 0.0]], n, axis=1)
    return first, 1 - first


@cache
def _assignments(n: int) -> Floats:
    """Return all choices of n of 2n networks, (C(2n, n), 2n); the true group comes first."""
    chosen = np.array(list(combinations(range(2 * n), n)))
    rows = np.zeros((len(chosen), 2 * n))
    np.put_along_axis(rows, chosen, 1.0, axis=1)
    rows.flags.writeable = False
    return rows


def _exact(values: Floats, observed: float, two_sided: bool) -> Exact:
    if two_sided:
        values, observed = np.abs(values), abs(observed)
    # The tolerance counts the observed value, and equal ones, in spite of rounding errors.
    extreme = int(np.sum(values >= observed - 1e-12))
    return Exact(extreme / len(values), (2 if two_sided else 1) / len(values))
