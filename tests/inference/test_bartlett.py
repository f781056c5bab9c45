"""Bartlett's test: the paper's formula in 50-digit arithmetic, calibration, and its extremes."""

import dataclasses
import math

import mpmath
import numpy as np
import pytest
from helpers.oracle import conditioned_pair, exact_correlations
from scipy.stats import binom

import isorep


def exact_test(correlations, n, a, b):
    """T_k, degrees of freedom and p-value by k, term by term, as the paper writes them."""
    rows = []
    with mpmath.workdps(50):
        rho = [mpmath.mpf(float(r)) for r in correlations]
        for k in range(len(rho)):
            factor = n - k - mpmath.mpf(a + b + 1) / 2
            for i in range(k):
                factor += 1 / rho[i] ** 2
            product = mpmath.mpf(1)
            for i in range(k, len(rho)):
                product *= 1 - rho[i] ** 2
            statistic = -factor * mpmath.log(product)
            dof = (a - k) * (b - k)
            p = mpmath.gammainc(mpmath.mpf(dof) / 2, statistic / 2, regularized=True)
            rows.append((float(statistic), dof, float(p)))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("size", [(211, 7, 5), (211, 5, 7), (97, 6, 6), (59, 1, 4)])
def test_is_the_papers_formula(size):
    x, y = conditioned_pair(*size, 10, seed=size[1])
    result = isorep.bartlett(isorep.overlap(x, y))
    statistic, dof, p = exact_test(exact_correlations(x, y), *size)
    np.testing.assert_allclose(result.statistic, statistic, rtol=1e-9)
    np.testing.assert_array_equal(result.dof, dof)
    np.testing.assert_allclose(result.p_values, p, rtol=1e-7, atol=1e-300)
    assert result.n_significant == next((k for k, chance in enumerate(p) if chance >= 0.05), len(p))
    assert result.warnings == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.n_significant = 0


@pytest.mark.slow
def test_rejects_one_time_in_twenty_when_nothing_is_shared():
    """Of 1,000 draws, as many as a fair 5 % rejects in all but 1 of 10,000 such tests."""
    rng = np.random.default_rng(0)
    draws = 1000
    rejected = sum(
        isorep.bartlett(
            isorep.overlap(rng.standard_normal((401, 5)), rng.standard_normal((401, 3)))
        ).n_significant
        > 0
        for _ in range(draws)
    )
    low, high = binom.ppf([5e-5, 1 - 5e-5], draws, 0.05)
    assert low <= rejected <= high


def test_finds_five_of_five_shared_in_twenty():
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((2000, 5))
    sides = (np.hstack([shared, rng.standard_normal((2000, 15))]) for _ in range(2))
    x, y = (side + 0.7 * rng.standard_normal(side.shape) for side in sides)
    result = isorep.bartlett(isorep.overlap(x, y))
    assert result.n_significant == 5
    assert result.p_values[4] < 1e-10
    assert result.p_values[5] > 0.05


def test_alpha_is_the_level():
    x, y = conditioned_pair(211, 7, 5, 10, seed=2)
    o = isorep.overlap(x, y)
    k = isorep.bartlett(o).n_significant
    p = isorep.bartlett(o).p_values[k]
    assert isorep.bartlett(o, alpha=p * 0.99).n_significant <= k
    assert isorep.bartlett(o, alpha=p).n_significant == k
    assert isorep.bartlett(o, alpha=p * 1.01).n_significant > k


def test_correlations_of_exactly_one_are_significant():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((211, 4))
    whole = isorep.bartlett(isorep.overlap(x, x))
    assert whole.n_significant == 4
    assert not np.isnan(whole.statistic).any()
    half = isorep.overlap(x, np.hstack([x[:, :2], rng.standard_normal((211, 3))]))
    exact = isorep.Overlap(half.x, half.y, half.matrix)
    vars(exact)["_svd"] = (None, np.array([1.0, 1.0, *half.correlations[2:]]), None)
    result = isorep.bartlett(exact)
    assert result.statistic[:2].tolist() == [math.inf, math.inf]
    assert result.p_values[:2].tolist() == [0, 0]
    assert np.isfinite(result.statistic[2:]).all()
    assert result.n_significant == isorep.bartlett(half).n_significant == 2


@pytest.mark.parametrize("zero", [0.0, 1e-17, 1e-170])
def test_correlations_of_exactly_zero_are_not(zero):
    """Three features shared, two orthogonal to all, in a sample space built for it."""
    q = np.linalg.qr(np.random.default_rng(4).standard_normal((60, 8)))[0]
    q = np.linalg.qr(q - q.mean(axis=0))[0][:, :7]
    o = isorep.overlap(q[:, :5], q[:, [0, 1, 2, 5, 6]])
    for ones, n_significant in ((3, 3), (0, 0)):
        vars(o)["_triplets"] = (None, np.array([1.0] * ones + [zero] * (5 - ones)), None)
        result = isorep.bartlett(o)
        assert result.statistic[ones:].tolist() == [0] * (5 - ones)
        assert result.p_values[ones:].tolist() == [1] * (5 - ones)
        assert result.n_significant == n_significant


@pytest.mark.parametrize(("n", "a", "b", "forced"), [(20, 30, 40, 19), (20, 12, 11, 4)])
def test_forced_correlations_are_no_evidence(n, a, b, forced):
    x, y = (np.random.default_rng(5).standard_normal((n, p)) for p in (a, b))
    message = rf"20 samples are too few to test .*: {forced} of the .* are 1 whatever the data"
    with pytest.warns(isorep.FewSamplesWarning, match=message):
        result = isorep.bartlett(isorep.overlap(x, y))
    assert result.n_significant == 0
    assert (result.p_values == 1).all()
    assert not np.isnan(result.statistic).any()
    assert len(result.warnings) == 1


def test_the_fewest_samples_that_can_be_tested():
    """Ranks that fill the space of centred samples: the factor before the logarithm is least."""
    x, y = (np.random.default_rng(6).standard_normal((20, p)) for p in (10, 9))
    with pytest.warns(isorep.FewSamplesWarning, match="20 samples are few .* take 95 or more"):
        result = isorep.bartlett(isorep.overlap(x, y))
    assert np.isfinite(result.statistic).all()
    assert (result.statistic > 0).all()


def test_what_cannot_be_tested():
    x, y = conditioned_pair(211, 7, 5, 10, seed=7)
    with pytest.raises(TypeError, match=r"expected an Overlap, got ndarray: isorep.bartlett\(iso"):
        isorep.bartlett(x)
    for alpha in (0, 1, 5, math.nan):
        with pytest.raises(ValueError, match=rf"must be in \(0, 1\), got {alpha}"):
            isorep.bartlett(isorep.overlap(x, y), alpha=alpha)


def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = conditioned_pair(211, 7, 5, 10, seed=8)
    found = isorep.bartlett(isorep.overlap(torch.tensor(x), torch.tensor(y)))
    expected = isorep.bartlett(isorep.overlap(x, y))
    np.testing.assert_allclose(found.p_values, expected.p_values, rtol=1e-9)
    assert type(found.statistic) is np.ndarray
