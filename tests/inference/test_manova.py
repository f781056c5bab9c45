"""The four classical tests: statsmodels' numbers, calibration, and the extremes."""

import math

import numpy as np
import pytest
from helpers.oracle import conditioned_pair, two_sharing, unrelated
from scipy.stats import binom
from statsmodels.multivariate.cancorr import CanCorr

import isorep
from isorep.inference import manova

COLUMNS = ["Num DF", "Den DF", "F Value", "Pr > F"]
ROWS = {
    "wilks": "Wilks' lambda",
    "pillai": "Pillai's trace",
    "hotelling_lawley": "Hotelling-Lawley trace",
    "roy": "Roy's greatest root",
}


def numbers(test):
    return [test.numerator_dof, test.denominator_dof, test.f, test.p_value]


@pytest.mark.parametrize("size", [(211, 7, 5), (211, 5, 7), (97, 6, 6), (59, 1, 4), (13, 6, 5)])
@pytest.mark.parametrize("shared", [True, False])
def test_equals_statsmodels(size, shared):
    x, y = conditioned_pair(*size, 10, seed=size[1])
    if not shared:
        y = np.random.default_rng(0).standard_normal(y.shape)
    result = manova(isorep.overlap(x, y))
    frame = CanCorr(y, x).corr_test().stats_mv
    for name, label in ROWS.items():
        test = getattr(result, name)
        np.testing.assert_allclose(numbers(test), frame.loc[label, COLUMNS].astype(float), 1e-8)
        assert test.statistic == pytest.approx(frame.loc[label, "Value"], rel=1e-9)
    assert result.warnings == ()


@pytest.mark.parametrize("p", [2, 4, 6])
def test_each_index_equals_statsmodels(p):
    """With equal widths alone: for others its frame by index disagrees with its own total."""
    x, y = conditioned_pair(97, p, p, 10, seed=p)
    result = manova(isorep.overlap(x, y))
    frame = CanCorr(y, x).corr_test().stats
    for k, test in enumerate(result.wilks_by_index):
        np.testing.assert_allclose(numbers(test), frame.loc[k, COLUMNS].astype(float), 1e-8)
        assert test.statistic == pytest.approx(frame.loc[k, "Wilks' lambda"], rel=1e-9)


@pytest.fixture(scope="module")
def of_unrelated():
    """Results of 1000 pairs that share nothing."""
    rng = np.random.default_rng(0)
    return [
        manova(isorep.overlap(rng.standard_normal((41, 5)), rng.standard_normal((41, 3))))
        for _ in range(1000)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wilks", "pillai", "hotelling_lawley"])
def test_rejects_one_time_in_twenty_when_nothing_is_shared(of_unrelated, name):
    rejected = sum(getattr(result, name).p_value < 0.05 for result in of_unrelated)
    low, high = binom.ppf([5e-5, 1 - 5e-5], len(of_unrelated), 0.05)
    assert low <= rejected <= high


def test_the_index_tells_real_correlations():
    result = manova(isorep.overlap(*two_sharing(5, 50, 2000, seed=1)))
    p_values = [test.p_value for test in result.wilks_by_index]
    assert max(p_values[:5]) < 1e-10
    assert p_values[5] > 0.05


def test_correlations_of_exactly_one_and_zero():
    o = isorep.overlap(*two_sharing(1, 4, 60, seed=2))
    vars(o)["_triplets"] = (None, np.array([1.0, 1.0, 0.0, 0.0]), None)
    result = manova(o)
    assert (result.wilks.statistic, result.wilks.f, result.wilks.p_value) == (0, math.inf, 0)
    assert result.pillai.statistic == 2
    assert result.hotelling_lawley.statistic == result.roy.f == math.inf
    assert result.hotelling_lawley.p_value == result.roy.p_value == 0
    assert [test.p_value for test in result.wilks_by_index[2:]] == [1, 1]
    vars(o)["_triplets"] = (None, np.ones(4), None)
    assert manova(o).pillai.p_value == 0
    vars(o)["_triplets"] = (None, np.zeros(4), None)
    result = manova(o)
    assert [getattr(result, name).p_value for name in ROWS] == [1] * 4


@pytest.mark.parametrize(("n", "a", "b"), [(200, 100, 100), (20, 30, 7)])
def test_forced_correlations_are_no_evidence(n, a, b):
    x, y = unrelated(n, a, b, seed=5)
    with pytest.warns(isorep.FewSamplesWarning, match="are 1 whatever the data"):
        result = manova(isorep.overlap(x, y))
    for test in (*result.wilks_by_index, result.pillai, result.hotelling_lawley, result.roy):
        assert (test.f, test.denominator_dof, test.p_value) == (0, 0, 1)


@pytest.mark.parametrize("spare", range(6))
def test_the_fewest_samples_that_can_be_tested(spare):
    x, y = unrelated(15 + spare, 8, 6, seed=6)
    result = manova(isorep.overlap(x, y))
    for test in (*result.wilks_by_index, result.pillai, result.hotelling_lawley, result.roy):
        assert np.isfinite(numbers(test)).all()
        assert test.f >= 0
        assert 0 <= test.p_value <= 1
    assert result.pillai.p_value > 0.01


def test_what_cannot_be_tested():
    with pytest.raises(TypeError, match=r"isorep.inference.manova\(isorep.overlap\(x, y\)\)"):
        manova(np.ones((3, 2)))


def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 7, 211, seed=7)
    found = manova(isorep.overlap(torch.tensor(x), torch.tensor(y)))
    expected = manova(isorep.overlap(x, y))
    assert found.wilks.p_value == pytest.approx(expected.wilks.p_value, rel=1e-9)
