"""Bartlett's factor has the law of samples."""

import numpy as np
import pytest
from helpers.canonical_samples import sampled_correlations

from isorep.random_matrix.bartlett_factor import BartlettFactor, y_coordinates


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "a", "b", "rho"),
    [
        (30, 3, 3, [0.9, 0.5, 0.0]),
        (30, 2, 5, [0.8, 0.3]),
        (30, 5, 2, [0.8, 0.3]),
        (9, 4, 3, [0.6, 0.6, 0.1]),  # nearly as many directions as samples
        (9, 4, 4, [0.6, 0.6, 0.1, 0.0]),  # as many as can be
    ],
)
def test_a_factor_has_the_law_of_centred_samples(n, a, b, rho):
    rho, draws = np.array(rho), 1000
    rng = np.random.default_rng(0)
    direct = np.array([sampled_correlations(n, a, b, rho, rng) for _ in range(draws)])
    quick = np.array([BartlettFactor(n, a, b, rng).correlations(rho) for _ in range(draws)])
    assert quick.shape == direct.shape == (draws, min(a, b))
    # Means and covariances, both as means over the draws, within 4.5 standard errors.
    for moment in (lambda draws: draws, products):
        one, other = moment(direct), moment(quick)
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / draws)
        np.testing.assert_array_less(abs(one.mean(axis=0) - other.mean(axis=0)), 4.5 * error)


def products(draws):
    centred = draws - draws.mean(axis=0)
    return centred[:, :, None] * centred[:, None, :]


@pytest.mark.slow
def test_the_scatter_is_that_of_the_samples():
    n, a, b, rho, draws = 12, 2, 3, np.array([0.9, 0.4]), 10_000
    rng = np.random.default_rng(1)
    total = np.zeros((a + b, a + b))
    for _ in range(draws):
        factor = BartlettFactor(n, a, b, rng)
        (y_rows,) = y_coordinates([factor], rho)
        rows = np.hstack([np.vstack([factor.x, np.zeros((b, a))]), y_rows])
        total += rows.T @ rows
    expected = np.eye(a + b)
    expected[[0, 1], [a, a + 1]] = expected[[a, a + 1], [0, 1]] = rho
    np.testing.assert_allclose(total / draws / (n - 1), expected, atol=0.02)


def test_a_perfect_correlation_stays_one():
    factor = BartlettFactor(40, 3, 3, np.random.default_rng(0))
    np.testing.assert_allclose(factor.correlations(np.ones(3)), 1.0, atol=1e-12)


def test_a_correlation_that_rounding_carried_past_one():
    correlations = np.linspace(1, 0.9, 20)
    correlations[0] = 1 + 2.2e-16
    factor = BartlettFactor(100, 20, 20, np.random.default_rng(0))
    assert np.isfinite(y_coordinates([factor], correlations)).all()
