"""Chance levels: every pairing of few samples, many pairings of more, and the extremes."""

import itertools
import math

import numpy as np
import pytest
from helpers.oracle import (
    naive_cca,
    naive_cka,
    naive_cka_debiased,
    naive_cosine,
    naive_eigenspace_overlap,
    two_sharing,
)
from helpers.quick import slow_unless

import isorep
from isorep.inference import calibrated, chance, null_distribution
from isorep.measures import MEASURES, chance_levels

FORMULAS = [name for name, row in MEASURES.items() if row.chance_rule is not None]


def naive_explained(x, y):
    """R^2 of y by least squares on x."""
    x, y = (z - z.mean(axis=0) for z in (x, y))
    return 1 - np.sum((y - x @ np.linalg.lstsq(x, y)[0]) ** 2) / np.sum(y**2)


@pytest.mark.parametrize(
    ("level", "naive"),
    [
        (MEASURES["cka"].chance, naive_cka),
        (MEASURES["cosine"].chance, naive_cosine),
        (chance_levels.mean_squared_correlation, lambda x, y: np.mean(naive_cca(x, y)[0] ** 2)),
        (chance_levels.explained_variance, naive_explained),
        (chance_levels.shared_span, naive_eigenspace_overlap),
        (MEASURES["cka_debiased"].chance, naive_cka_debiased),
    ],
)
@pytest.mark.parametrize("q", [2, 3])
def test_is_the_mean_over_every_pairing(level, naive, q):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 2)) * [3, 1] + [1, -2]
    y = rng.poisson(2, (6, 2 if naive is naive_cosine else q)) + rng.standard_exponential((6, 1))
    every = [naive(x, y[list(rows)]) for rows in itertools.permutations(range(6))]
    assert level(isorep.overlap(x, y)) == pytest.approx(np.mean(every), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(
    ("n", "p", "tails"),
    slow_unless(
        [(41, 30, "heavy")],
        [
            *((101, 8, tails) for tails in ("normal", "heavy", "discrete")),
            *((61, 25, "discrete"), (41, 30, "heavy"), (21, 30, "normal")),
        ],
    ),
)
def test_is_the_mean_over_many_pairings(name, n, p, tails):
    x, y = two_sharing(2, p, n, seed=1, q=p if MEASURES[name].paired else p - 2, tails=tails)
    o = isorep.overlap(x * np.geomspace(1, 9, p) + 1, y + 1)
    null = null_distribution(o, name, n_permutations=400)
    tolerance = 4 * null.draws.std() / 20 + (0.01 if name in ("cca", "svcca") else 1e-12)
    assert chance(o, name) == pytest.approx(null.chance, abs=tolerance)


def test_what_has_no_formula_is_drawn():
    o = isorep.overlap(*two_sharing(1, 3, 60, seed=2))
    for name in ("pwcca", "procrustes", "cca"):  # Wachter's law is not for 3 correlations
        assert chance(o, name) == null_distribution(o, name, n_permutations=99).chance
    assert chance(o, seed=1, n_permutations=9) != chance(o, seed=2, n_permutations=9)


def test_options_reach_the_formula_and_the_draws():
    x, y = (z * np.geomspace(1, 9, 20) for z in two_sharing(1, 20, 100, seed=3))
    o = isorep.overlap(x, y)
    assert chance(o, "svcca", variance=0.8) < chance(o, "svcca") < chance(o, "cca")
    assert chance(o, weighting="variance") != chance(o)
    with pytest.raises(ValueError, match=r"unknown option of svcca 'varianc'; did you mean"):
        chance(o, "svcca", varianc=0.8)
    with pytest.raises(ValueError, match=r"unknown option of cka 'variance'"):
        chance(o, "cka", variance=0.8)


@pytest.mark.parametrize("name", ["cca", "pwcca", "cka", "procrustes", "svcca"])
def test_independent_data_calibrate_to_0(name):
    """As many directions as half the samples, one correlation forced."""
    x, y = np.random.default_rng(4).standard_normal((2, 200, 100))
    o = isorep.overlap(x, y)
    found = calibrated(MEASURES[name](o).similarity, chance(o, name))
    assert found == pytest.approx(0, abs=0.03)


def test_calibrated():
    assert calibrated(1.0, 0.3) == 1
    assert calibrated(0.3, 0.3) == 0
    assert calibrated(0.0, 0.5) == -1
    assert calibrated(0.5, 0.0, best=0.5) == 1
    assert math.isnan(calibrated(1.0, 1 - 1e-15))
    x, y = np.random.default_rng(4).standard_normal((2, 12, 20))
    o = isorep.overlap(x, y)
    for name in ("cca", "pwcca"):
        level = chance(o, name)
        assert level == pytest.approx(1, abs=1e-9)
        assert level <= 1
        assert math.isnan(calibrated(MEASURES[name](o).similarity, level))


def test_what_has_no_chance():
    with pytest.raises(TypeError, match=r"isorep.inference.chance\(isorep.overlap\(x, y\)\)"):
        chance(np.ones((3, 2)))
    with pytest.raises(ValueError, match="unknown measure 'ckaa'"):
        chance(isorep.overlap(*two_sharing(1, 3, 50, seed=6)), "ckaa")


def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 7, 101, seed=7)
    for name in FORMULAS:
        found = chance(isorep.overlap(torch.tensor(x), torch.tensor(y)), name)
        assert type(found) is float
        assert found == pytest.approx(chance(isorep.overlap(x, y), name), rel=1e-9)
