"""Misfit of samples: the F law of deleted residuals, and the bulk."""

import numpy as np
import scipy.stats
from statsmodels.stats.multitest import multipletests

from isorep.explanation.outlying_samples import _adjusted, _normal_scores, misfit_of_samples


def deleted_score(u, v, j):
    """Return the normal score of sample j, from a regression that has not seen it."""
    kept = np.arange(len(u)) != j
    design = np.column_stack([np.ones(len(u)), u])
    coefficients, *_ = np.linalg.lstsq(design[kept], v[kept], rcond=None)
    residuals = v - design @ coefficients
    nu, k = kept.sum() - design.shape[1], v.shape[1]
    covariance = residuals[kept].T @ residuals[kept] / nu
    leverage = design[j] @ np.linalg.inv(design[kept].T @ design[kept]) @ design[j]
    t = residuals[j] @ np.linalg.solve(covariance, residuals[j]) / (1 + leverage)
    tail = scipy.stats.f.sf(t * (nu - k + 1) / (k * nu), k, nu - k + 1)
    return scipy.stats.norm.isf(tail)


def test_scores_equal_those_of_regressions_without_the_sample():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((50, 3))
    v = u @ rng.standard_normal((3, 3)) + rng.standard_normal((50, 3))
    scores = _normal_scores(u, v, np.ones(50, dtype=bool))
    expected = [deleted_score(u, v, j) for j in range(50)]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)


def test_scores_of_samples_left_out_are_those_of_the_other_samples():
    rng = np.random.default_rng(1)
    u = rng.standard_normal((50, 2))
    v = u + rng.standard_normal((50, 2))
    scores = _normal_scores(u, v, np.arange(50) != 7)
    np.testing.assert_allclose(scores[7], deleted_score(u, v, 7), rtol=0, atol=1e-6)


def test_many_changed_samples_do_not_hide_each_other():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((300, 4))
    y = x + 0.2 * rng.standard_normal((300, 4))
    y[:60] = 0.5 - y[:60]
    found = np.flatnonzero(misfit_of_samples(x, y, 0.01).p_values <= 0.01)
    assert np.array_equal(found, np.arange(60))


def test_equal_sides_have_no_outlying_sample():
    x = np.random.default_rng(3).standard_normal((100, 4))
    misfit = misfit_of_samples(x, x @ np.triu(np.ones((4, 4))), 0.05)
    assert not (misfit.p_values <= 0.05).any()


def test_too_few_samples_have_no_misfit():
    x = np.random.default_rng(4).standard_normal((18, 4))
    misfit = misfit_of_samples(x, x, 0.05)
    assert np.isnan(misfit.z_scores).all()
    assert misfit.bulk(0.05).all()


def test_no_shared_pair_has_no_misfit():
    assert np.isnan(misfit_of_samples(np.empty((50, 0)), np.empty((50, 0)), 0.05).p_values).all()


def test_p_values_are_adjusted_as_statsmodels_does():
    p_values = np.random.default_rng(5).uniform(size=40) ** 3
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(_adjusted(p_values), expected, rtol=1e-12)
