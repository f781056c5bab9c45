"""Clustering: equal to a naive agglomeration, with the best of all leaf orders; bad matrices."""

import dataclasses
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
import xarray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

import isorep


def points(n, seed=0):
    """Draw distances between n points of a plane, a little different in the two orders."""
    rng = np.random.default_rng(seed)
    positions = rng.standard_normal((n, 2))
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
    return distances * (1 + 0.1 * rng.uniform(size=(n, n)))


def naive_clusters(distances, n_clusters):
    """Merge the two clusters whose mean distance is least, over and over."""
    distances = (distances + distances.T) / 2
    clusters = [{i} for i in range(len(distances))]
    while len(clusters) > n_clusters:
        a, b = min(
            combinations(clusters, 2),
            key=lambda pair: np.mean([distances[i, j] for i in pair[0] for j in pair[1]]),
        )
        clusters = [c for c in clusters if c not in (a, b)] + [a | b]
    return {frozenset(c) for c in clusters}


def leaf_orders(tree, node=None):
    """Return every order of the leaves that a tree in SciPy's format allows."""
    n = len(tree) + 1
    node = 2 * n - 2 if node is None else node
    if node < n:
        return [(node,)]
    a, b = (leaf_orders(tree, int(side)) for side in tree[node - n, :2])
    return [order for p in a for q in b for order in (p + q, q + p)]


def length(distances, order):
    """Sum the distances between neighbours, each the mean of both directions."""
    return sum((distances[i, j] + distances[j, i]) / 2 for i, j in pairwise(order))


def scipy_order(distances, method):
    condensed = squareform((distances + distances.T) / 2, checks=False)
    tree = hierarchy.linkage(condensed, method)
    return hierarchy.leaves_list(hierarchy.optimal_leaf_ordering(tree, condensed)).tolist()


