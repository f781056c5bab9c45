"""Spectrum: estimates are right on average, and their intervals cover the population's values."""

import numpy as np
import pytest
from helpers.canonical_samples import sampled_correlations
from scipy.stats import chi2, ortho_group

from isorep.inference.interval import GREATEST_LEVEL
from isorep.random_matrix.population_spectrum import estimate_spectrum, n_simulations
from isorep.random_matrix.tracy_widom import n_above_edge


def mean_of(spectrum, function=lambda rho: rho):
    return sum(weight * function(rho).mean() for weight, rho in spectrum.parts)


def estimates(n, a, b, rho, repeats, seed=0):
    rng = np.random.default_rng(seed)
    return [
        estimate_spectrum(
            sampled_correlations(n, a, b, rho, rng), n, a, b, np.random.default_rng(seed)
        )
        for seed in range(repeats)
    ]


SPECTRA = {
    "graded": np.concatenate([np.linspace(0.95, 0.5, 8), np.linspace(0.3, 0.0, 12)]),
    "two values": np.concatenate([np.full(7, 0.8), np.full(13, 0.3)]),
    "half zeros": np.concatenate([np.full(10, 0.7), np.zeros(10)]),
    "one": np.concatenate([[0.9], np.zeros(19)]),
    "none": np.zeros(20),
    "all": np.full(20, 0.999),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPECTRA)
@pytest.mark.parametrize(("a", "b"), [(20, 20), (20, 30), (30, 20)])
def test_estimates_are_right_on_average_and_so_are_their_squares(kind, a, b):
    rho, repeats = SPECTRA[kind], 12
    spectra = estimates(8 * (a + b), a, b, rho, repeats)
    for function, most in ((lambda r: r, 0.012), (lambda r: r**2, 0.004)):
        errors = [mean_of(spectrum, function) - function(rho).mean() for spectrum in spectra]
        allowed = most + 3 * np.std(errors, ddof=1) / np.sqrt(repeats)
        assert abs(np.mean(errors)) < allowed


def test_a_spectrum_is_in_order_and_within_zero_and_one():
    rho = SPECTRA["graded"]
    (spectrum,) = estimates(200, 20, 20, rho, 1)
    assert len(spectrum) == 20
    assert sum(weight for weight, _ in spectrum.parts) == pytest.approx(1, abs=1e-12)
    for _, part in spectrum.parts:
        assert np.all(np.diff(part) <= 1e-12)
        assert part.min() >= 0
        assert part.max() <= 1


def test_spectra_of_a_profile_have_its_means():
    (spectrum,) = estimates(320, 20, 20, SPECTRA["graded"], 1)
    by_mean, by_square = spectrum.profiles
    np.testing.assert_allclose(by_mean.spectra.mean(axis=1), by_mean.means, atol=1e-4)
    # Twenty values are the means of parts of a distribution, so their squares are smaller.
    squares = (by_square.spectra**2).mean(axis=1)
    assert np.all(squares <= by_square.means + 1e-4)
    np.testing.assert_allclose(squares, by_square.means, atol=0.01)


def test_profiles_contain_the_estimate_and_grow_to_both_sides():
    (spectrum,) = estimates(320, 20, 20, SPECTRA["graded"], 1)
    for profile, function in zip(spectrum.profiles, (lambda r: r, lambda r: r**2), strict=True):
        assert np.all(np.diff(profile.means) >= 0)
        best = profile.misfits.argmin()
        assert profile.misfits[best] >= -1e-9
        assert profile.misfits[0] > 3.84
        assert profile.misfits[-1] > 3.84
        # Convex: ever worse to both sides, but for the precision of the solver.
        assert np.all(np.diff(profile.misfits[: best + 1]) < 1e-6)
        assert np.all(np.diff(profile.misfits[best:]) > -1e-6)
        assert profile.means[0] < mean_of(spectrum, function) < profile.means[-1]


@pytest.mark.parametrize("kind", SPECTRA)
def test_profiles_contain_all_spectra_that_any_level_allows(kind):
    for spectrum in estimates(160, 20, 20, SPECTRA[kind], 2):
        for profile in spectrum.profiles:
            for end, limit in ((0, 0.0), (-1, 1.0)):
                at_limit = profile.means[end] == pytest.approx(limit, abs=2e-3)
                assert at_limit or profile.misfits[end] > chi2.isf(1 - GREATEST_LEVEL, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["graded", "two values", "half zeros", "none"])
def test_allowed_spectra_cover_the_population_s_mean(kind):
    rho, repeats = SPECTRA[kind], 20
    covered = 0
    for spectrum in estimates(160, 20, 20, rho, repeats):
        by_mean = spectrum.profiles[0]
        # The solver reaches a mean of 0 to within its precision.
        mean = max(rho.mean(), by_mean.means[0] if by_mean.means[0] < 1e-3 else 0.0)
        covered += np.interp(mean, by_mean.means, by_mean.misfits, left=99, right=99) <= 3.84
    assert covered >= 16  # 95 % of 20 is 19; 16 and fewer have a probability of 1 %


def test_identical_sides_have_only_ones():
    spectrum = estimate_spectrum(np.ones(12), 100, 12, 12, np.random.default_rng(0))
    ((weight, rho),) = spectrum.parts
    assert weight == 1
    np.testing.assert_allclose(rho, 1.0, atol=1e-12)


@pytest.mark.parametrize("c", [1, 2, 3])
def test_few_correlations(c):
    rng = np.random.default_rng(4)
    means = [
        mean_of(
            estimate_spectrum(sampled_correlations(200, c, c, np.full(c, 0.6), rng), 200, c, c, rng)
        )
        for _ in range(8)
    ]
    assert np.mean(means) == pytest.approx(0.6, abs=4 * np.std(means) / np.sqrt(8) + 0.02)


@pytest.mark.slow
def test_estimates_of_nothing_scatter_around_nothing():
    spectra = estimates(120, 15, 15, np.zeros(15), 16, seed=3)
    means = [mean_of(spectrum) for spectrum in spectra]
    assert min(means) < 0 < max(means)
    assert abs(np.mean(means)) < 3 * np.std(means) / 4 + 0.02


def test_less_than_nothing_counts_below_zero():
    spectrum = estimate_spectrum(np.full(6, 1e-3), 60, 6, 6, np.random.default_rng(0))
    assert sum(weight for weight, _ in spectrum.parts) == pytest.approx(1, abs=1e-12)
    assert mean_of(spectrum) < 0
    assert all(profile.means.min() >= 0 for profile in spectrum.profiles)


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

    def estimate(side):
        qx, qy = (np.linalg.qr(one - one.mean(axis=0))[0] for one in (side, y))
        observed = np.linalg.svd(qx.T @ qy, compute_uv=False)
        return estimate_spectrum(observed, 60, 4, 4, np.random.default_rng(0))

    for (weight, rho), (as_weight, as_rho) in zip(
        estimate(x).parts, estimate(turned).parts, strict=True
    ):
        assert weight == pytest.approx(as_weight, abs=1e-6)
        np.testing.assert_allclose(rho, as_rho, atol=1e-6)
