"""The equations hold for simulated samples, and their solutions are what was put in."""

import numpy as np
import pytest
from helpers.canonical_samples import sampled_correlations
from scipy.optimize import brentq

from isorep.random_matrix.bartlett_factor import BartlettFactor
from isorep.random_matrix.spectrum_equations import (
    GRID,
    POINTS,
    SpectrumEquations,
    nonnegative,
    population_transform,
    quantiles,
    spike,
)

SIZES = [(40, 40, 320), (40, 100, 600), (100, 40, 600)]
GRADED = 0.95 * np.linspace(1, 0, 40) ** 1.5


def exact(tau, rho):
    return np.sum(1 / (1 - tau[..., None] * rho**2), axis=-1)


@pytest.mark.parametrize(("p", "q", "n"), SIZES)
def test_the_equation_holds_for_simulated_samples(p, q, n):
    rng = np.random.default_rng(0)
    draws = np.array([BartlettFactor(n, p, q, rng).correlations(GRADED) for _ in range(60)])
    tau, sums = population_transform(draws, n, p, q)
    difference = sums - exact(tau, GRADED)
    for part in (difference.real, difference.imag):
        error = part.std(axis=0) / np.sqrt(60)
        # Beside the noise, a bias of the order of 1, while the sums are about 40.
        assert np.all(abs(part.mean(axis=0)) < 4 * error + 0.15)
    assert np.all(abs(sums) > 5)


def test_the_larger_the_sides_the_smaller_the_relative_error():
    rng = np.random.default_rng(1)
    worst = []
    for p in (10, 160):
        rho = 0.95 * np.linspace(1, 0, p)
        transforms = [
            population_transform(BartlettFactor(8 * p, p, p, rng).correlations(rho), 8 * p, p, p)
            for _ in range(6)
        ]
        errors = [abs(sums - exact(tau, rho)) / abs(exact(tau, rho)) for tau, sums in transforms]
        worst.append(np.max(errors))
    assert worst[1] < worst[0] / 4
    assert worst[1] < 0.03


@pytest.mark.parametrize(("p", "q", "n"), SIZES)
def test_both_sides_give_one_equation(p, q, n):
    sample = BartlettFactor(n, p, q, np.random.default_rng(2)).correlations(GRADED)
    np.testing.assert_allclose(
        population_transform(sample, n, p, q), population_transform(sample, n, q, p), rtol=1e-9
    )


def test_the_matrices_are_those_of_the_samples():
    """G, the mean over samples of D_i A^-1 D_i^T, from data instead of correlations."""
    n, p, q, point = 60, 4, 6, -0.3 + 0.2j
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    root = np.sqrt(point)
    a = np.block([[point * x.T @ x, root * x.T @ y], [root * y.T @ x, point * y.T @ y]])
    inverse = np.linalg.inv(a)
    rows = np.zeros((n, 2, p + q))
    rows[:, 0, :p], rows[:, 1, p:] = x, y
    g = np.mean(rows @ inverse @ rows.transpose(0, 2, 1), axis=0) * n / (n - 1)
    line = np.array([[point, root], [root, point]])
    w = line - line @ g @ line
    m = np.linalg.inv(np.linalg.inv(g) - line)
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    sample = np.linalg.svd(qx.T @ qy, compute_uv=False)
    tau, sums = population_transform(sample, n, p, q, [point])
    assert tau[0] == pytest.approx(w[0, 1] * w[1, 0] / (w[0, 0] * w[1, 1]), rel=1e-9)
    assert sums[0] == pytest.approx((n - 1) * m[0, 0] * w[0, 0], rel=1e-9)


