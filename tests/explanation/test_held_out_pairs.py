"""Held-out pairs: scores that the samples held out did not fit, and the level of p-values."""

import numpy as np
import pytest

import isorep
from isorep.core.folds import assign_folds
from isorep.explanation.held_out_pairs import coordinates, held_out_pairs


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((120, 2))
    return [np.hstack([shared, rng.standard_normal((120, 4))]) for _ in range(2)]


@pytest.mark.parametrize("whiten", [True, False])
def test_correlations_equal_those_of_a_naive_loop(sides, whiten):
    overlap = isorep.overlap(*sides)
    result = held_out_pairs(overlap, whiten=whiten, folds=4, n_permutations=9, alpha=0.05, seed=3)
    x, y = (coordinates(side, whiten) for side in (overlap.x, overlap.y))
    u_all, v_all = np.empty((2, 120, 6))
    fold_of = assign_folds(120, 4, None, 3)
    for fold in range(4):
        train, held = fold_of != fold, fold_of == fold
        x_mean, y_mean = x[train].mean(axis=0), y[train].mean(axis=0)
        u, _, vt = np.linalg.svd((x[train] - x_mean).T @ (y[train] - y_mean))
        u_all[held] = (x[held] - x_mean) @ u / ((x[train] - x_mean) @ u).std(axis=0, ddof=1)
        v_all[held] = (y[held] - y_mean) @ vt.T / ((y[train] - y_mean) @ vt.T).std(axis=0, ddof=1)
    products = np.sum(u_all * v_all, axis=0)
    expected = products / np.linalg.norm(u_all, axis=0) / np.linalg.norm(v_all, axis=0)
    np.testing.assert_allclose(result.correlations, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("whiten", [True, False])
def test_shared_pairs_alone_are_above_noise(sides, whiten):
    result = held_out_pairs(
        isorep.overlap(*sides), whiten=whiten, folds=5, n_permutations=39, alpha=0.05, seed=0
    )
    assert (result.p_values <= 0.05).tolist() == [True, True, False, False, False, False]
    assert result.correlations[1] > result.noise_edge


def test_forced_correlations_are_not_above_noise():
    x, y = np.random.default_rng(1).standard_normal((2, 20, 30))
    result = held_out_pairs(
        isorep.overlap(x, y), whiten=True, folds=5, n_permutations=39, alpha=0.05, seed=0
    )
    # All correlations in the sample are 1, so rounding chooses the directions. A p-value of such a
    # direction is at most 0.05 by chance in one of 20.
    assert len(result.p_values) == 19
    assert (result.p_values <= 0.05).sum() <= 5


@pytest.mark.slow
def test_p_values_hold_their_level():
    rng = np.random.default_rng(2)
    rejected = 0
    for seed in range(200):
        x, y = rng.standard_normal((2, 40, 3))
        result = held_out_pairs(
            isorep.overlap(x, y), whiten=True, folds=5, n_permutations=19, alpha=0.05, seed=seed
        )
        rejected += result.p_values.min() <= 0.05
    assert 2 <= rejected <= 20  # 10 expected; beyond with a probability below 0.003
