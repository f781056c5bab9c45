"""Multiple correlation: probabilities are those of simulated samples, and intervals are exact."""

import numpy as np
import pytest
from helpers.canonical_samples import sampled_correlations
from scipy.stats import binom, norm

from isorep.random_matrix.multiple_correlation import (
    populations_of_scores,
    probability_of_unrelated,
    square_of_unrelated,
)
from isorep.random_matrix.population_spectrum import estimate_spectrum


def simulated_squares(n, q, rho, draws, rng):
    """Squares of multiple correlations, from the normal variables that they depend on."""
    t = rho / np.sqrt(1 - rho**2)
    a, z = np.sqrt(rng.chisquare(n - 1, draws)), rng.standard_normal(draws)
    rest = rng.chisquare(q - 1, draws) if q > 1 else 0.0
    odds = ((t * a + z) ** 2 + rest) / rng.chisquare(n - 1 - q, draws)
    return odds / (1 + odds)


@pytest.mark.parametrize(
    ("n", "q", "rho"),
    [(62, 30, 0.6), (62, 30, 0.9), (200, 1, 0.3), (1000, 30, 0.99), (50_000, 5, 0.999999)],
)
def test_scores_are_those_of_simulated_samples(n, q, rho):
    rng = np.random.default_rng(0)
    squares = simulated_squares(n, q, rho, 100_000, rng)
    for probability in (0.01, 0.5, 0.99):
        square = np.quantile(squares, probability)
        correlations, scores = populations_of_scores(square, n, q)
        score = np.interp(np.arctanh(rho), np.arctanh(correlations), scores)
        # Linear interpolation adds less than 0.03.
        error = np.sqrt(probability * (1 - probability) / 100_000)
        error /= norm.pdf(norm.ppf(probability))
        assert score == pytest.approx(norm.ppf(probability), abs=4 * error + 0.03)


def test_the_law_is_that_of_regressions():
    rng = np.random.default_rng(1)
    squares = [sampled_correlations(40, 1, 6, np.array([0.5]), rng)[0] ** 2 for _ in range(1000)]
    other = simulated_squares(40, 6, 0.5, 100_000, rng)
    assert np.mean(squares) == pytest.approx(other.mean(), abs=4 * np.std(squares) / 1000**0.5)


def test_unrelated_data():
    squares = simulated_squares(62, 30, 0.0, 100_000, np.random.default_rng(2))
    for probability in (0.02, 0.5, 0.9):
        square = square_of_unrelated(probability, 62, 30)
        assert np.mean(squares <= square) == pytest.approx(probability, abs=0.006)
        assert probability_of_unrelated(square, 62, 30) == pytest.approx(probability, rel=1e-9)


def test_squares_of_1_have_correlations_of_1():
    np.testing.assert_array_equal(populations_of_scores(1.0, 100, 5)[0], 1.0)
    ((weight, rho),) = estimate_spectrum(np.ones(1), 100, 1, 5, np.random.default_rng(0)).parts
    assert (weight, rho[0]) == (1.0, 1.0)


@pytest.mark.parametrize("square", np.linspace(0.05, 0.6, 12))
def test_populations_begin_at_exactly_0(square):
    correlations, scores = populations_of_scores(square, 62, 30)
    assert correlations[0] == 0
    assert (np.diff(correlations) > 0).all()
    assert scores[0] == pytest.approx(norm.ppf(probability_of_unrelated(
        max(square, square_of_unrelated(0.02, 62, 30)), 62, 30)))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9])
def test_intervals_of_one_correlation_cover_it_as_often_as_they_say(rho):
    rng, n, draws = np.random.default_rng(3), 62, 100
    covered = 0
    for square in simulated_squares(n, 30, rho, draws, rng):
        spectrum = estimate_spectrum(np.array([np.sqrt(square)]), n, 1, 30, rng)
        by_mean = spectrum.profiles[0]
        covered += np.interp(rho, by_mean.means, by_mean.misfits, left=99, right=99) <= 3.84
    assert covered >= binom.ppf(1e-3, draws, 0.95)
