"""Winkler's stepwise permutation test: his algorithm naively, the count, calibration, extremes."""

import dataclasses

import numpy as np
import pytest
from helpers.oracle import two_sharing, unrelated
from scipy.stats import binom

import isorep
from isorep.inference import permutation_test


def naive_test(x, y, n_permutations, seed):
    """Winkler et al.'s algorithm 1, a canonical correlation analysis for each k and draw."""
    qx, qy = (np.linalg.qr(z - z.mean(axis=0))[0] for z in (x, y))
    u, rho, wt = np.linalg.svd(qx.T @ qy)
    x, y = qx @ u, qy @ wt.T
    rng = np.random.default_rng(seed)
    orders = [np.arange(len(x)), *(rng.permutation(len(x)) for _ in range(n_permutations))]
    count = np.zeros(len(rho))
    for rows in orders:
        for k in range(len(rho)):
            shuffled = np.linalg.svd(x[:, k:].T @ y[rows, k:], compute_uv=False)
            statistic, observed = -np.log(1 - shuffled**2).sum(), -np.log(1 - rho[k:] ** 2).sum()
            count[k] += statistic >= observed - 1e-9
    return np.maximum.accumulate(count / len(orders)), -np.log(1 - rho**2)[::-1].cumsum()[::-1]


@pytest.mark.parametrize(("p", "q"), [(7, 5), (5, 7), (6, 6), (1, 4), (4, 1), (1, 1)])
def test_is_winklers_algorithm(p, q):
    x, y = two_sharing(1, p, 41, seed=p, q=q)
    result = permutation_test(isorep.overlap(x, y), n_permutations=59, seed=3)
    p_values, statistic = naive_test(x, y, 59, seed=3)
    np.testing.assert_allclose(result.p_values, p_values, rtol=1e-12)
    np.testing.assert_allclose(result.statistic, statistic, rtol=0, atol=2e-7)
    assert (result.statistic > 0).all()
    assert result.warnings == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n_significant = 0


@pytest.mark.parametrize("tails", ["normal", "discrete", "heavy"])
def test_finds_five_of_five_shared_in_fifty(tails):
    o = isorep.overlap(*two_sharing(5, 50, 2000, seed=1, tails=tails))
    result = permutation_test(o, n_permutations=199)
    assert result.n_significant == 5
    assert result.p_values[:5].tolist() == [0.005] * 5
    assert result.p_values[5] > 0.05
    assert isorep.bartlett(o).n_significant == 5


@pytest.mark.slow
@pytest.mark.parametrize("tails", ["normal", "cauchy", "discrete"])
def test_rejects_one_time_in_ten_when_nothing_is_shared(tails):
    rng = np.random.default_rng(0)
    draw = {
        "normal": rng.standard_normal,
        "cauchy": rng.standard_cauchy,
        "discrete": lambda size: rng.integers(0, 3, size),
    }[tails]
    rejected = sum(
        permutation_test(
            isorep.overlap(draw((20, 6)), draw((20, 3))), n_permutations=39, seed=s, alpha=0.101
        ).n_significant
        > 0
        for s in range(200)
    )
    low, high = binom.ppf([5e-5, 1 - 5e-5], 200, 0.1)
    assert low <= rejected <= high


@pytest.mark.slow
def test_finds_one_too_many_one_time_in_ten_when_one_is_shared():
    found = np.array(
        [
            permutation_test(
                isorep.overlap(*two_sharing(1, 3, 80, seed=s, q=8)),
                n_permutations=39,
                seed=s,
                alpha=0.101,
            ).n_significant
            for s in range(200)
        ]
    )
    assert np.sum(found == 0) < 10
    low, high = binom.ppf([5e-5, 1 - 5e-5], 200, 0.1)
    assert low <= np.sum(found > 1) <= high


@pytest.mark.parametrize(("n", "a", "b"), [(200, 100, 100), (20, 30, 7)])
def test_forced_correlations_are_no_evidence(n, a, b):
    x, y = unrelated(n, a, b, seed=5)
    with pytest.warns(isorep.FewSamplesWarning, match="are 1 whatever the data"):
        result = permutation_test(isorep.overlap(x, y), n_permutations=5)
    assert result.n_significant == 0
    assert (result.p_values == 1).all()
    assert np.isfinite(result.statistic).all()
    assert len(result.warnings) == 1


def test_the_fewest_samples_that_can_be_tested():
    x, y = unrelated(200, 100, 99, seed=6)
    result = permutation_test(isorep.overlap(x, y), n_permutations=39)
    assert result.n_significant == 0
    assert result.warnings == ()


def test_correlations_of_exactly_one():
    x = np.random.default_rng(3).standard_normal((60, 4))
    assert permutation_test(isorep.overlap(x, x), n_permutations=39).n_significant == 4
    # Few distinct samples, of which every tenth order is the same as the first.
    labels = np.array([[1.0], [0], [0], [0], [0]])
    result = permutation_test(isorep.overlap(labels, 1 - labels), n_permutations=999)
    assert result.p_values[0] == pytest.approx(0.2, abs=0.05)


def test_what_cannot_be_tested():
    o = isorep.overlap(*two_sharing(1, 3, 50, seed=6))
    with pytest.raises(TypeError, match=r"isorep.inference.permutation_test\(isorep.overlap"):
        permutation_test(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"must be in \(0, 1\), got 0"):
        permutation_test(o, alpha=0)
    with pytest.raises(ValueError, match="n_permutations must be 1 or more, got 0"):
        permutation_test(o, n_permutations=0)


def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 7, 101, seed=7, q=5)
    found = permutation_test(isorep.overlap(torch.tensor(x), torch.tensor(y)), n_permutations=29)
    expected = permutation_test(isorep.overlap(x, y), n_permutations=29)
    np.testing.assert_array_equal(found.p_values, expected.p_values)
    assert type(found.p_values) is np.ndarray


@pytest.mark.slow
def test_of_many_samples_small_statistics_are_no_ties():
    """One correlation a side: every test on the same draws must find the same p-value."""
    rng = np.random.default_rng(35)
    x, y = rng.standard_normal((2, 150_000, 1))
    o = isorep.overlap(x, y)
    assert o.correlations[0] ** 2 < 1e-6
    found = permutation_test(o, n_permutations=40, seed=5).p_values[0]
    by_squares = isorep.inference.null_distribution(o, "cca_squared", n_permutations=40, seed=5)
    assert found == pytest.approx(by_squares.p_value)
    assert 0.1 < found < 0.95
