"""Matched neurons: against every matching tried, dead neurons, and unequal widths."""

import numpy as np
import pytest
from helpers.oracle import (
    best_matching,
    conditioned_pair,
    naive_correlations,
    naive_hard_correlation,
    naive_permutation,
    naive_soft_correlation,
    naive_soft_matching,
)

import isorep
import isorep.measures.soft_matching
from isorep.measures import hard_correlation, permutation, soft_correlation, soft_matching


@pytest.mark.parametrize("widths", [(5, 5), (3, 6), (6, 3), (1, 4), (4, 6), (1, 1)])
def test_every_matching_tried(widths):
    x, y = conditioned_pair(101, *widths, 20, seed=0)
    for measure, naive in (
        (permutation, naive_permutation),
        (soft_matching, naive_soft_matching),
        (hard_correlation, naive_hard_correlation),
        (soft_correlation, naive_soft_correlation),
    ):
        assert measure(x, y).similarity == pytest.approx(naive(x, y), abs=1e-12)


def test_soft_matching_of_equal_widths_is_the_permutation_of_unit_neurons():
    x, y = conditioned_pair(101, 6, 6, 20, seed=1)
    x_unit, y_unit = ((z - z.mean(axis=0)) / z.std(axis=0) for z in (x, y))
    found = soft_matching(x, y).similarity
    assert found == pytest.approx(permutation(x_unit, y_unit).similarity, abs=1e-12)
    assert found == pytest.approx(best_matching(naive_correlations(x, y))[0] / 6, abs=1e-12)


def test_soft_matching_is_the_earth_movers_distance_between_neurons():
    x, y = conditioned_pair(101, 4, 6, 20, seed=2)
    score = soft_matching(x, y)
    x_unit, y_unit = ((z - z.mean(axis=0)) / z.std(axis=0) / 101**0.5 for z in (x, y))
    copies = [np.repeat(z, 12 // z.shape[1], axis=1) for z in (x_unit, y_unit)]
    order = np.random.default_rng(0).permutation(12)
    some = np.mean(np.sum((copies[0] - copies[1][:, order]) ** 2, axis=0))
    assert score.distance**2 <= some
    assert score.distance == pytest.approx(np.sqrt(2 - 2 * score.similarity))


@pytest.mark.parametrize("widths", [(7, 5), (4, 6), (13, 17)])
def test_the_linear_program_and_the_assignment_of_copies_agree(widths, monkeypatch):
    import sys

    x, y = conditioned_pair(101, *widths, 20, seed=3)
    by_copies = soft_matching(x, y).similarity
    monkeypatch.setattr(sys.modules["isorep.measures.soft_matching"], "COPIES", 0)
    assert soft_matching(x, y).similarity == pytest.approx(by_copies, abs=1e-12)
    assert soft_matching(y, x).similarity == pytest.approx(by_copies, abs=1e-12)


def test_a_network_inside_another():
    x, _ = conditioned_pair(101, 6, 5, 20, seed=4)
    part = -3 * x[:, [4, 1]] + 1
    assert hard_correlation(x, part).similarity == pytest.approx(1, abs=1e-12)
    assert soft_correlation(part, x).similarity == pytest.approx(1, abs=1e-12)
    assert soft_correlation(x, part).similarity < 0.95
    twice = np.hstack([x, 2 * x])
    assert soft_matching(x, twice).similarity == pytest.approx(1, abs=1e-12)


def test_opposites():
    x = np.random.default_rng(5).standard_normal((101, 1))
    assert permutation(x, -x).similarity == pytest.approx(-1, abs=1e-12)
    assert permutation(x, -x).distance == pytest.approx(np.pi, abs=1e-6)
    assert soft_matching(x, -x).distance == pytest.approx(2, abs=1e-6)
    assert hard_correlation(x, -x).similarity == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("widths", [(5, 5), (3, 6), (6, 3)])
def test_signed_correlations_match_as_they_are(widths):
    x, y = conditioned_pair(101, *widths, 20, seed=8)
    values = naive_correlations(x, y)
    total, matched = best_matching(values)
    assert hard_correlation(x, y, signed=True).similarity == pytest.approx(
        total / matched, abs=1e-12
    )
    assert soft_correlation(x, y, signed=True).similarity == pytest.approx(
        values.max(axis=1).mean(), abs=1e-12
    )
    assert hard_correlation(x[:, :1], -x[:, :1], signed=True).similarity == pytest.approx(-1)
    assert soft_correlation(x[:, :1], -x[:, :1], signed=True).similarity == pytest.approx(-1)
    measure = isorep.MEASURES["hard_correlation"]
    assert measure.with_options(signed=True).similarity_range == (-1, 1)
    assert measure.with_options(signed=False).similarity_range == (0, 1)
    assert measure.with_options(signed=np.True_).options == {"signed": True}
    for value in ("no", 0):
        with pytest.raises(ValueError, match="signed of hard_correlation must be True or False"):
            hard_correlation(x, y, signed=value)


@pytest.mark.parametrize("solver", ["gram", "svd"])
def test_dead_neurons_have_no_tuning_to_match(solver):
    x, y = conditioned_pair(101, 5, 4, 20, seed=6)
    dead = np.hstack([np.zeros((101, 2)), x[:, :3], np.full((101, 1), 0.1), x[:, 3:]])
    for measure in (soft_matching, hard_correlation, soft_correlation):
        for one, other, as_one, as_other in ((dead, y, x, y), (y, dead, y, x)):
            found = measure(one, other, solver=solver).similarity
            assert found == pytest.approx(measure(as_one, as_other).similarity, abs=1e-12)
    # To a permutation they are zeros to match with, which beat a negative covariance.
    assert permutation(dead, y, solver=solver).similarity >= permutation(x, y).similarity - 1e-12


@pytest.mark.slow
def test_n_under_p_half_precision_and_large_means():
    x, y = conditioned_pair(31, 40, 36, 20, seed=7)
    assert hard_correlation(x, y).warnings == ()
    assert soft_correlation(x, y).similarity == pytest.approx(
        naive_soft_correlation(x, y), abs=1e-12
    )
    assert soft_matching(x, y).similarity == pytest.approx(naive_soft_matching(x, y), abs=1e-9)
    for measure in (soft_matching, hard_correlation, soft_correlation, permutation):
        exact = measure(x, y).similarity
        assert measure(x + 1e6, y - 1e6).similarity == pytest.approx(exact, abs=1e-8)
        halves = (z.astype("float16") for z in (x, y))
        assert measure(*halves).similarity == pytest.approx(exact, abs=1e-2)
        assert measure(1e-180 * x, 1e180 * y).similarity == pytest.approx(exact, abs=1e-12)
