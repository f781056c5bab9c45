"""A sweep's section: tree, map and groups against independent computations."""

import numpy as np
import pytest
from helpers.reading import content, numbers
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import pdist, squareform
from scipy.stats import ortho_group

import isorep
from isorep.explorer.embedding import embedding
from isorep.explorer.sweep_view import branches, comparable, curves, widest_layer

pytest.importorskip("plotly")


def test_points_of_a_plane_are_found_again():
    points = np.random.default_rng(0).standard_normal((11, 2)) * [3.0, 1.0]
    distances = squareform(pdist(points))
    found, share = embedding(distances)
    assert share == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(squareform(pdist(found)), distances, atol=1e-12)


def test_of_more_dimensions_the_leading_two_are_kept():
    # Points are, up to rotation, their principal components: an oracle by another way.
    rng = np.random.default_rng(1)
    points = (
        rng.standard_normal((13, 5))
        * [4.0, 2.0, 0.5, 0.4, 0.3]
        @ ortho_group.rvs(5, random_state=2)
    )
    found, share = embedding(squareform(pdist(points)))
    u, s, _ = np.linalg.svd(points - points.mean(axis=0))
    np.testing.assert_allclose(np.abs(found), np.abs(u[:, :2] * s[:2]), atol=1e-10)
    assert share == pytest.approx((s[:2] ** 2).sum() / (s**2).sum(), abs=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_few_points_and_equal_ones_have_a_place(n):
    for distance in (0.0, 2.0):
        found, share = embedding(distance * (1 - np.eye(n)))
        assert found.shape == (n, 2)
        assert share == 1.0
        assert np.ptp(found[:, 0]) == pytest.approx(distance * (n - 1))


def test_distances_of_no_space_still_have_a_map():
    # The triangle inequality fails, so that eigenvalues are negative.
    distances = np.array([[0.0, 1.0, 9.0], [1.0, 0.0, 1.0], [9.0, 1.0, 0.0]])
    found, share = embedding(distances)
    assert np.isfinite(found).all()
    assert share == 1.0


def test_the_tree_is_the_one_scipy_draws():
    distances = squareform(pdist(np.random.default_rng(3).standard_normal((17, 4))))
    tree = isorep.cluster(distances)
    heights, places = branches(tree)
    # SciPy's leaves stand at 5, 15, ...; of the same tree, already turned.
    drawn = dendrogram(tree.linkage, no_plot=True)
    assert drawn["leaves"] == list(tree.order)
    key = lambda corners: tuple(np.round(corners, 9))  # noqa: E731
    theirs = sorted(map(key, np.hstack([(np.array(drawn["icoord"]) - 5) / 10, drawn["dcoord"]])))
    ours = sorted(map(key, np.hstack([places, heights])))
    np.testing.assert_allclose(ours, theirs, atol=1e-9)
    np.testing.assert_allclose(heights[:, 1], linkage(squareform(distances), "average")[:, 2])


def test_groups_curves_against_naive_loops(sweep_table):
    distances = sweep_table["pwcca_distance"].transpose("layer", "x", "y").values
    group_of = ["a", "b", "a", "b", "b"]
    found = {curve["group"]: curve for curve in curves(distances, group_of)}
    assert list(found) == ["a", "b", "between groups"]
    for group, curve in found.items():
        for layer in range(3):
            own = [
                distances[layer, i, j]
                for i in range(5)
                for j in range(5)
                if i != j
                and (group_of[i] if group_of[i] == group_of[j] else "between groups") == group
            ]
            assert curve["pairs"][layer] == len(own)
            assert numbers(curve["mean"])[layer] == pytest.approx(np.mean(own), abs=1e-6)
            assert numbers(curve["sd"])[layer] == pytest.approx(np.std(own), abs=1e-6)


def test_pairs_that_could_not_be_compared_do_not_count():
    distances = np.full((1, 3, 3), 0.5)
    distances[0, 0, 1] = np.nan
    alone, between = curves(distances, ["a", "b", "b"])[0], curves(distances, ["a", "b", "b"])[2]
    assert alone["pairs"] == [0]
    assert np.isnan(numbers(alone["mean"])).all()
    assert between["pairs"] == [3]
    assert numbers(between["mean"]) == pytest.approx(0.5)


def test_one_bad_network_costs_itself_alone(tmp_path):
    rng = np.random.default_rng(0)
    networks = {i: {"fc": rng.standard_normal((50, 3))} for i in range(4)}
    networks[2] = {"fc": np.ones((50, 3))}
    isorep.report(
        isorep.pairwise(networks), tmp_path / "page.html", groups=dict.fromkeys(range(4), 1)
    )
    (sweep,) = content(tmp_path / "page.html")
    layer = sweep["measures"][0]["layers"][0]
    assert layer["kept"] == [0, 1, 3]
    (excluded,) = layer["excluded"]
    assert excluded["network"] == "2"
    assert "has no variance" in excluded["reason"]
    assert sweep["groups"] == ["1", "1", "1", "1"]
    assert sweep["measures"][0]["curves"][0]["pairs"] == [6]


def test_a_matrix_of_nothing_keeps_nothing():
    kept, left_out = comparable(np.full((3, 3), np.nan))
    assert (kept, left_out) == ([], [0, 1, 2])


def test_bad_groups_are_refused(tmp_path, sweep_table):
    names = sweep_table["x"].values.tolist()
    with pytest.raises(ValueError, match="network '<u>0</u>' has no group; groups= has only"):
        isorep.report(sweep_table, tmp_path / "page.html", groups={"seed": "a"})
    with pytest.raises(ValueError, match="cannot have the name 'between groups'"):
        isorep.report(
            sweep_table, tmp_path / "page.html", groups=dict.fromkeys(names, "between groups")
        )


def test_the_page_has_the_tests_of_the_groups(tmp_path):
    rng = np.random.default_rng(0)
    networks = {
        i: {layer: rng.standard_normal((50, 3)) for layer in ("conv", "fc")} for i in range(8)
    }
    networks[5]["fc"] = np.ones((50, 3))
    table = isorep.pairwise(networks, measures=["pwcca", "cka"], progress=False)
    groups = {i: "even" if i % 2 == 0 else "odd" for i in networks}
    isorep.report(table, tmp_path / "page.html", groups=groups)
    (sweep,) = content(tmp_path / "page.html")
    for measure in sweep["measures"]:
        expected = isorep.compare_groups(table, groups, measure=measure["name"])
        assert measure["tests"]["groups"] == ["even", "odd"]
        assert measure["tests"]["reasons"] == expected["reason"].values.tolist()
        for name in ("separation", "pseudo_f_p_adjusted", "spread_difference"):
            shown = numbers(measure["tests"][name])
            np.testing.assert_allclose(shown, expected[name].values, rtol=1e-6)


def test_the_page_says_why_there_is_no_test(tmp_path, sweep_table):
    names = sweep_table["x"].values.tolist()
    groups = {name: int(i > 0) for i, name in enumerate(names)}
    isorep.report(sweep_table, tmp_path / "page.html", groups=groups)
    (sweep,) = content(tmp_path / "page.html")
    assert "group '0' has one network" in sweep["measures"][0]["tests"]["reason"]
    assert sweep["measures"][0]["curves"]


def test_the_page_opens_at_the_layer_whose_networks_differ_most_in_distance(tmp_path, sweep_table):
    names = sweep_table["x"].values.tolist()
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, 4))
    networks = {
        name: {
            "equally far": rng.standard_normal((200, 4)),
            "some close": x + rng.standard_normal((200, 4)) * (0.1 if i < 2 else 9.0),
            "dead": np.ones((200, 2)),
        }
        for i, name in enumerate(names)
    }
    table = isorep.pairwise(networks, measures=["cka", "pwcca"], progress=False)
    isorep.report(table, tmp_path / "page.html")
    (sweep,) = content(tmp_path / "page.html")
    assert sweep["layers"][sweep["opened"]] == "some close"


def test_two_networks_have_no_spread():
    assert widest_layer(np.array([[[0, 0.3], [0.3, 0]], [[0, 0.5], [0.5, 0]]])) == 0
    assert widest_layer(np.full((2, 3, 3), np.nan)) == 0
