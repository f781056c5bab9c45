"""The random-matrix edge: Painleve's equation, calibration, the count, and its extremes."""

import dataclasses
import math
from functools import partial

import numpy as np
import pytest
from helpers.oracle import two_sharing, unrelated
from scipy.integrate import quad, solve_ivp
from scipy.special import airy
from scipy.stats import binom

import isorep
from isorep.inference import random_matrix_edge, tracy_widom_quantile, tracy_widom_sf


def painleve(points):
    """1 - F1 by Tracy and Widom's own formula: q'' = s q + 2 q^3, q ~ Ai, integrated downwards."""

    def slope(s, y):
        q, derivative, _, squares, _ = y
        return [derivative, s * q + 2 * q**3, -q, -(q**2), -squares]

    start = points[0]
    tail = partial(quad, a=start, b=40, epsabs=0, epsrel=1e-13)
    first = [
        *airy(start)[:2],
        tail(lambda x: airy(x)[0])[0],
        tail(lambda x: airy(x)[0] ** 2)[0],
        tail(lambda x: (x - start) * airy(x)[0] ** 2)[0],
    ]
    solved = solve_ivp(
        slope, (start, points[-1]), first, t_eval=points, method="DOP853", rtol=1e-13, atol=1e-20
    )
    return -np.expm1(-(solved.y[2] + solved.y[4]) / 2)


def test_the_law_is_painleves():
    points = np.linspace(8, -6, 57)
    found, expected = tracy_widom_sf(points), painleve(points)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found[points > 0], expected[points > 0], rtol=1e-10)


def test_the_law_at_its_ends():
    values = tracy_widom_sf([[-math.inf, -50], [30, math.inf]])
    assert values.shape == (2, 2)
    assert values[0].round(11).tolist() == [1, 1]
    assert 0 < values[1, 0] < 1e-40
    assert 0 <= values[1, 1] < 1e-250
    assert tracy_widom_sf(0.0).shape == ()


@pytest.mark.parametrize("share", [1e-4, 0.05, 0.5, 0.95, 0.999999])
def test_quantile_inverts_the_law(share):
    quantile = tracy_widom_quantile(share)
    assert float(tracy_widom_sf(quantile)) == pytest.approx(1 - share, rel=1e-6, abs=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "a", "b"), [(61, 20, 20), (101, 5, 30), (61, 2, 3)])
def test_rejects_at_most_one_time_in_twenty_when_nothing_is_shared(n, a, b):
    """Not above a fair 5 %, and not so far below that it would find nothing."""
    rng = np.random.default_rng(0)
    draws = 1000
    greatest = []
    for _ in range(draws):
        o = isorep.overlap(rng.standard_normal((n, a)), rng.standard_normal((n, b)))
        greatest.append(float(o.correlations[0]))
    rejected = np.sum(np.array(greatest) > random_matrix_edge(o).edges[0])
    assert binom.ppf(1e-4, draws, 0.03) <= rejected <= binom.ppf(1 - 1e-4, draws, 0.05)


@pytest.mark.parametrize("tails", ["normal", "discrete", "heavy"])
def test_finds_five_of_five_shared_in_fifty(tails):
    result = random_matrix_edge(isorep.overlap(*two_sharing(5, 50, 2000, seed=1, tails=tails)))
    assert result.n_significant == 5
    assert result.p_values[4] < 1e-10
    assert result.p_values[5] > 0.05
    assert result.warnings == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n_significant = 0


def test_a_correlation_is_beyond_its_edge_exactly_where_its_p_value_is_small():
    o = isorep.overlap(*two_sharing(3, 20, 120, seed=2))
    for alpha in (0.01, 0.05, 0.5):
        result = random_matrix_edge(o, alpha=alpha)
        np.testing.assert_array_equal(o.correlations > result.edges, result.p_values < alpha)
    assert (np.diff(result.edges) < 0).all()


def test_correlations_of_exactly_one_and_zero():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((211, 4))
    o = isorep.overlap(x, x)
    result = random_matrix_edge(o)
    assert result.n_significant == 4
    vars(o)["_triplets"] = (None, np.array([1.0, 1.0, 0.0, 0.0]), None)
    result = random_matrix_edge(o)
    assert result.n_significant == 2
    assert result.p_values[2:].round(11).tolist() == [1, 1]
    assert not np.isnan(result.p_values).any()


@pytest.mark.parametrize(("n", "a", "b"), [(200, 100, 100), (200, 100, 99), (20, 30, 7)])
def test_too_few_samples_count_nothing(n, a, b):
    x, y = unrelated(n, a, b, seed=5)
    with pytest.warns(isorep.FewSamplesWarning, match=f"{n} samples are too few to test"):
        result = random_matrix_edge(isorep.overlap(x, y))
    assert result.n_significant == 0
    assert (result.p_values == 1).all()
    assert (result.edges == 1).all()
    assert len(result.warnings) == 1


def test_what_cannot_be_tested():
    x, y = two_sharing(1, 4, 60, seed=6)
    with pytest.raises(TypeError, match=r"isorep.inference.random_matrix_edge\(isorep.overlap"):
        random_matrix_edge(x)
    with pytest.raises(ValueError, match=r"in \(0, 1\), got 5"):
        random_matrix_edge(isorep.overlap(x, y), alpha=5)


def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 7, 211, seed=7)
    found = random_matrix_edge(isorep.overlap(torch.tensor(x), torch.tensor(y)))
    expected = random_matrix_edge(isorep.overlap(x, y))
    np.testing.assert_allclose(found.p_values, expected.p_values, rtol=1e-9)
    assert type(found.edges) is np.ndarray
