"""Quadratic scores: against exact tails, and simulated ones where no formula is known."""

import numpy as np
import pytest
import scipy.stats

from isorep.explanation.quadratic_scores import quadratic_scores


@pytest.mark.parametrize("dof", [1, 2, 5, 100])
@pytest.mark.parametrize("scale", [1e-8, 3.0])
def test_equal_variances_are_chi_square(dof, scale):
    tails = np.array([1e-12, 1e-5, 0.01, 0.3, 0.5, 0.7, 0.99])
    values = scale * scipy.stats.chi2.isf(tails, dof)
    scores = quadratic_scores(values, np.full(dof, scale))
    np.testing.assert_allclose(scores, scipy.stats.norm.isf(tails), atol=0.06, rtol=0.01)
    assert (np.diff(scores) < 0).all()


def test_unequal_variances_have_simulated_tails():
    rng = np.random.default_rng(0)
    variances = np.array([1.0, 0.8, 0.1, 0.1, 0.05, 0.01])
    draws = rng.standard_normal((200_000, 6)) ** 2 @ variances
    tails = np.array([0.9, 0.5, 0.1, 0.01, 0.001])
    scores = quadratic_scores(np.quantile(draws, 1 - tails), variances)
    np.testing.assert_allclose(scores, scipy.stats.norm.isf(tails), atol=0.04)


def test_scores_are_continuous_at_the_mean():
    values = np.linspace(2.99, 3.01, 201)
    steps = np.diff(quadratic_scores(values, np.ones(3)))
    assert (steps > 0).all()
    np.testing.assert_allclose(steps, steps.mean(), rtol=0, atol=1e-4)
