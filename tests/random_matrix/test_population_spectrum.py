"""Spectrum: Bartlett's factor has the law of samples, and the matched population shows the data."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from isorep.random_matrix.population_spectrum import (
    BartlettFactor,
    match_spectrum,
    n_simulations,
    scaled,
)
from isorep.random_matrix.tracy_widom import n_above_edge


def sampled_correlations(n, a, b, rho, rng):
    """Canonical correlations of n simulated samples: SVD of orthonormal bases, no shortcut."""
    x = rng.standard_normal((n, a))
    y = rng.standard_normal((n, b))
    c = len(rho)
    y[:, :c] = x[:, :c] * rho + y[:, :c] * np.sqrt(1 - rho**2)
    qx, qy = (np.linalg.qr(side - side.mean(axis=0))[0] for side in (x, y))
    return np.linalg.svd(qx.T @ qy, compute_uv=False)


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
        shared, own = factor.y(rho)
        rows = np.block([[factor.x, shared], [np.zeros((b, a)), own]])
        total += rows.T @ rows
    expected = np.eye(a + b)
    expected[[0, 1], [a, a + 1]] = expected[[a, a + 1], [0, 1]] = rho
    np.testing.assert_allclose(total / draws / (n - 1), expected, atol=0.02)


def test_a_perfect_correlation_stays_one():
    factor = BartlettFactor(40, 3, 3, np.random.default_rng(0))
    np.testing.assert_allclose(factor.correlations(np.ones(3)), 1.0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("b", [20, 30])
def test_the_matched_population_has_the_expected_spectrum(b):
    a, n = 20, 200
    rho = np.concatenate([np.linspace(0.95, 0.5, 8), np.linspace(0.3, 0.0, 12)])
    rng = np.random.default_rng(2)
    found = []
    for seed in range(10):
        observed = sampled_correlations(n, a, b, rho, rng)
        spectrum = match_spectrum(observed, n, a, b, np.random.default_rng(seed))
        assert len(spectrum) == a
        found.append(sum(weight * part.mean() for weight, part in spectrum.parts))
        leading = spectrum.head
        assert len(leading) >= 6
        np.testing.assert_array_less(np.diff(leading), 1e-12)  # descending
        assert ((leading >= 0) & (leading <= 1)).all()
    assert np.mean(found) == pytest.approx(rho.mean(), abs=0.02)
    assert observed.mean() > rho.mean() + 0.05


def test_shared_directions_stay_within_one_in_the_mean_of_the_shapes():
    # Weights sum to 1 but for rounding: three ones became 1 + 2e-16, and an interval NaN.
    observed = np.array([1.0, 1.0, 1.0, 0.21, 0.18, 0.12, 0.05])
    for seed in (37, 48):
        found = match_spectrum(observed, 300, 7, 7, np.random.default_rng(seed))
        assert (found.head == 1).all()
        assert np.isfinite(BartlettFactor(300, 7, 7, np.random.default_rng(0)).y(found.head)).all()


def test_the_shapes_average_to_the_spectrum():
    rng = np.random.default_rng(6)
    rho = np.concatenate([np.linspace(0.9, 0.8, 5), np.full(7, 0.15)])
    spectrum = match_spectrum(sampled_correlations(150, 12, 12, rho, rng), 150, 12, 12, rng)
    likelihoods = [likelihood for likelihood, _ in spectrum.shapes]
    assert sum(likelihoods) == pytest.approx(1)
    assert min(likelihoods) > 0
    assert spectrum.sign == 1
    for part in ("head", "tail"):
        mean = sum(weight * getattr(shape, part) for weight, shape in spectrum.shapes)
        np.testing.assert_allclose(mean, getattr(spectrum, part), atol=1e-12)
    # From all equal to few: of one sum of squares, ever smaller sums.
    sums = [shape.tail.sum() for _, shape in spectrum.shapes]
    np.testing.assert_array_less(np.diff(sums), 0)


@pytest.mark.slow
def test_estimates_of_nothing_scatter_around_nothing():
    rng = np.random.default_rng(3)
    signs, squares = [], []
    for seed in range(12):
        observed = sampled_correlations(120, 15, 15, np.zeros(15), rng)
        spectrum = match_spectrum(observed, 120, 15, 15, np.random.default_rng(seed))
        signs.append(spectrum.sign)
        squares.append(spectrum.sign * np.sum(spectrum.tail**2))
    assert {-1, 1} <= set(signs)
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(len(squares)) + 0.05


def test_what_is_lacking_extends_a_function_to_the_other_side():
    rng = np.random.default_rng(0)
    nothing = np.full(6, 1e-3)  # far under what unrelated data show
    spectrum = match_spectrum(nothing, 60, 6, 6, rng)
    assert spectrum.sign == -1
    parts = spectrum.parts
    assert sum(weight for weight, _ in parts) == 1
    assert sum(weight * part.mean() for weight, part in parts) == pytest.approx(
        -spectrum.tail.sum() / 6
    )


def test_only_correlations_past_the_noise_count_by_themselves():
    n, a, b = 400, 20, 20
    rng = np.random.default_rng(4)
    rho = np.concatenate([[0.9, 0.8, 0.7], np.zeros(17)])
    counts = [n_above_edge(sampled_correlations(n, a, b, rho, rng), n, a, b) for _ in range(20)]
    assert min(counts) == 3
    assert np.mean(counts) < 3.3
    assert n_above_edge(np.ones(5), 11, 5, 5) == 0  # noise alone reaches 1


def test_the_longer_the_spectrum_the_fewer_simulations():
    assert [n_simulations(c) for c in (1, 16, 64, 512, 5000)] == [64, 64, 16, 4, 4]


def test_rotations_of_the_samples_change_nothing():
    # What is matched depends on the correlations alone.
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 60, 4))
    turned = x @ ortho_group.rvs(4, random_state=0)

    def found(side):
        qx, qy = (np.linalg.qr(one - one.mean(axis=0))[0] for one in (side, y))
        observed = np.linalg.svd(qx.T @ qy, compute_uv=False)
        return match_spectrum(observed, 60, 4, 4, np.random.default_rng(0))

    np.testing.assert_allclose(found(x).head, found(turned).head, atol=1e-9)
    np.testing.assert_allclose(found(x).tail, found(turned).tail, atol=1e-9)


def test_a_correlation_that_rounding_carried_past_one():
    correlations = np.linspace(1, 0.9, 20)
    correlations[0] = 1 + 2.2e-16
    factor = BartlettFactor(100, 20, 20, np.random.default_rng(0))
    assert all(np.isfinite(part).all() for part in factor.y(correlations))


@pytest.mark.parametrize("mean_square", [0.0, 0.1, 0.5, 0.79, 0.81])
def test_a_shape_is_scaled_to_its_mean_square_also_where_it_is_cut_off(mean_square):
    tail = scaled(np.linspace(1, 0.02, 30) ** 2, mean_square, 0.9)
    assert np.mean(tail**2) == pytest.approx(mean_square, abs=1e-12)
    assert np.all(np.diff(tail) <= 0)
    assert tail[0] <= 0.9
