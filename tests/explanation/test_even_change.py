"""Even change: which pairs of directions changed more than the others, and how often none did."""

import numpy as np
import pytest

import isorep
from isorep.explanation.even_change import LARGEST_BOUND, even_change_bound
from isorep.explanation.held_out_pairs import held_out_pairs


def changed_pairs(x, y, seed=0, **structure):
    """Return which canonical pairs changed more than the others."""
    overlap = isorep.overlap(x, y, **structure)
    options = {"folds": 5, "alpha": 0.05, "seed": seed}
    pairs = held_out_pairs(overlap, whiten=True, n_permutations=19, **options)
    return pairs.correlations < even_change_bound(overlap, pairs, n_draws=19, **options)


def evenly_changed(rng, n, p, rho, q=None):
    x = rng.standard_normal((n, p))
    y = rng.standard_normal((n, q or p))
    y[:, :p] = rho * x + np.sqrt(1 - rho**2) * y[:, :p]
    return x, y


@pytest.mark.parametrize("rho", [0.8, 1.0])
@pytest.mark.parametrize("q", [10, 14])
def test_unrelated_directions_among_related_ones(rho, q):
    rng = np.random.default_rng(0)
    x, y = evenly_changed(rng, 400, 10, rho, q)
    y[:, :3] = rng.standard_normal((400, 3))
    rotation = np.linalg.qr(rng.standard_normal((q, q)))[0]
    assert changed_pairs(x, y @ rotation).tolist() == [False] * 7 + [True] * 3


@pytest.mark.parametrize("n", [60, 300])
def test_an_even_change_is_rarely_called_uneven(n):
    rng = np.random.default_rng(1)
    false = [changed_pairs(*evenly_changed(rng, n, 8, 0.8), seed).any() for seed in range(20)]
    assert sum(false) <= 3  # 5 % of 20 runs; 4 or more have probability 0.016


def test_few_samples_name_no_direction():
    rng = np.random.default_rng(2)
    x, y = evenly_changed(rng, 40, 12, 0.9)
    y[:, 0] = rng.standard_normal(40)
    assert not changed_pairs(x, y).any()


def test_rounding_is_no_change():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 6))
    y = x + 1e-3 * rng.standard_normal((300, 6)) * np.arange(6)
    assert not changed_pairs(x, y).any()
    assert LARGEST_BOUND < 0.996


def test_mostly_unrelated_sides_have_no_bound():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, 200, 6))
    assert not changed_pairs(x, y).any()


def test_groups_are_permuted_together():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 5)
    x = np.repeat(rng.standard_normal((40, 5)), 5, axis=0) + 0.1 * rng.standard_normal((200, 5))
    y = x + 0.3 * np.repeat(rng.standard_normal((40, 5)), 5, axis=0)
    assert not changed_pairs(x, y, groups=groups).any()
