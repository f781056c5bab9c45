"""Effective samples: independent samples, groups, one-sided dependence, and lengths."""

import re

import numpy as np
import pytest

import isorep
from isorep.random_matrix.effective_samples import effective_samples, independent_samples
from isorep.random_matrix.equal_lengths import with_equal_lengths
from isorep.random_matrix.undeclared_dependence import dependence_warnings


def of_groups(n_groups, size, p, within, rng):
    noise = rng.standard_normal((n_groups * size, p))
    return (1 - within**2) ** 0.5 * np.repeat(
        rng.standard_normal((n_groups, p)), size, axis=0
    ) + within * noise


def test_independent_samples_are_worth_their_number():
    x, y = np.random.default_rng(0).standard_normal((2, 400, 8))
    assert independent_samples(isorep.overlap(x, y), 0) == 400
    alone = isorep.overlap(x, y, groups=np.arange(400))
    assert independent_samples(alone, 0) == pytest.approx(400, rel=0.06)


def test_copies_are_worth_one():
    x, y = np.random.default_rng(1).standard_normal((2, 60, 4)).repeat(5, axis=1)
    o = isorep.overlap(x, y, groups=np.repeat(np.arange(60), 5))
    assert effective_samples(o) == pytest.approx(60, rel=0.06)


def test_correlated_groups_are_worth_what_their_squares_say():
    """1 + (m - 1) icc_x icc_y rows are worth one, for large groups of exchangeable rows."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(200), 10)
    x, y = (of_groups(200, 10, 5, within, rng) for within in (0.3**0.5, 0.6**0.5))
    worth = independent_samples(isorep.overlap(x, y, groups=groups), 0)
    assert worth == pytest.approx(2000 / (1 + 9 * 0.7 * 0.4), rel=0.1)


def test_dependence_on_one_side_does_no_harm():
    rng = np.random.default_rng(3)
    x, y = of_groups(100, 5, 6, 0.1, rng), rng.standard_normal((500, 6))
    o = isorep.overlap(x, y, groups=np.repeat(np.arange(100), 5))
    assert independent_samples(o, 0) == pytest.approx(500, rel=0.1)
    assert dependence_warnings(isorep.overlap(x, y)) == ()


def test_dependence_is_found_and_named():
    rng = np.random.default_rng(4)
    x, y = (of_groups(50, 10, 4, 0.1, rng) for _ in range(2))
    (text,) = dependence_warnings(isorep.overlap(x, y))
    assert "pass order= (time) or groups=" in text
    (worth,) = re.findall(r"500 of them are worth about (\d+) independent samples", text)
    assert 50 < int(worth) < 150
    assert dependence_warnings(isorep.overlap(x, y, groups=np.repeat(np.arange(50), 10))) == ()
    shuffled = rng.permutation(500)
    assert dependence_warnings(isorep.overlap(x[shuffled], y[shuffled])) == ()


def test_lengths_that_vary_on_both_sides_are_equalised():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 1000, 30)) / np.sqrt(rng.chisquare(2, (2, 1000, 1)))
    o = isorep.overlap(x, y)
    assert with_equal_lengths(isorep.overlap(x, rng.standard_normal((1000, 5)))).n_samples == 1000
    found = isorep.inference.random_matrix_edge(o)
    assert found.n_significant == 0
    one_sided = isorep.overlap(x, rng.standard_normal((1000, 30)))
    assert with_equal_lengths(one_sided) is one_sided


@pytest.mark.slow
def test_classes_of_another_spread_add_no_directions():
    rng = np.random.default_rng(6)
    spread = np.array([0.3, 1, 3])[rng.integers(0, 3, 1000)][:, None]
    shared = rng.standard_normal((1000, 9))
    x, y = (
        spread
        * np.hstack(
            [shared + 0.5 * rng.standard_normal((1000, 9)), rng.standard_normal((1000, 41))]
        )
        for _ in range(2)
    )
    assert isorep.infer(x, y, "cka", n_permutations=9).n_significant == 9


def test_rows_that_alternate_or_are_hardly_alike_are_not_alike():
    for weight in (-0.5, 0.1):
        x, y = np.random.default_rng(7).standard_normal((2, 2000, 4))
        x[1:] += weight * x[:-1]
        y[1:] += weight * y[:-1]
        assert dependence_warnings(isorep.overlap(x, y)) == ()
