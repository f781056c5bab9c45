"""Tests of groups of networks against loops that write the definition out."""

from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest

from isorep.inference import mean_between, mean_within, permute_labels, permute_order
from isorep.inference.network_permutations import DRAWS, labellings, n_labellings

N = 3


def distances(seed, n=2 * N):
    table = np.random.default_rng(seed).uniform(0, 1, (n, n))
    np.fill_diagonal(table, 0)
    return table


def naive_within(table, members):
    return np.mean([table[i, j] for i, j in permutations(members, 2)])


def naive_between(table, first, second):
    return np.mean([[table[i, j], table[j, i]] for i in first for j in second])


def members(*groups, n=2 * N):
    rows = np.zeros((len(groups), n))
    for row, group in zip(rows, groups, strict=True):
        row[list(group)] = 1
    return rows


def test_within_and_between():
    table = distances(0) + 99 * np.eye(2 * N)  # the diagonal must not count
    first, second = [(0, 1, 2), (5, 0), (1, 4, 3, 2)], [(3, 4, 5), (1, 2), (0, 5)]
    expected = [naive_within(table, group) for group in first]
    np.testing.assert_allclose(mean_within(table, members(*first)), expected, rtol=1e-13)
    expected = [naive_between(table, *pair) for pair in zip(first, second, strict=True)]
    values = mean_between(table, members(*first), members(*second))
    np.testing.assert_allclose(values, expected, rtol=1e-13)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_permute_labels_counts_all_assignments(seed, two_sided):
    table = distances(seed)

    def statistic(first, second):
        return mean_between(table, first, second) - mean_within(table, second)

    def naive(first):
        second = sorted(set(range(2 * N)) - set(first))
        value = naive_between(table, first, second) - naive_within(table, second)
        return abs(value) if two_sided else value

    values = [naive(first) for first in combinations(range(2 * N), N)]
    exact = permute_labels(statistic, (N, N), two_sided=two_sided)
    assert exact.p_value == np.mean(np.array(values) >= naive((0, 1, 2)) - 1e-12)
    assert exact.smallest == (2 if two_sided else 1) / comb(2 * N, N)


@pytest.mark.parametrize(("n", "smallest"), [(2, 1 / 6), (3, 1 / 20), (5, 1 / 252)])
def test_two_clear_groups_reach_the_smallest_p_value(n, smallest):
    table = np.full((2 * n, 2 * n), 0.9)
    table[:n, :n] = 0.1
    exact = permute_labels(
        lambda first, second: mean_within(table, second) - mean_within(table, first),
        (n, n),
    )
    assert exact == (smallest, smallest)


def test_permute_labels_is_a_valid_test():
    random = np.random.default_rng(0)
    p_values = []
    for _ in range(400):
        points = random.standard_normal((8, 3))
        table = np.linalg.norm(points[:, None] - points, axis=-1)
        p_values.append(
            permute_labels(
                lambda a, b, d=table: mean_within(d, b) - mean_within(d, a),
                (4, 4),
            ).p_value
        )
    for level in (0.05, 0.2, 0.5):
        rejected = np.mean(np.array(p_values) <= level)
        assert rejected <= level + 3 * np.sqrt(level * (1 - level) / 400)


def test_unequal_groups_are_enumerated():
    table = distances(3)

    def statistic(first, second):
        return mean_within(table, first) - mean_within(table, second)

    values = []
    for first in combinations(range(6), 2):
        second = sorted(set(range(6)) - set(first))
        values.append(abs(naive_within(table, first) - naive_within(table, second)))
    exact = permute_labels(statistic, (2, 4), two_sided=True, symmetric=True)
    assert exact.p_value == np.mean(np.array(values) >= values[0] - 1e-12)
    assert exact.smallest == 1 / comb(6, 2)


def test_three_groups_are_enumerated_once_each():
    labels = labellings((2, 2, 1), 0)
    expected = set(permutations([0, 0, 1, 1, 2]))
    assert {tuple(row) for row in labels.tolist()} == expected
    assert len(labels) == len(expected) == n_labellings((2, 2, 1)) == 30
    assert labels[0].tolist() == [0, 0, 1, 1, 2]


def test_many_networks_are_drawn_with_the_observed_labelling_first():
    labels = labellings((15, 15), 1)
    assert labels.shape == (DRAWS + 1, 30)
    assert labels[0].tolist() == [0] * 15 + [1] * 15
    assert (labels.sum(axis=1) == 15).all()
    assert not np.array_equal(labels, labellings((15, 15), 2))
    far = 1.0 - np.eye(30)
    far[:15, :15] /= 2
    exact = permute_labels(lambda a, b: mean_within(far, b) - mean_within(far, a), (15, 15))
    assert exact == (1 / (DRAWS + 1),) * 2


def test_groups_of_one_size_that_swap_give_the_same_value():
    table = np.full((6, 6), 0.9)
    for start in (0, 2, 4):
        table[start : start + 2, start : start + 2] = 0.1

    def statistic(*members):
        return -sum(mean_within(table, group) for group in members)

    exact = permute_labels(statistic, (2, 2, 2), symmetric=True)
    assert exact.p_value == exact.smallest == pytest.approx(6 / 90)


def test_orders_are_enumerated_or_drawn():
    numbers = np.array([3.0, 1.0, 2.0, 5.0, 4.0])

    def statistic(order):
        return float(numbers[order] @ np.arange(5))

    values = [statistic(list(order)) for order in permutations(range(5))]
    assert permute_order(statistic, 5).p_value == np.mean(np.array(values) >= values[0])
    drawn = permute_order(statistic, 5, draws=99)
    assert drawn.smallest == 1 / 100
    assert abs(drawn.p_value - permute_order(statistic, 5).p_value) < 0.2
