"""Intervals: they cover the population's value, and say where they do not mean to."""

import numpy as np
import pytest
from helpers.oracle import two_sharing
from scipy.stats import binom

import isorep
from isorep.inference import interval, jackknife
from isorep.inference.interval import intervals
from isorep.measures import MEASURES
from isorep.random_matrix.population import Population

N_DRAWS = 16


def drawn(rng, n, rho):
    """Draw samples with given canonical correlations, all directions of one size."""
    x, noise = rng.standard_normal((2, n, len(rho)))
    return isorep.overlap(x, rho * x + np.sqrt(1 - rho**2) * noise)


@pytest.mark.slow
def test_covers_the_populations_value():
    """`studies/sample_size.py` has more cases; this catches an interval that is plainly wrong."""
    rng, rho = np.random.default_rng(0), np.concatenate([np.linspace(0.95, 0.8, 4), np.zeros(6)])
    measured = {"cca": np.mean(rho), "pwcca": np.mean(rho), "cka": np.mean(rho**2)}
    rows = {name: MEASURES[name] for name in measured}
    rows["pwcca"] = rows["pwcca"].with_options(weighting="variance")
    held = dict.fromkeys(measured, 0)
    for seed in range(N_DRAWS):
        o = drawn(rng, 500, rho)
        population = Population.estimate(o, seed)
        bounds = intervals(o, rows.values(), level=0.95, seed=seed, population=population)
        for name, truth in measured.items():
            found = bounds[rows[name].label]
            held[name] += found.low <= truth <= found.high
            assert found.low <= found.estimate <= found.high
            assert found.high - found.low < 0.15
    assert min(held.values()) >= binom.ppf(1e-3, N_DRAWS, 0.9)


def test_a_greater_level_is_wider_and_fewer_samples_are_too():
    rho = np.linspace(0.9, 0, 10)
    o = drawn(np.random.default_rng(1), 500, rho)
    widths = [i.high - i.low for i in (interval(o, "cca", level=level) for level in (0.5, 0.99))]
    assert widths[0] < widths[1]
    few = interval(drawn(np.random.default_rng(1), 100, rho), "cca", level=0.5)
    assert few.high - few.low > widths[0]


@pytest.mark.slow
def test_seed_decides_and_a_population_found_before_changes_nothing():
    o = drawn(np.random.default_rng(2), 200, np.linspace(0.9, 0, 6))
    assert interval(o, seed=1) == interval(o, seed=1, population=Population.estimate(o, 1))
    assert interval(o, seed=1) != interval(o, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cka_debiased", "cka_rbf_debiased", "rsa", "mutual_knn"])
def test_what_is_not_corrected_has_the_jackknifes_bounds(name):
    o = isorep.overlap(*two_sharing(3, 6, 150, seed=3))
    found = interval(o, name, level=0.9)
    row = MEASURES[name]
    assert found.estimate == row(o).similarity
    error = float(jackknife(o, lambda sample: row(sample).similarity))
    assert found.high - found.estimate == pytest.approx(1.729 * error, rel=1e-3)  # t of 19
    biased = name in ("rsa", "mutual_knn")
    assert [text.finding for text in found.warnings] == (
        [
            f"{name} has a finite-sample bias that cannot be corrected: these bounds show how far "
            "it varies with the samples, not where the population value is"
        ]
        if biased
        else []
    )


def test_bounds_stay_in_the_range():
    o = isorep.overlap(*np.random.default_rng(4).standard_normal((2, 100, 8)))
    found = interval(o, "cca")
    assert found.low == 0
    x = np.random.default_rng(5).standard_normal((100, 5))
    assert interval(isorep.overlap(x, x), "cca").high == 1


def test_what_cannot_be_bounded():
    o = isorep.overlap(*two_sharing(1, 3, 60, seed=6))
    with pytest.raises(
        ValueError, match=r"level, the confidence level, must be in \(0, 1\), got 95"
    ):
        interval(o, level=95)
    with pytest.raises(
        ValueError, match=r"confidence level, must be at most 0.999999, got 0.9999999"
    ):
        interval(o, level=0.9999999)
    with pytest.raises(TypeError, match=r"isorep.inference.interval\(isorep.overlap"):
        interval(np.ones((3, 2)))
    with pytest.raises(ValueError, match="unknown option of pwcca"):
        interval(o, wieghting="paper")
    few = isorep.overlap(*np.random.default_rng(7).standard_normal((2, 30, 20)))
    with pytest.raises(ValueError, match="cannot be corrected: 11 of their canonical corr"):
        interval(few)


@pytest.mark.parametrize("missing", [np.nan, None])
def test_groups_without_a_label_are_no_group(missing):
    x, y = np.random.default_rng(0).standard_normal((2, 300, 3))
    groups = (np.arange(300) // 5).astype(object)
    groups[60:] = missing
    for ask in (isorep.infer, isorep.overlap):
        with pytest.raises(ValueError, match=r"no label \(NaN or None\) for 240 of 300 rows.* 60"):
            ask(x, y, groups=groups if missing is None else groups.astype(float))
