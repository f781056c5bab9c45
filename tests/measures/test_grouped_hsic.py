"""Debiased CKA of groups: a naive sum over all samples, the ungrouped one, and its bias."""

from itertools import product

import numpy as np
import pytest

import isorep
from isorep.measures import cka_debiased
from isorep.measures.grouped_hsic import grouped_hsic


def test_every_sample_alone_is_the_ungrouped_measure():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 40, 6)) + 3
    grouped = cka_debiased(x, y, groups=np.arange(40)).similarity
    assert grouped == pytest.approx(cka_debiased(x, y).similarity, abs=1e-12)


def test_it_is_the_sum_over_samples_of_different_groups():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((8, 2)), rng.standard_normal((8, 3))
    groups = np.array([0, 1, 0, 2, 3, 2, 4, 0])
    k, other = x @ x.T, y @ y.T
    terms = [[], [], []]
    for i, j, m, n in product(range(8), repeat=4):
        if len({groups[i], groups[j], groups[m], groups[n]}) == 4:
            terms[2].append(k[i, j] * other[m, n])
        if n == 0 and len({groups[i], groups[j], groups[m]}) == 3:
            terms[1].append(k[i, j] * other[i, m])
        if n == m == 0 and groups[i] != groups[j]:
            terms[0].append(k[i, j] * other[i, j])
    first, second, third = map(np.mean, terms)
    assert grouped_hsic(x, y, groups) == pytest.approx(first - 2 * second + third, rel=1e-10)


@pytest.mark.slow
def test_unrelated_groups_have_none():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(20), 6)
    found = {True: [], False: []}
    for _ in range(200):
        x, y = rng.standard_normal((2, 20, 8))[:, groups] + 0.3 * rng.standard_normal((2, 120, 8))
        found[True].append(cka_debiased(x, y, groups=groups).similarity)
        found[False].append(cka_debiased(x, y).similarity)
    assert abs(np.mean(found[True])) < 3 * np.std(found[True]) / np.sqrt(200)
    assert np.mean(found[False]) > 0.2


def test_few_groups_are_refused():
    x, y = np.random.default_rng(3).standard_normal((2, 30, 2))
    with pytest.raises(ValueError, match="debiased CKA needs at least 4 independent groups, got 3"):
        cka_debiased(x, y, groups=np.arange(30) % 3)


def test_a_time_series_has_twenty_stretches():
    x, y = np.random.default_rng(4).standard_normal((2, 60, 2))
    by_time = isorep.similarity(x, y, "cka_debiased", order=np.arange(60)).similarity
    by_group = isorep.similarity(x, y, "cka_debiased", groups=np.arange(60) // 3).similarity
    assert by_time == by_group
