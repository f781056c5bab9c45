"""Sample changes: against a naive ridge regression, and what their mean is."""

import numpy as np
import pytest

import isorep
from isorep.core.folds import assign_folds
from isorep.explanation.ridge_fold import PENALTIES
from isorep.explanation.sample_changes import sample_changes


def naive_predictions(x, y, held):
    """Predict y from x by ridge regression, with the penalty of each column by GCV."""
    x_mean, y_mean = x[~held].mean(axis=0), y[~held].mean(axis=0)
    centred, targets = x[~held] - x_mean, y[~held] - y_mean
    m, p = centred.shape
    scale = np.trace(centred.T @ centred) / p
    predicted = np.empty((held.sum(), y.shape[1]))
    for j in range(y.shape[1]):
        criteria, weights = [], []
        for penalty in PENALTIES * scale:
            inverse = np.linalg.inv(centred.T @ centred + penalty * np.eye(p))
            weights.append(inverse @ centred.T @ targets[:, j])
            freedom = m - 1 - np.trace(centred @ inverse @ centred.T)
            criteria.append(np.sum((targets[:, j] - centred @ weights[-1]) ** 2) / freedom**2)
        predicted[:, j] = (x[held] - x_mean) @ weights[int(np.argmin(criteria))] + y_mean[j]
    return predicted


def principal_components(x):
    centred = x - x.mean(axis=0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2].T


def test_changes_are_those_of_naive_ridge_regressions():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 4))
    y = x @ rng.standard_normal((4, 3)) + rng.standard_normal((80, 3))
    fold_of = assign_folds(80, 5, None, 0)
    expected = np.zeros(80)
    for side, other in ((x, y), (y, x)):
        side, other = principal_components(side), principal_components(other)
        for fold in range(5):
            held = fold_of == fold
            residuals = side[held] - naive_predictions(other, side, held)
            expected[held] += np.sum(residuals**2, axis=1) / np.mean(np.sum(side**2, axis=1)) / 2
    changes = sample_changes(isorep.overlap(x, y), folds=5, alpha=1e-9, seed=0)
    np.testing.assert_allclose(changes.values, expected, rtol=1e-8)


@pytest.mark.parametrize(("noise", "share"), [(0.0, 0.0), (0.5, 0.2), (None, 1.0)])
def test_the_mean_is_the_share_of_variance_that_is_not_predicted(noise, share):
    rng = np.random.default_rng(1)
    x, e = rng.standard_normal((2, 2000, 5))
    y = e if noise is None else 3 * (x + noise * e) @ rng.standard_normal((5, 5))
    mean = sample_changes(isorep.overlap(x, y), folds=5, alpha=1e-9, seed=0).values.mean()
    assert mean == pytest.approx(share, abs=0.02)


def outlying(x, y, seed=0):
    changes = sample_changes(isorep.overlap(x, y), folds=5, alpha=0.05, seed=seed)
    return np.flatnonzero(changes.p_values <= 0.05).tolist()


@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("p", [3, 40])
def test_moved_samples_stand_out_alone(p, noise):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((300, p))
    y = x + noise * rng.standard_normal((300, p))
    y[:6] += 2 * rng.standard_normal((6, p)) + 2
    assert outlying(x, y @ rng.standard_normal((p, p))) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("n_replaced", [0, 1, 3])
def test_normal_noise_rarely_stands_out(n_replaced):
    rng = np.random.default_rng(3)
    false = 0
    for seed in range(40):
        x = rng.standard_normal((150, 8))
        y = x + 0.3 * rng.standard_normal((150, 8)) * np.linspace(0.2, 2, 8)
        y[:, :n_replaced] = rng.standard_normal((150, n_replaced))
        false += bool(outlying(x, y, seed))
    assert false <= 6  # 5 % of 40 runs; 7 or more have probability 0.003


def test_rounding_does_not_stand_out():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 5)).astype(np.float32)
    y = (x @ rng.standard_normal((5, 5)).astype(np.float32)).astype(np.float32)
    y[:5] *= 1 + 1e-4
    assert outlying(x, y) == []


def test_large_samples_do_not_stand_out_for_their_size():
    rng = np.random.default_rng(5)
    false = 0
    for seed in range(10):
        x = rng.standard_normal((200, 30)) * np.exp(0.4 * rng.standard_normal((200, 1)))
        y = x @ rng.standard_normal((30, 30)) / 5 + 0.1 * rng.standard_normal((200, 30))
        false += bool(outlying(x, y, seed))
    assert false <= 2  # 5 % of 10 runs; 3 or more have probability 0.012


def test_noise_in_proportion_to_the_size_does_not_stand_out():
    rng = np.random.default_rng(6)
    sizes = np.exp(0.4 * rng.standard_normal((400, 1)))
    x = rng.standard_normal((400, 10))
    y = sizes * (x + 0.3 * rng.standard_normal((400, 10)))
    changes = sample_changes(isorep.overlap(sizes * x, y), folds=5, alpha=0.05, seed=0)
    assert (changes.p_values <= 0.05).sum() <= 2
    assert changes.sizes.mean() == pytest.approx(1)
