"""Tests of groups of networks against scikit-bio and loops that write the definition out."""

import warnings
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import f_oneway, false_discovery_control

import isorep


def points(n, seed=0, p=3):
    return np.random.default_rng(seed).standard_normal((n, p))


def between_points(x):
    return np.linalg.norm(x[:, None] - x, axis=-1)


def networks(n, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((60, 4))
    return {
        f"net{i}": {
            layer: shared + 0.2 * (i + 1) * rng.standard_normal((60, 4)) for layer in ("conv", "fc")
        }
        for i in range(n)
    }


@pytest.fixture(scope="module")
def table():
    return isorep.pairwise(networks(7), measures=["pwcca", "cka"], progress=False)


GROUPS = {f"net{i}": "narrow" if i < 3 else "wide" for i in range(7)}


def test_values_are_means_over_pairs(table):
    tests = isorep.compare_groups(table, GROUPS)
    distances = table["pwcca_distance"].sel(layer="fc").to_numpy()
    first, second = range(3), range(3, 7)
    within = [
        np.mean([distances[i, j] for i, j in permutations(group, 2)]) for group in (first, second)
    ]
    between = np.mean([[distances[i, j], distances[j, i]] for i in first for j in second])
    fc = tests.sel(layer="fc")
    expected = [[within[0], between], [between, within[1]]]
    np.testing.assert_allclose(fc["distance"], expected, rtol=1e-12)
    pooled = (6 * within[0] + 12 * within[1]) / 18
    np.testing.assert_allclose(fc["separation"], between - pooled, rtol=1e-10)
    pair = fc.sel(group="narrow", other_group="wide")
    np.testing.assert_allclose(pair["pair_separation"], between - np.mean(within), rtol=1e-10)
    np.testing.assert_allclose(pair["spread_difference"], within[0] - within[1], rtol=1e-10)


def test_p_values_count_all_labellings():
    distances = between_points(points(7) * np.array([[1]] * 3 + [[3]] * 4))
    tests = isorep.compare_groups(distances, {i: int(i > 2) for i in range(7)})

    def spread(first):
        second = sorted(set(range(7)) - set(first))
        values = [
            np.mean([distances[i, j] for i, j in combinations(group, 2)])
            for group in (first, second)
        ]
        return values[0] - values[1]

    spreads = np.abs([spread(first) for first in combinations(range(7), 3)])
    pair = tests.sel(group="0", other_group="1")
    assert pair["spread_difference_p_value"] == np.mean(spreads >= spreads[0] - 1e-12)
    assert pair["spread_difference_smallest_p_value"] == 1 / 35
    swapped = tests.sel(group="1", other_group="0")
    assert swapped["spread_difference"] == -pair["spread_difference"]
    assert swapped["spread_difference_p_value"] == pair["spread_difference_p_value"]
    assert np.isnan(tests["pair_separation"].sel(group="0", other_group="0"))


@pytest.mark.parametrize("sizes", [(4, 4), (3, 5, 6)])
def test_permanova_is_that_of_scikit_bio(sizes):
    with warnings.catch_warnings():  # of scikit-bio and its dependencies
        warnings.simplefilter("ignore")
        from skbio import DistanceMatrix
        from skbio.stats.distance import permanova

        labels = [f"g{k}" for k, size in enumerate(sizes) for _ in range(size)]
        shift = np.repeat(np.arange(len(sizes)), sizes)[:, None]
        distances = between_points(points(sum(sizes)) + 0.5 * shift)
        theirs = permanova(DistanceMatrix(distances), labels, permutations=4999, seed=0)
    ours = isorep.compare_groups(distances, dict(enumerate(labels)))
    np.testing.assert_allclose(ours["pseudo_f"], theirs["test statistic"], rtol=1e-10)
    p_value = ours["pseudo_f_p_value"].item()
    assert abs(p_value - theirs["p-value"]) < 4 * np.sqrt(p_value * (1 - p_value) / 5000) + 2e-4


def test_pseudo_f_of_one_variable_is_the_f_of_an_analysis_of_variance():
    x = points(11, p=1)
    labels = np.repeat([0, 1, 2], [3, 4, 4])
    tests = isorep.compare_groups(between_points(x), dict(enumerate(labels.tolist())))
    expected = f_oneway(*(x[labels == k, 0] for k in range(3))).statistic
    np.testing.assert_allclose(tests["pseudo_f"], expected, rtol=1e-10)


def test_p_values_are_adjusted_over_layers_and_pairs():
    rng = np.random.default_rng(3)
    groups = {f"net{i}": "abc"[i // 4] for i in range(12)}
    sweep = isorep.pairwise(
        {
            name: {
                layer: rng.standard_normal((50, 3)) + scale * rng.standard_normal((50, 1))
                for layer, scale in (("conv", 1), ("fc", 2), ("out", 3))
            }
            for name in groups
        },
        progress=False,
    )
    tests = isorep.compare_groups(sweep, groups)
    for name in ("separation", "pseudo_f"):
        expected = false_discovery_control(tests[f"{name}_p_value"].to_numpy())
        np.testing.assert_allclose(tests[f"{name}_p_adjusted"], expected)
    p_values = tests["spread_difference_p_value"].to_numpy()
    once = np.triu_indices(3, 1)
    expected = false_discovery_control(p_values[:, once[0], once[1]].ravel())
    adjusted = tests["spread_difference_p_adjusted"].to_numpy()
    np.testing.assert_allclose(adjusted[:, once[0], once[1]].ravel(), expected)


def test_a_matrix_and_a_table_agree(table):
    of_table = isorep.compare_groups(table, GROUPS, measure="cka").sel(layer="conv", drop=True)
    matrix = table["cka_distance"].sel(layer="conv")
    of_matrix = isorep.compare_groups(matrix, GROUPS)
    assert "layer" not in of_matrix.dims
    for name in of_matrix.data_vars:
        if "adjusted" not in name and name != "reason":
            np.testing.assert_allclose(of_matrix[name], of_table[name], rtol=1e-12)
    alone = isorep.compare_groups(table.sel(layer="conv"), GROUPS, measure="cka")
    assert "layer" not in alone.dims
    assert alone["separation"] == of_matrix["separation"]


def test_a_layer_that_cannot_be_compared_is_nan_with_its_reason():
    broken = networks(8)
    broken["net2"]["fc"] = np.zeros((60, 4))
    sweep = isorep.pairwise(broken, progress=False)
    groups = {name: int(i > 3) for i, name in enumerate(broken)}
    tests = isorep.compare_groups(sweep, groups)
    assert np.isnan(tests["separation"].sel(layer="fc"))
    assert "no variance" in tests["reason"].sel(layer="fc").item()
    assert np.isfinite(tests["separation"].sel(layer="conv"))
    assert tests["reason"].sel(layer="conv").item() == ""
    with pytest.raises(ValueError, match="not all networks could be compared"):
        isorep.compare_groups(sweep.sel(layer=["fc"]), groups)


def test_too_few_networks_warn_with_the_smallest_p_value(table):
    few = table.sel(x=["net0", "net1", "net3", "net4"], y=["net0", "net1", "net3", "net4"])
    with pytest.warns(isorep.CodedWarning, match=r"smallest possible p-value is 0\.33") as caught:
        tests = isorep.compare_groups(few, GROUPS)
    assert caught[0].message.code == "few-networks"
    assert tests.attrs["warnings"] == [str(caught[0].message)]
    assert tests["separation_smallest_p_value"].max() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ({"net0": 1}, "'net1' has no group"),
        ({f"net{i}": 0 for i in range(7)}, "all networks are in one group"),
        ({f"net{i}": int(i > 0) for i in range(7)}, "group '0' has one network"),
    ],
)
def test_wrong_groups(table, groups, match):
    with pytest.raises(ValueError, match=match):
        isorep.compare_groups(table, groups)


def test_wrong_tables(table):
    with pytest.raises(TypeError, match="mapping of network to group"):
        isorep.compare_groups(table, ["a", "b"])
    with pytest.raises(ValueError, match="'rsa'"):
        isorep.compare_groups(table, GROUPS, measure="rsa")
    with pytest.raises(ValueError, match="leave it out"):
        isorep.compare_groups(np.ones((4, 4)), GROUPS, measure="rsa")
    with pytest.raises(ValueError, match="square matrix"):
        isorep.compare_groups(np.ones((4, 3)), GROUPS)
    a = networks(1)["net0"]
    with pytest.raises(ValueError, match=r"got a table of isorep\.compare"):
        isorep.compare_groups(isorep.compare(a, a, progress=False), GROUPS)
    with pytest.raises(ValueError, match="finite distances"):
        isorep.compare_groups(np.full((4, 4), np.nan), {i: i % 2 for i in range(4)})


def test_similarities_are_no_distances():
    similarities = np.eye(6)
    groups = {i: i % 2 for i in range(6)}
    with pytest.raises(ValueError, match="Pass distances, not similarities"):
        isorep.compare_groups(similarities, groups)
    with pytest.raises(ValueError, match="must not be negative"):
        isorep.compare_groups(similarities - 1, groups)


def test_the_tests_hold_their_level():
    random = np.random.default_rng(0)
    p_values = []
    for _ in range(300):
        distances = between_points(random.standard_normal((8, 3)))
        tests = isorep.compare_groups(distances, {i: i % 2 for i in range(8)})
        pair = tests.sel(group="0", other_group="1")
        p_values.append(
            [
                tests["separation_p_value"],
                tests["pseudo_f_p_value"],
                pair["spread_difference_p_value"],
            ]
        )
    for level in (0.1, 0.3):
        rejected = np.mean(np.array(p_values) <= level, axis=0)
        assert (rejected <= level + 3 * np.sqrt(level * (1 - level) / 300)).all()


def test_equal_networks():
    groups = {i: i // 4 for i in range(8)}
    apart = np.kron(1 - np.eye(2), np.ones((4, 4)))
    tests = isorep.compare_groups(apart, groups)
    assert tests["pseudo_f"] == np.inf
    assert tests["r_squared"] == 1
    for name in ("pseudo_f", "separation"):
        assert tests[f"{name}_p_value"] == tests[f"{name}_smallest_p_value"] == 2 / 70
    equal = isorep.compare_groups(np.zeros((8, 8)), groups)
    assert equal["r_squared"] == 0
    for name in ("pseudo_f", "separation"):
        assert equal[f"{name}_p_value"] == 1
    trend = isorep.factor_trend(np.zeros((8, 8)), {i: i // 2 for i in range(8)})
    assert trend["mantel"] == 0
    assert trend["mantel_p_value"] == 1
