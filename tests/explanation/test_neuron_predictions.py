"""Predictions of neurons: ridge regression against explicit hat matrices, and its p-values."""

import numpy as np
import pytest

from isorep.core.folds import assign_folds
from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.neuron_predictions import predicted_neurons
from isorep.explanation.ridge_fold import PENALTIES


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 8))
    y = np.hstack([x[:, [3, 0, 5, 1]], rng.standard_normal((150, 3)), np.ones((150, 1))])
    y[:, :4] += 0.4 * rng.standard_normal((150, 4))
    return x, y


@pytest.fixture(scope="module")
def tables(sides):
    return predicted_neurons(
        ExplainedPair.from_sides(*sides), folds=5, n_permutations=99, alpha=0.05, seed=0
    )


def naive_predictions(x, y, train, held):
    """Predict one neuron by the penalty of least generalised cross-validation."""
    x_mean, y_mean = x[train].mean(axis=0), y[train].mean()
    design, target = x[train] - x_mean, y[train] - y_mean
    squares = np.linalg.eigvalsh(design.T @ design)
    scale = squares.mean()
    best = (np.inf, None)
    for penalty in PENALTIES * scale:
        inverse = np.linalg.inv(design.T @ design + penalty * np.eye(x.shape[1]))
        hat = design @ inverse @ design.T
        errors = np.sum((target - hat @ target) ** 2)
        criterion = errors / (len(target) - 1 - np.trace(hat)) ** 2
        best = min(best, (criterion, penalty), key=lambda pair: pair[0])
    weights = np.linalg.solve(design.T @ design + best[1] * np.eye(x.shape[1]), design.T @ target)
    return (x[held] - x_mean) @ weights, y[held] - y_mean


def test_scores_equal_those_of_explicit_ridge_regressions(sides, tables):
    x, y = sides
    fold_of = assign_folds(150, 5, None, 0)
    for j in (0, 4):
        parts = [naive_predictions(x, y[:, j], fold_of != i, fold_of == i) for i in range(5)]
        predicted, actual = (np.concatenate(part) for part in zip(*parts, strict=True))
        r_squared = 1 - np.sum((actual - predicted) ** 2) / np.sum(actual**2)
        correlation = predicted @ actual / np.linalg.norm(predicted) / np.linalg.norm(actual)
        row = tables[1].isel(y_neuron=j)
        np.testing.assert_allclose(row["r_squared"], r_squared, rtol=0, atol=1e-9)
        np.testing.assert_allclose(row["correlation"], correlation, rtol=0, atol=1e-9)


def test_copied_neurons_alone_are_predicted(tables):
    x, y = tables
    assert np.flatnonzero(x["predicted"]).tolist() == [0, 1, 3, 5]
    assert np.flatnonzero(y["predicted"]).tolist() == [0, 1, 2, 3]


def test_copied_neurons_have_their_copy_as_partner(tables):
    x, y = tables
    assert y["partner"].to_numpy()[:4].tolist() == [3, 0, 5, 1]
    assert x["partner"].to_numpy()[[3, 0, 5, 1]].tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(y["has_partner"]).tolist() == [0, 1, 2, 3]
    assert y["partner_correlation"].to_numpy()[:4].min() > 0.8


def test_a_dead_neuron_has_no_score_and_no_partner(tables):
    row = tables[1].isel(y_neuron=7)
    assert np.isnan(row["r_squared"])
    assert not row["predicted"]
    assert row["partner"] == -1
    assert not row["has_partner"]
