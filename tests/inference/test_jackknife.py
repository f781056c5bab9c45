"""Jackknife: the textbook's error of a correlation, and the groups that stay together."""

import numpy as np
import pytest
from helpers.oracle import two_sharing

import isorep
from isorep.core.folds import folds
from isorep.inference import jackknife
from isorep.inference.jackknife import leave_out


def correlation(o):
    return float(o.correlations[0])


def test_equals_a_naive_loop():
    x, y = two_sharing(2, 5, 101, seed=0)
    found = jackknife(isorep.overlap(x, y), lambda o: o.correlations, 10, seed=3)
    dealt = np.arange(101) % 10
    np.random.default_rng(3).shuffle(dealt)
    blocks = [np.flatnonzero(dealt == block) for block in range(10)]
    np.testing.assert_allclose(found, busing(x, y, blocks), rtol=1e-8)


def test_unequal_groups_count_by_their_size():
    """One group to a block, of 4 to 40 samples."""
    x, y = two_sharing(2, 5, 220, seed=4)
    groups = np.repeat(np.arange(10), np.arange(4, 41, 4))
    found = jackknife(isorep.overlap(x, y, groups=groups), lambda o: o.correlations, 10)
    expected = busing(x, y, [np.flatnonzero(groups == group) for group in range(10)])
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def busing(x, y, blocks):
    """Busing, Meijer and van der Leeden 1999, equations 7 to 9, term by term."""
    n, g = len(x), len(blocks)
    whole = isorep.overlap(x, y).correlations
    without, pseudo, centre = [], [], g * whole
    for block in blocks:
        kept = np.setdiff1d(np.arange(n), block)
        without.append(isorep.overlap(x[kept], y[kept]).correlations)
        h = n / len(block)
        pseudo.append(h * whole - (h - 1) * without[-1])
        centre = centre - (1 - len(block) / n) * without[-1]
    variance = 0.0
    for block, one in zip(blocks, pseudo, strict=True):
        variance = variance + (one - centre) ** 2 / (n / len(block) - 1) / g
    return np.sqrt(variance)


@pytest.mark.slow
def test_finds_the_error_of_a_correlation():
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(30):
        x, noise = rng.standard_normal((2, 400, 1))
        errors.append(jackknife(isorep.overlap(x, x + noise), correlation))
    assert np.mean(errors) == pytest.approx(0.5 / 20, rel=0.1)  # (1 - rho^2) / sqrt(n)


def test_copies_of_samples_tell_nothing_new():
    rng = np.random.default_rng(2)
    x, noise = rng.standard_normal((2, 200, 1))
    once, four = isorep.overlap(x, x + noise), [np.repeat(z, 4, axis=0) for z in (x, x + noise)]
    o, groups = isorep.overlap(*four), np.repeat(np.arange(200), 4)
    grouped = jackknife(isorep.overlap(*four, groups=groups), correlation)
    assert grouped == pytest.approx(jackknife(once, correlation), rel=1e-6)
    assert jackknife(o, correlation) < 0.7 * grouped


def test_torch_arrays():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 5, 101, seed=0)
    found = jackknife(isorep.overlap(torch.tensor(x), torch.tensor(y)), correlation)
    assert found == pytest.approx(float(jackknife(isorep.overlap(x, y), correlation)), rel=1e-8)


def test_what_cannot_be_cut():
    o = isorep.overlap(*two_sharing(2, 5, 15, seed=0))
    with pytest.raises(
        ValueError, match="jackknife needs at least 20 samples, one for each block, got 15"
    ):
        jackknife(o, correlation)
    with pytest.raises(TypeError, match=r"blocks must be an integer, got 2\.5"):
        jackknife(o, correlation, 2.5)
    with pytest.raises(ValueError, match="needs at least 20 groups, one for each block, got 5"):
        jackknife(isorep.overlap(o.x, o.y, groups=np.arange(15) % 5), correlation)


def test_what_varies_in_one_block_alone():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 60, 3))
    spike = np.eye(60)[:, :1]
    o = isorep.overlap(np.hstack([x, spike]), np.hstack([y + x, spike]))
    assert 0 < jackknife(o, lambda o: o.correlations.mean()) < 1  # the block has a direction less
    with pytest.raises(ValueError, match=r"has shape \(4,\), but \(3,\) without one block"):
        jackknife(o, lambda o: o.correlations)
    with pytest.raises(ValueError, match="one side varies only in 3 of the 60 samples and is"):
        jackknife(isorep.overlap(spike, y), correlation)


@pytest.mark.parametrize("labels", [{}, {"groups": np.arange(60) // 3}])
def test_held_out_folds_stay_when_a_block_is_left_out(labels):
    x, y = np.random.default_rng(0).standard_normal((2, 60, 2))
    x[:, 0] = np.arange(60)  # the number of the sample
    whole = isorep.overlap(x, y, **labels)
    expected = [set(held_out.tolist()) for _, held_out in folds(whole, 5, 3)]
    seen = []

    def statistic(overlap):
        if overlap is not whole:
            centred = overlap.x.q @ overlap.x.loadings
            numbers = np.rint((centred + overlap.x.mean)[:, 0]).astype(int)
            seen.append(len(numbers))
            for part, (fitted, held_out) in zip(expected, folds(overlap, 5, 3), strict=True):
                assert set(numbers[held_out].tolist()) == part & set(numbers.tolist())
                assert set(numbers[fitted].tolist()) == set(numbers.tolist()) - part
        return 0.0

    leave_out(whole, statistic, 10)
    assert seen == [54] * 10


def test_a_fold_that_is_left_out_as_a_whole_is_omitted():
    x, y = np.random.default_rng(0).standard_normal((2, 40, 2))
    overlap = isorep.overlap(x, y + x, groups=np.arange(40) // 8)
    measure = isorep.MEASURES["linear_regression"]
    error = jackknife(overlap, lambda o: measure(o, folds=5).similarity, 5)
    assert 0 < error < 1