def test_a_correlation_that_stands_alone():
    rng = np.random.default_rng(4)
    rho = np.concatenate([[0.9, 0.7], np.zeros(28)])
    draws = [BartlettFactor(400, 30, 30, rng).correlations(rho) for _ in range(40)]
    for index in (0, 1):
        estimates = [spike(sample, index, 400, 30, 30) for sample in draws]
        error = np.std(estimates) / np.sqrt(40)
        assert np.mean(estimates) == pytest.approx(rho[index], abs=4 * error + 0.01)
        assert np.mean([sample[index] for sample in draws]) > rho[index] + 0.01


@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-7, 1e-5, 1e-4, 1e-3])
def test_nearly_equal_correlations_are_one_twice(gap):
    """The estimate inverts how a correlation that stands alone looks in a large sample."""
    n, rank = 400, 30
    sample = BartlettFactor(n, rank, rank, np.random.default_rng(0)).correlations(
        np.concatenate([[0.9, 0.9], np.zeros(28)])
    )
    square = np.mean(sample[:2] ** 2)
    sample[:2] = np.sqrt([square + gap / 2, square - gap / 2])

    def shown(population):  # Bao, Hu, Pan and Zhou 2019
        r, share = population**2, rank / (n - 1)
        return ((1 - share) * r + share) ** 2 / r

    expected = brentq(lambda population: shown(population) - square, 0.5, 1)
    for index in (0, 1):
        assert spike(sample, index, n, rank, rank) == pytest.approx(expected, abs=0.005)


def test_the_spectrum_that_was_put_in_has_the_least_misfit_of_its_mean():
    sample = sampled_correlations(320, 20, 20, np.linspace(0.9, 0.3, 20), np.random.default_rng(5))
    equations = SpectrumEquations.of_sample(
        sample, 320, 20, 20, np.array([]), np.random.default_rng(0)
    )
    least, weights = equations.fit()
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(20, abs=1e-3)
    mean = float(GRID @ weights) / 20
    same, _ = equations.fit((GRID, mean))
    assert same == pytest.approx(least, abs=1e-6)
    for other in (mean - 0.05, mean + 0.05):
        worse, fixed = equations.fit((GRID, other))
        assert worse > least
        assert float(GRID @ fixed) / 20 == pytest.approx(other, abs=1e-3)


def test_mirrored_equations_are_as_far_on_the_other_side():
    sample = sampled_correlations(320, 20, 20, np.linspace(0.9, 0.3, 20), np.random.default_rng(6))
    equations = SpectrumEquations.of_sample(
        sample, 320, 20, 20, np.array([]), np.random.default_rng(0)
    )
    centre = np.linspace(0.8, 0.2, 20)
    assert equations.mirrored(centre).misfit(centre) == pytest.approx(equations.misfit(centre))
    np.testing.assert_allclose(
        equations.mirrored(centre).mirrored(centre).right, equations.right, rtol=1e-9
    )


def test_nonnegative_weights_of_given_sums():
    left, right = np.array([[1.0, 2.0, 3.0]]), np.array([-1.0])
    weights = nonnegative(left, right, 2.0)  # the best is all on the first
    np.testing.assert_allclose(weights, [2, 0, 0], atol=1e-3)
    weights = nonnegative(left, right, 2.0, (np.array([0.0, 0.5, 1.0]), 1.0))
    assert weights.sum() == pytest.approx(2, abs=1e-3)
    assert weights @ [0, 0.5, 1] == pytest.approx(1, abs=1e-3)


def test_equal_parts_keep_the_mean():
    rng = np.random.default_rng(7)
    weights = rng.random(52)
    for parts in (1, 3, 50, 200):
        values = quantiles(GRID, weights, parts)
        assert len(values) == parts
        assert np.all(np.diff(values) <= 1e-12)
        assert values.mean() == pytest.approx(weights @ GRID / weights.sum(), abs=1e-12)
    np.testing.assert_allclose(quantiles(GRID, np.eye(52)[30], 5), np.full(5, GRID[30]))


def test_points_are_where_the_transform_exists():
    real = POINTS[POINTS.imag == 0].real
    assert np.all((real < 0) | (real > 1))