def as_sets(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


@pytest.mark.parametrize("n", [2, 5, 13])
def test_every_cut_is_that_of_a_naive_agglomeration(n):
    distances = points(n)
    tree = isorep.cluster(distances)
    for n_clusters in range(1, n + 1):
        labels = tree.labels(n_clusters)
        assert sorted(set(labels.tolist())) == list(range(n_clusters))
        assert as_sets(labels) == naive_clusters(distances, n_clusters)
        assert np.all(np.diff(labels[list(tree.order)]) >= 0)  # numbered along the leaves
    with pytest.raises(dataclasses.FrozenInstanceError):
        tree.order = ()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("method", ["average", "single"])
def test_the_leaves_have_the_best_order_that_keeps_clusters_together(seed, method):
    distances = points(7, seed)
    tree = isorep.cluster(distances, method)
    cuts = [as_sets(tree.labels(n_clusters)) for n_clusters in range(1, 8)]

    def keeps_together(order):
        return all(
            max(at) - min(at) == len(at) - 1
            for cut in cuts
            for at in ([order.index(i) for i in items] for items in cut)
        )

    assert keeps_together(tree.order)
    best = min(length(distances, p) for p in permutations(range(7)) if keeps_together(p))
    assert length(distances, tree.order) == pytest.approx(best, rel=1e-12)


METHODS = ["single", "complete", "average", "weighted", "ward", "centroid", "median"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["distinct", "ties", "equal"])
def test_no_order_of_the_leaves_is_shorter(kind, method):
    """All orders of small trees, with tied merges, and inversions by "centroid" and "median"."""
    inversions = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = 3 + seed % 6
        distances = {
            "distinct": rng.uniform(1, 2, (n, n)),
            "ties": rng.integers(1, 4, (n, n)).astype(float),
            "equal": np.ones((n, n)),
        }[kind]
        np.fill_diagonal(distances, 0)
        tree = isorep.cluster(distances, method)
        best = min(length(distances, order) for order in leaf_orders(tree.linkage))
        assert length(distances, tree.order) == pytest.approx(best, rel=1e-12)
        inversions += bool(np.any(np.diff(tree.linkage[:, 2]) < -1e-12))
        for n_clusters in range(1, n + 1):
            labels = tree.labels(n_clusters)
            assert sorted(set(labels.tolist())) == list(range(n_clusters))
            assert np.all(np.diff(labels[list(tree.order)]) >= 0)
    assert (inversions > 0) == (method in ("centroid", "median"))


def test_scipy_orders_leaves_worse():
    """Why we order leaves ourselves; when this fails, `optimal_leaf_ordering` can replace ours."""
    # From a comment on SciPy's issue 11227: the best order is 0, 1, 2, 3.
    distances = np.zeros((4, 4))
    distances[np.triu_indices(4, 1)] = 0.467, 0.775, 0.799, 0.286, 0.684, 0.747
    distances += distances.T
    assert isorep.cluster(distances, "complete").order == (0, 1, 2, 3)
    order = scipy_order(distances, "complete")
    assert length(distances, order) > 1.1 * length(distances, range(4))
    # Networks of three groups: a little worse; 300 points of a space: 10 % worse.
    rng = np.random.default_rng(4)
    centres = rng.standard_normal((3, 211, 4))
    networks = {
        i: {"fc": centres[i % 3] + (0.3 + 0.2 * (i % 4)) * rng.standard_normal((211, 4))}
        for i in range(9)
    }
    table = isorep.pairwise(networks)
    similar = table["pwcca_distance"].sel(layer="fc").to_numpy().clip(0)
    positions = np.random.default_rng(0).standard_normal((300, 5))
    far = np.linalg.norm(positions[:, None] - positions, axis=-1)
    for matrix, ratio in ((similar, 1.01), (far, 1.05)):
        ours = isorep.cluster(matrix).order
        assert length(matrix, scipy_order(matrix, "average")) > ratio * length(matrix, ours)


def test_scipy_reads_the_same_tree():
    distances = points(31, seed=2)
    tree = isorep.cluster(distances)
    assert hierarchy.is_valid_linkage(tree.linkage)
    assert tuple(hierarchy.leaves_list(tree.linkage).tolist()) == tree.order
    expected = hierarchy.fcluster(tree.linkage, 6, criterion="maxclust")
    assert as_sets(tree.labels(6)) == as_sets(expected)


def test_a_long_chain_is_no_deep_recursion():
    """Under single linkage each item joins the one cluster in turn."""
    positions = np.cumsum(np.linspace(1, 2, 150))
    tree = isorep.cluster(abs(positions[:, None] - positions), "single")
    assert tree.order in (tuple(range(150)), tuple(range(149, -1, -1)))


@pytest.mark.parametrize("method", ["single", "complete", "weighted", "ward", "centroid", "median"])
def test_other_methods_cut_into_as_many_clusters_as_asked_for(method):
    tree = isorep.cluster(points(11, seed=2), method)
    for n_clusters in (1, 2, 5, 11):
        assert len(as_sets(tree.labels(n_clusters))) == n_clusters


def test_ties_cut_into_as_many_clusters_as_asked_for():
    tree = isorep.cluster(1 - np.eye(5))
    assert [len(as_sets(tree.labels(k))) for k in range(1, 6)] == [1, 2, 3, 4, 5]


def test_a_layer_of_pairwise_keeps_its_names():
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((2, 211, 4))
    networks = {
        f"seed{i}": {"fc": centres[i % 2] + 0.3 * rng.standard_normal((211, 4))} for i in range(5)
    }
    table = isorep.pairwise(networks, measures=["pwcca", "procrustes"])
    for name in ("pwcca", "procrustes"):
        distances = table[f"{name}_distance"].sel(layer="fc")
        tree = isorep.cluster(distances)
        assert tree.names == tuple(networks)
        assert as_sets(tree.labels(2)) == {frozenset({0, 2, 4}), frozenset({1, 3})}
        turned = tree.reordered()
        names = [tree.names[i] for i in tree.order]
        assert turned["x"].to_numpy().tolist() == turned["y"].to_numpy().tolist() == names
        for x in networks:
            for y in networks:  # as given, not the mean of both orders
                assert turned.sel(x=x, y=y).item() == distances.sel(x=x, y=y).item()


def test_an_array_is_reordered_as_given():
    distances = points(5)
    tree = isorep.cluster(distances.tolist())
    assert tree.names == (0, 1, 2, 3, 4)
    for i, a in enumerate(tree.order):
        for j, b in enumerate(tree.order):
            assert tree.reordered()[i, j] == distances[a, b]


def test_the_merges_as_a_table():
    distances = points(5)
    tree = isorep.cluster(distances, "complete")
    merges = tree.to_dataframe()
    assert list(merges.columns) == ["left", "right", "distance", "n_items"]
    assert merges.index.tolist() == [5, 6, 7, 8]
    np.testing.assert_array_equal(merges.to_numpy(), tree.linkage)
    assert merges["n_items"].iloc[-1] == 5
    mean = (distances + distances.T) / 2
    first = merges.iloc[0]
    assert (
        first["distance"] == mean[int(first["left"]), int(first["right"])] == mean[mean > 0].min()
    )


def test_the_tree_is_shown_in_a_line():
    tree = isorep.cluster(abs(np.subtract.outer([0.0, 1.0, 3.14159], [0.0, 1.0, 3.14159])))
    assert repr(tree) == "Clustering(3 items merged at 1 to 2.642, leaves: 2, 1, 0)"
    text = repr(isorep.cluster(points(41)))
    assert len(text) < 80
    assert text.count("\n") == 0
    names = ["<b>", "&", "c"]
    named = xarray.DataArray(points(3), coords={"x": names, "y": names}, dims=("x", "y"))
    html = isorep.cluster(named)._repr_html_()
    assert "Clustering" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_rounding_is_no_distance():
    for almost in (np.full((3, 3), 1e-16), points(3) - 1e-17, points(3) + 1e-8 * np.eye(3)):
        assert len(isorep.cluster(almost).order) == 3


def test_what_cannot_be_clustered():
    good = points(4)
    named = xarray.DataArray(good, coords={"x": list("abcd"), "y": list("abcd")}, dims=("x", "y"))
    broken = named.copy()
    broken[2, :] = broken[:, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"got 7 NaN or infinite values, the first between 'a' and 'c'\. .* 'c'$"
    ):
        isorep.cluster(broken)
    with pytest.raises(ValueError, match=r"square matrix of distances, got shape \(4, 3\)$"):
        isorep.cluster(good[:, :3])
    with pytest.raises(ValueError, match=r"got shape \(4, 4, 2\)\. Choose a layer with \.sel"):
        isorep.cluster(xarray.concat([named, named], "layer").transpose("x", "y", "layer"))
    with pytest.raises(TypeError, match="expected one matrix of distances, got a Dataset"):
        isorep.cluster(named.to_dataset(name="pwcca_distance"))
    with pytest.raises(ValueError, match="at least 2 items to cluster, got 1"):
        isorep.cluster([[0.0]])
    with pytest.raises(ValueError, match=r"between 1 and itself, got 1\.5\. Pass distances"):
        isorep.cluster(good + np.diag([0, 1.5, 0, 1]))
    with pytest.raises(ValueError, match="must not be negative, got -1 between 2 and 3"):
        isorep.cluster(np.where(np.arange(16).reshape(4, 4) == 11, -1, good))
    with pytest.raises(ValueError, match=r"the same items in the same order, got \['a', 'b', 'c'"):
        isorep.cluster(named.assign_coords(y=list("abdc")))
    with pytest.raises(ValueError, match="unknown method 'averge'; did you mean 'average'"):
        isorep.cluster(good, "averge")
    for n_clusters in (0, 5):
        with pytest.raises(ValueError, match=f"from 1 to 4 for 4 items, got {n_clusters}"):
            isorep.cluster(good).labels(n_clusters)
