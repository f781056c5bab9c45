"""Everything against loops that write the definition out."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import t

from isorep.inference import mean_between as between
from isorep.inference import mean_within as within
from isorep.paper.analysis.permutation_tests import (
    interval,
    permute_layers,
    permute_measures,
)

N = 3


def distances(seed, n=2 * N):
    table = np.random.default_rng(seed).uniform(0, 1, (n, n))
    np.fill_diagonal(table, 0)
    return table


def naive_within(table, members):
    return np.mean([table[i, j] for i, j in permutations(members, 2)])


def naive_between(table, first, second):
    return np.mean([[table[i, j], table[j, i]] for i in first for j in second])


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_permute_layers_counts_all_arrangements(seed, two_sided):
    n = 4
    both = distances(seed, 2 * n)  # rows 0-3: early layers; rows 4-7: late layers

    def naive(swaps):
        early = [i + n * swap for i, swap in enumerate(swaps)]
        late = [i + n * (1 - swap) for i, swap in enumerate(swaps)]
        value = naive_within(both, early) - naive_within(both, late)
        return abs(value) if two_sided else value

    values = [naive(swaps) for swaps in product([0, 1], repeat=n)]
    exact = permute_layers(
        both[:n, :n], both[n:, n:], both[:n, n:], both[n:, :n], two_sided=two_sided
    )
    assert exact.p_value == np.mean(np.array(values) >= naive((0,) * n) - 1e-12)
    assert exact.smallest == (2 if two_sided else 1) / 2**n


@pytest.mark.parametrize("seed", range(4))
def test_permute_measures_changes_signs_of_disjoint_pairs(seed):
    differences = distances(seed) - 0.3
    pairs = [(differences[i, i + 1] + differences[i + 1, i]) / 2 for i in (0, 2, 4)]
    values = [np.dot(signs, pairs) for signs in product([1, -1], repeat=3)]
    exact = permute_measures(differences)
    assert exact.p_value == np.mean(np.array(values) >= sum(pairs) - 1e-12)
    assert exact.smallest == 1 / 8


def test_interval_leaves_out_each_network():
    table = distances(5)
    first, second = range(N), range(N, 2 * N)

    def naive(left_out=None):
        a, b = ([i for i in group if i != left_out] for group in (first, second))
        return naive_between(table, a, b) - naive_within(table, a)

    variance = 0
    for group in (first, second):
        values = [naive(network) for network in group]
        variance += (N - 1) / N * sum((value - np.mean(values)) ** 2 for value in values)
    half = t.ppf(0.95, N - 1) * np.sqrt(variance)

    bounds = interval(lambda a, b: between(table, a, b) - within(table, a), N)
    assert bounds == pytest.approx((naive() - half, naive() + half), rel=1e-12)


def test_two_networks_make_no_interval():
    assert interval(lambda a, b: between(distances(0, 4), a, b), 2) is None
