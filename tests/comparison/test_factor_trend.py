"""Trends over an ordered factor against SciPy, scikit-bio and all orders of the networks."""

import warnings
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import pearsonr

import isorep


def distances(n, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, 3))
    x += 0.3 * np.arange(n)[:, None]
    return np.linalg.norm(x[:, None] - x, axis=-1)


def naive_within(matrix, levels):
    pairs = [(i, j) for i, j in combinations(range(len(levels)), 2) if levels[i] == levels[j]]
    return pearsonr([matrix[pair] for pair in pairs], [levels[i] for i, _ in pairs]).statistic


def naive_mantel(matrix, levels):
    pairs = list(combinations(range(len(levels)), 2))
    steps = [abs(levels[i] - levels[j]) for i, j in pairs]
    return pearsonr([matrix[pair] for pair in pairs], steps).statistic


@pytest.mark.parametrize("levels", [(0, 0, 1, 1, 2, 2), (2, 0, 1, 0, 1, 0), (0, 1, 2, 2, 2, 1)])
def test_every_order_of_the_networks_is_counted(levels):
    matrix = distances(6)
    widths = {i: 10.0**level for i, level in enumerate(levels)}
    trend = isorep.factor_trend(matrix, widths)
    for name, naive in (("within_trend", naive_within), ("mantel", naive_mantel)):
        observed = naive(matrix, levels)
        np.testing.assert_allclose(trend[name], observed, rtol=1e-10)
        values = [naive(matrix, order) for order in set(permutations(levels))]
        expected = np.mean(np.abs(values) >= abs(observed) - 1e-12)
        assert trend[f"{name}_p_value"].item() == pytest.approx(expected, rel=1e-12)


def test_the_smallest_p_value_is_reached():
    levels = np.repeat([0, 1, 2], 2)
    matrix = np.abs(levels[:, None] - levels) + 0.1 * (levels[:, None] + levels + 1.0)
    np.fill_diagonal(matrix, 0)
    trend = isorep.factor_trend(matrix, dict(enumerate(levels.tolist())))
    for name in ("within_trend", "mantel"):
        assert trend[f"{name}_smallest_p_value"] == 2 / 90
    assert trend["within_trend"] == pytest.approx(1.0)
    assert trend["within_trend_p_value"] == 2 / 90


def test_mantel_is_that_of_scikit_bio():
    matrix = distances(10)
    levels = np.arange(10)
    with warnings.catch_warnings():  # of scikit-bio and its dependencies
        warnings.simplefilter("ignore")
        from skbio.stats.distance import mantel

        steps = np.abs(levels[:, None] - levels).astype(float)
        statistic, p_value, _ = mantel(matrix, steps, permutations=0)
    del p_value
    with pytest.warns(isorep.CodedWarning, match="within_trend is NaN: .* only 0 of 10 levels"):
        trend = isorep.factor_trend(matrix, dict(enumerate(levels.tolist())))
    np.testing.assert_allclose(trend["mantel"], statistic, rtol=1e-10)
    assert np.isnan(trend["within_trend"])
    assert np.isnan(trend["within_trend_p_adjusted"])


def test_it_takes_tables_layer_by_layer():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((100, 4))
    widths = {f"{w}-{i}": w for w in (4, 16, 64) for i in range(3)}
    sweep = isorep.pairwise(
        {
            name: {
                "trend": z + 3 / np.sqrt(w) * rng.standard_normal((100, 4)),
                "none": z + rng.standard_normal((100, 4)),
            }
            for name, w in widths.items()
        },
        measures=["cka", "pwcca"],
        progress=False,
    )
    trend = isorep.factor_trend(sweep, widths, measure="pwcca")
    assert trend.attrs["measure"] == "pwcca"
    assert trend["within_trend"].sel(layer="trend") < -0.9
    assert trend["within_trend_p_adjusted"].sel(layer="trend") < 0.02
    assert trend["within_trend_p_value"].sel(layer="none") > 0.05


def test_wrong_factors():
    matrix = distances(6)
    with pytest.raises(TypeError, match="a finite number for each network, got 'wide'"):
        isorep.factor_trend(matrix, dict.fromkeys(range(6), "wide"))
    with pytest.raises(TypeError, match="a finite number for each network, got inf"):
        isorep.factor_trend(matrix, {i: np.inf if i == 5 else i for i in range(6)})
    with pytest.raises(ValueError, match="three or more"):
        isorep.factor_trend(matrix, {i: i % 2 for i in range(6)})
    with pytest.raises(ValueError, match="'3' has no group"):
        isorep.factor_trend(matrix, {i: i for i in range(3)})
