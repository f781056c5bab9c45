"""Permutation tests of layers and measures, and intervals, for which the networks are the sample.

Tests of groups are in `isorep.inference`: `permute_labels` and `permute_order`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

import isorep

Floats = NDArray[np.float64]

Statistic = Callable[[Floats, Floats], Floats]
"""Memberships of the first and of the second group, (m, N) of 0 and 1 each -> values (m,)."""

CONFIDENCE = 0.90
"""A 90 % interval within a margin is a test of equivalence at the 5 % level."""


def permute_layers(
    early: Floats, late: Floats, early_late: Floats, late_early: Floats, *, two_sided: bool = False
) -> isorep.inference.Exact:
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
        sums = np.zeros(len(swapped))
        for distances, x, y in (
            (early, is_early, is_early),
            (late, is_late, is_late),
            (early_late, is_early, is_late),
            (late_early, is_late, is_early),
        ):
            others = distances * (1 - np.eye(len(distances)))
            sums += np.einsum("mi,mi->m", x @ others, y)
        return sums / (len(early) * (len(early) - 1))

    values = mean(swapped) - mean(1 - swapped)
    return isorep.inference.exact_p_value(values, two_sided=two_sided, alike=2 if two_sided else 1)


def permute_measures(differences: Floats) -> isorep.inference.Exact:
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
    return isorep.inference.exact_p_value(signs @ disjoint)


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
    first = np.repeat([[1.0, 0.0]], n, axis=1)
    second = 1 - first
    omitted = np.eye(n)
    none = np.zeros((n, n))
    variance = 0.0
    for values in (
        statistic(first - np.hstack([omitted, none]), second + np.zeros((n, 1))),
        statistic(first + np.zeros((n, 1)), second - np.hstack([none, omitted])),
    ):
        variance += (n - 1) / n * float(np.sum((values - values.mean()) ** 2))
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * variance**0.5
    value = isorep.inference.observed_value(statistic, (n, n))
    return value - half, value + half
