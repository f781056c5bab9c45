"""Wachter's law: it integrates to 1, its moments are exact, and noise follows it."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

import isorep
from isorep.inference import Wachter

CASES = [(101, 7, 5), (101, 20, 60), (101, 50, 50), (101, 60, 50), (101, 90, 30), (31, 1, 1)]


@pytest.mark.parametrize("case", CASES)
def test_density_and_point_mass_make_one(case):
    law = Wachter(*case)
    low, high = law.edges
    middle = (low + high) / 2
    # Quadrature in the angle, where the density has no root singularities.
    half = (high - low) / 2

    def integrand(t, power=0):
        x = middle - half * np.cos(t)
        return law.density(x) * half * np.sin(t) * x**power

    whole = quad(integrand, 0, np.pi, epsabs=1e-10)[0]
    assert whole + law.forced == pytest.approx(1, abs=1e-7)
    for t in (0.3, 1.1, 2.5):
        below = quad(integrand, 0, t, epsabs=1e-10)[0]
        assert float(law.cdf(middle - half * np.cos(t))) == pytest.approx(below, abs=1e-7)
    assert law.density([low / 2 - 0.01, min(high + 0.01, 1.0)]).tolist() == [0, 0]
    assert law.cdf([-1, low, 1, 2]).round(7).tolist() == [0, 0, 1, 1]
    mean = quad(integrand, 0, np.pi, args=(1,))[0] + law.forced
    n, a, b = case
    assert mean == pytest.approx(max(a, b) / (n - 1), abs=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_quantile_inverts_cdf(case):
    law = Wachter(*case)
    shares = np.linspace(0.01, 0.99, 17) * (1 - law.forced)
    np.testing.assert_allclose(law.cdf(law.quantile(shares)), shares, atol=1e-9)
    if law.forced:
        assert law.quantile(1 - law.forced / 2) == 1
    assert law.quantile([[0.0, 1.0]]).shape == (1, 2)


@pytest.mark.parametrize("case", CASES)
def test_the_mean_square_is_exact(case):
    n, a, b = case
    assert Wachter(*case).mean() == pytest.approx(max(a, b) / (n - 1), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "a", "b", "tolerance", "tails"),
    [
        *((201, 12, 12, 2e-2, tails) for tails in ("normal", "heavy", "discrete")),
        *((101, 20, 30, 3e-3, tails) for tails in ("heavy", "discrete")),
        *((81, 50, 40, 3e-3, "heavy"), (41, 60, 9, 1e-9, "normal")),
    ],
)
def test_noise_follows_it(n, a, b, tolerance, tails):
    rng = np.random.default_rng(0)
    draw = {
        "normal": rng.standard_normal,
        "heavy": lambda size: rng.standard_t(3, size),
        "discrete": lambda size: rng.poisson(1, size),
    }[tails]
    spectra = np.array(
        [isorep.overlap(draw((n, a)), draw((n, b))).correlations for _ in range(400)]
    )
    law = Wachter(n, min(a, n - 1), b)
    assert spectra.mean() == pytest.approx(law.mean(np.sqrt), rel=tolerance)
    assert (spectra**2).mean() == pytest.approx(law.mean(), rel=tolerance)
    np.testing.assert_allclose(spectra.mean(axis=0), law.correlations(), atol=0.03)


def test_the_correction_of_the_mean_serves_small_ranks():
    """The exact law of one correlation is a beta law, its mean absolute value among the worst."""
    for n in (30, 300):
        exact = beta(0.5, (n - 2) / 2).expect(np.sqrt)
        assert Wachter(n, 1, 1).mean(np.sqrt) == pytest.approx(exact, rel=0.14)
        exact = beta(5, (n - 11) / 2).expect(np.sqrt)
        assert Wachter(n, 10, 1).mean(np.sqrt) == pytest.approx(exact, rel=0.01)


def test_every_correlation_forced():
    law = Wachter(11, 10, 4)
    assert law.forced == 1
    assert law.correlations().tolist() == [1] * 4
    assert law.mean(np.sqrt) == pytest.approx(1)
    assert law.cdf([0.5, 1.0]).tolist() == [0, 1]
    assert law.density(0.5) == 0


def test_of_an_overlap():
    x = np.random.default_rng(0).standard_normal((50, 4))
    assert Wachter.from_overlap(isorep.overlap(x, x[:, :3])) == Wachter(50, 4, 3)


def test_impossible_ranks():
    with pytest.raises(
        ValueError, match="ranks of 10 centred samples must be from 1 to 9, got 3 and 10"
    ):
        Wachter(10, 3, 10)
