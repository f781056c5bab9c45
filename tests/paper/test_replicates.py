"""Replicates: the mean, Student's interval and the exact test of signs."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from isorep.paper.analysis.replicates import contrast, largest

VALUES = np.array([0.3, -0.1, 0.25, 0.4])


@pytest.mark.parametrize("two_sided", [False, True])
def test_the_p_value_is_that_of_all_changes_of_sign(two_sided):
    size = abs if two_sided else float
    sums = [
        size(sum(s * v for s, v in zip(signs, VALUES, strict=True)))
        for signs in product([1, -1], repeat=4)
    ]
    expected = np.mean([s >= size(VALUES.sum()) - 1e-12 for s in sums])
    result = contrast("x", VALUES, two_sided=two_sided)
    assert result.exact.p_value == expected
    assert result.exact.smallest == (2 if two_sided else 1) / 16
    assert result.effect == pytest.approx(VALUES.mean())


def test_the_interval_is_students():
    expected = ttest_1samp(VALUES, 0).confidence_interval(0.9)
    assert contrast("x", VALUES).interval == pytest.approx(tuple(expected))


def test_one_network_has_no_interval_and_decides_nothing():
    result = contrast("x", [0.5])
    assert result.interval is None
    assert result.exact == (0.5, 0.5)
    assert contrast("x", [0.5], two_sided=True).exact == (1.0, 1.0)


def test_the_largest_of_several_changes_is_compared_with_the_largest_by_chance():
    random = np.random.default_rng(0)
    differences = random.standard_normal((6, 3)) * 0.2 + [0.1, -0.4, 0.0]
    result = largest(["a", "b", "c"], differences)
    biggest = []
    for signs in product([1, -1], repeat=6):
        flipped = [sign * row for sign, row in zip(signs, differences, strict=True)]
        biggest.append(max(abs(sum(column)) / 6 for column in zip(*flipped, strict=True)))
    assert result.where == "b"
    assert result.effect == pytest.approx(biggest[0])
    assert result.exact.p_value == np.mean([value >= biggest[0] - 1e-12 for value in biggest])
    assert result.exact.smallest == 2 / 64
    low, high = ttest_1samp(-differences[:, 1], 0).confidence_interval(0.9)
    assert result.interval == pytest.approx((low, high))


@pytest.mark.parametrize("bad", [[], [[0.1, 0.2]], np.zeros(21)])
def test_it_wants_one_value_for_each_network(bad):
    with pytest.raises(ValueError, match="one value for each of 1 to 20 networks"):
        contrast("x", bad)
