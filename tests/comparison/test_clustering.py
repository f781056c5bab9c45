"""Clustering: the tree of a naive agglomeration, the best leaf order of all, and bad matrices."""

import dataclasses
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
import xarray
from scipy.cluster import hierarchy

import isorep


def points(n, seed=0):
    """Draw distances between n points of a plane, a little different in the two orders."""
    rng = np.random.default_rng(seed)
    at = rng.standard_normal((n, 2))
    distances = np.linalg.norm(at[:, None] - at, axis=-1)
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


def as_sets(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


@pytest.mark.parametrize("n", [2, 5, 13])
def test_every_cut_is_that_of_a_naive_agglomeration(n):
    distances = points(n)
    found = isorep.cluster(distances)
    for n_clusters in range(1, n + 1):
        labels = found.labels(n_clusters)
        assert sorted(set(labels.tolist())) == list(range(n_clusters))
        assert as_sets(labels) == naive_clusters(distances, n_clusters)
        assert np.all(np.diff(labels[list(found.order)]) >= 0)  # numbered along the leaves
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.order = ()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("method", ["average", "single"])
def test_the_leaves_have_the_best_order_that_keeps_clusters_together(seed, method):
    distances = points(7, seed)
    found = isorep.cluster(distances, method)
    mean = (distances + distances.T) / 2
    cuts = [as_sets(found.labels(n_clusters)) for n_clusters in range(1, 8)]

    def keeps_together(order):
        return all(
            max(at) - min(at) == len(at) - 1
            for cut in cuts
            for at in ([order.index(i) for i in items] for items in cut)
        )

    def length(order):
        return sum(mean[i, j] for i, j in pairwise(order))

    assert keeps_together(found.order)
    best = min(length(order) for order in permutations(range(7)) if keeps_together(order))
    assert length(found.order) == pytest.approx(best, rel=1e-12)


def test_scipy_reads_the_same_tree():
    distances = points(31, seed=2)
    found = isorep.cluster(distances)
    assert hierarchy.is_valid_linkage(found.linkage)
    assert tuple(hierarchy.leaves_list(found.linkage).tolist()) == found.order
    expected = hierarchy.fcluster(found.linkage, 6, criterion="maxclust")
    assert as_sets(found.labels(6)) == as_sets(expected)


def test_a_long_chain_is_no_deep_recursion():
    """Under single linkage each item joins the one cluster in turn."""
    at = np.cumsum(np.linspace(1, 2, 150))
    found = isorep.cluster(abs(at[:, None] - at), "single")
    assert found.order in (tuple(range(150)), tuple(range(149, -1, -1)))


@pytest.mark.parametrize("method", ["single", "complete", "weighted", "ward", "centroid", "median"])
def test_other_methods_cut_into_as_many_clusters_as_asked_for(method):
    found = isorep.cluster(points(11, seed=2), method)
    for n_clusters in (1, 2, 5, 11):
        assert len(as_sets(found.labels(n_clusters))) == n_clusters


def test_ties_cut_into_as_many_clusters_as_asked_for():
    found = isorep.cluster(1 - np.eye(5))
    assert [len(as_sets(found.labels(k))) for k in range(1, 6)] == [1, 2, 3, 4, 5]


def test_a_layer_of_pairwise_keeps_its_names():
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((2, 211, 4))
    networks = {
        f"seed{i}": {"fc": centres[i % 2] + 0.3 * rng.standard_normal((211, 4))} for i in range(5)
    }
    table = isorep.pairwise(networks, measures=["pwcca", "procrustes"])
    for name in ("pwcca", "procrustes"):
        distances = table[f"{name}_distance"].sel(layer="fc")
        found = isorep.cluster(distances)
        assert found.names == tuple(networks)
        assert as_sets(found.labels(2)) == {frozenset({0, 2, 4}), frozenset({1, 3})}
        turned = found.reordered()
        names = [found.names[i] for i in found.order]
        assert turned["x"].to_numpy().tolist() == turned["y"].to_numpy().tolist() == names
        for x in networks:
            for y in networks:  # as given, not the mean of both orders
                assert turned.sel(x=x, y=y).item() == distances.sel(x=x, y=y).item()


def test_an_array_is_reordered_as_given():
    distances = points(5)
    found = isorep.cluster(distances.tolist())
    assert found.names == (0, 1, 2, 3, 4)
    for i, a in enumerate(found.order):
        for j, b in enumerate(found.order):
            assert found.reordered()[i, j] == distances[a, b]


def test_rounding_is_no_distance():
    for almost in (np.full((3, 3), 1e-16), points(3) - 1e-17, points(3) + 1e-8 * np.eye(3)):
        assert len(isorep.cluster(almost).order) == 3


def test_what_cannot_be_clustered():
    good = points(4)
    named = xarray.DataArray(good, coords={"x": list("abcd"), "y": list("abcd")}, dims=("x", "y"))
    broken = named.copy()
    broken[2, :] = broken[:, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"7 distances are NaN or infinite, the first between 'a' and 'c'; .* 'c'"
    ):
        isorep.cluster(broken)
    with pytest.raises(ValueError, match=r"square matrix, .* not of shape \(4, 3\)$"):
        isorep.cluster(good[:, :3])
    with pytest.raises(ValueError, match=r"not of shape \(4, 4, 2\); choose a layer with \.sel"):
        isorep.cluster(xarray.concat([named, named], "layer").transpose("x", "y", "layer"))
    with pytest.raises(TypeError, match="expected one matrix of distances, got a Dataset"):
        isorep.cluster(named.to_dataset(name="pwcca_distance"))
    with pytest.raises(ValueError, match="at least 2 items to cluster, got 1"):
        isorep.cluster([[0.0]])
    with pytest.raises(ValueError, match=r"1 has a distance of 1.5 from itself, not 0; pass dist"):
        isorep.cluster(good + np.diag([0, 1.5, 0, 1]))
    with pytest.raises(ValueError, match="not negative, but that of 2 and 3 is -1"):
        isorep.cluster(np.where(np.arange(16).reshape(4, 4) == 11, -1, good))
    with pytest.raises(ValueError, match=r"the same items in the same order, got \['a', 'b', 'c'"):
        isorep.cluster(named.assign_coords(y=list("abdc")))
    with pytest.raises(ValueError, match="unknown method 'averge'; did you mean 'average'"):
        isorep.cluster(good, "averge")
    for n_clusters in (0, 5):
        with pytest.raises(ValueError, match=f"4 items make 1 to 4 clusters, not {n_clusters}"):
            isorep.cluster(good).labels(n_clusters)
