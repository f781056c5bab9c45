"""Shuffled pairings: every measure as if computed anew, the p-value, and its calibration."""

import dataclasses

import numpy as np
import pytest
from helpers.oracle import two_sharing
from helpers.quick import OF_EACH_KIND, slow_unless, with_few_folds
from scipy.stats import binom, kstest

import isorep
from isorep.inference import null_distribution
from isorep.measures import MEASURES

OF_OVERLAPS = [name for name, row in MEASURES.items() if row.requires not in ("maps", "repeats")]


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_unless(OF_EACH_KIND, OF_OVERLAPS))
@pytest.mark.parametrize(("n", "a", "b"), [(61, 7, 5), (13, 19, 17)], ids=["tall", "wide"])
def test_each_draw_is_the_measure_of_shuffled_samples(name, n, a, b):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, a)) + 1
    y = rng.standard_normal((n, a if MEASURES[name].paired else b)) * 3 + x[:, :1]
    row = MEASURES[name]
    row = row.with_options(folds=3, seed=5) if row.holds_out() else row  # of three samples or more
    shuffle = np.random.default_rng(5)
    expected = [row(isorep.overlap(x, y[shuffle.permutation(n)])) for _ in range(9)]
    observed = row(isorep.overlap(x, y)).similarity
    for solver in ("gram", "svd"):
        null = null_distribution(
            isorep.overlap(x, y, solver=solver), row.label, n_permutations=9, seed=5
        )
        np.testing.assert_allclose(null.draws, [e.similarity for e in expected], rtol=1e-9)
        assert null.similarity == pytest.approx(observed, rel=1e-9)
        assert null.measure == row.label
        assert null.chance == pytest.approx(np.mean(null.draws))


def test_options_reach_the_measure():
    o = isorep.overlap(*two_sharing(2, 6, 61, seed=1))
    one, other = (
        null_distribution(o, weighting=weighting, n_permutations=5)
        for weighting in ("paper", "variance")
    )
    assert (one.draws != other.draws).all()


def test_seed_decides():
    o = isorep.overlap(*two_sharing(2, 6, 61, seed=1))
    first, again, other = (null_distribution(o, n_permutations=5, seed=s).draws for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


@pytest.mark.slow
@pytest.mark.parametrize("tails", ["normal", "heavy", "discrete"])
def test_p_values_of_independent_data_are_uniform(tails):
    rng = np.random.default_rng(2)
    draw = {
        "normal": rng.standard_normal,
        "heavy": lambda size: rng.standard_cauchy(size),
        "discrete": lambda size: rng.poisson(1, size),
    }[tails]
    p_values = [
        null_distribution(
            isorep.overlap(draw((40, 4)), draw((40, 3))), "cka", n_permutations=49, seed=s
        ).p_value
        for s in range(200)
    ]
    low, high = binom.ppf([5e-5, 1 - 5e-5], 200, 0.1)
    assert low <= np.sum(np.array(p_values) <= 0.1) <= high
    assert kstest(np.array(p_values) - rng.uniform(0, 0.02, 200), "uniform").pvalue > 1e-3


@pytest.mark.slow
def test_what_is_shared_has_the_least_p_value():
    o = isorep.overlap(*two_sharing(1, 3, 100, seed=3))
    for name in OF_OVERLAPS:
        if MEASURES[name].invariance in ("linear", "orthogonal", "rotation"):  # it is rotated
            label = with_few_folds(MEASURES[name]).label
            assert null_distribution(o, label, n_permutations=49).p_value == 0.02


@pytest.mark.parametrize("name", ["cca", "pwcca", "svcca"])
def test_forced_correlations_are_chance(name):
    """Equal up to rounding is equal."""
    x, y = np.random.default_rng(4).standard_normal((2, 12, 20))
    null = null_distribution(isorep.overlap(x, y), name, n_permutations=99)
    if name != "svcca":
        assert null.p_value == 1
        assert null.chance == pytest.approx(1, abs=1e-12)
    x, y = np.random.default_rng(4).standard_normal((2, 200, 100))
    assert null_distribution(isorep.overlap(x, y), name, n_permutations=19).p_value > 0.05


def test_one_direction_a_side():
    x, y = np.random.default_rng(5).standard_normal((2, 50, 1))
    for name in OF_OVERLAPS:
        options = {"dissimilarity": "euclidean"} if name == "rsa" else {}
        label = with_few_folds(MEASURES[name]).label
        null = null_distribution(isorep.overlap(x, y), label, n_permutations=19, **options)
        assert 0.05 <= null.p_value <= 1


def test_what_cannot_be_done():
    o = isorep.overlap(*two_sharing(1, 3, 50, seed=6))
    with pytest.raises(TypeError, match=r"isorep.inference.null_distribution\(isorep.overlap"):
        null_distribution(np.ones((3, 2)))
    with pytest.raises(ValueError, match="n_permutations must be 1 or more, got 0"):
        null_distribution(o, n_permutations=0)
    with pytest.raises(ValueError, match="unknown measure 'pwca'; did you mean 'pwcca'"):
        null_distribution(o, "pwca")
    with pytest.raises(ValueError, match="unknown option of pwcca"):
        null_distribution(o, "pwcca", wieghting="paper")
    with pytest.raises(dataclasses.FrozenInstanceError):
        null_distribution(o, n_permutations=1).p_value = 0


@pytest.mark.slow
def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 7, 101, seed=7)
    for name in OF_OVERLAPS:
        label = with_few_folds(MEASURES[name]).label
        found = null_distribution(
            isorep.overlap(torch.tensor(x), torch.tensor(y)), label, n_permutations=3
        )
        expected = null_distribution(isorep.overlap(x, y), label, n_permutations=3)
        np.testing.assert_allclose(found.draws, expected.draws, rtol=1e-9)
        assert type(found.draws) is np.ndarray
