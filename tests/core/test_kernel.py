"""The samples seen from each other: blocks, draws, ties, and what cannot be done."""

import numpy as np
import pytest
from helpers.oracle import (
    conditioned_pair,
    naive_cka_rbf,
    naive_knn,
    naive_neighbours,
    naive_rsa,
    naive_second_order_cosine,
    rotation,
)
from scipy.spatial.distance import cdist, pdist

import isorep
import isorep.core.kernel
from isorep.core.kernel import Kernel
from isorep.measures import MEASURES
from isorep.measures.neighbours import kernel_of, nearest

OF_SAMPLES = [name for name, row in MEASURES.items() if "max_samples" in row.options]
NEIGHBOURS = ["mutual_knn", "jaccard_knn", "rank_similarity", "second_order_cosine"]

every_measure = pytest.mark.parametrize("name", OF_SAMPLES)


def kernel(x, **options):
    return Kernel.from_basis(isorep.Basis.from_array(x), **options)


def test_distances_and_inner_products_in_blocks(monkeypatch):
    x, _ = conditioned_pair(101, 7, 5, 20, seed=0)
    x += 1e4
    for centred in (True, False):
        found = kernel(x, centred=centred)
        whole = slice(0, 101)
        scale = np.sqrt(found.squared_distances(whole).max() / cdist(x, x, "sqeuclidean").max())
        near = {"rtol": 0, "atol": 1e-12 if centred else 1e-7}
        np.testing.assert_allclose(
            found.squared_distances(whole), scale**2 * cdist(x, x, "sqeuclidean"), **near
        )
        own = x - x.mean(axis=0) if centred else x
        np.testing.assert_allclose(
            found.inner_products(whole), scale**2 * own @ own.T, rtol=1e-7, atol=1e-12
        )
    found = kernel(x)
    np.testing.assert_allclose(
        np.concatenate(list(found.pairs(found.squared_distances))),
        scale_of(found, x) * pdist(x, "sqeuclidean"),
        **near,
    )
    blocks = []
    for size in (1, 8 * 101 * 7, 2**20):
        monkeypatch.setattr(isorep.core.kernel, "CHUNK", size)
        blocks.append([rows.stop - rows.start for rows in found.blocks()])
    assert blocks == [[1] * 101, [7] * 14 + [3], [101]]


def scale_of(found, x):
    return found.squared_distances(slice(0, len(x))).max() / cdist(x, x, "sqeuclidean").max()


@every_measure
def test_blocks_do_not_show(name, monkeypatch):
    x, y = conditioned_pair(101, 7, 5, 20, seed=1)
    whole = isorep.similarity(x, y, name)
    monkeypatch.setattr(isorep.core.kernel, "CHUNK", 8 * 101 * 7)
    assert isorep.similarity(x, y, name).similarity == pytest.approx(whole.similarity, abs=1e-13)


@every_measure
def test_a_draw_takes_the_same_samples_of_both_sides(name):
    x, y = conditioned_pair(211, 7, 5, 20, seed=2)
    drawn = isorep.similarity(x, y, name, max_samples=53, seed=7)
    rows = np.sort(np.random.default_rng(7).choice(211, 53, replace=False))
    by_hand = isorep.similarity(x[rows], y[rows], name)
    assert drawn.similarity == pytest.approx(by_hand.similarity, abs=1e-12)
    assert drawn == isorep.similarity(x, y, name, max_samples=53, seed=7)
    assert drawn.similarity != isorep.similarity(x, y, name, max_samples=53, seed=8).similarity
    assert isorep.similarity(x, y, name, max_samples=211) == isorep.similarity(x, y, name)
    assert isorep.similarity(x, 2 * x, name, max_samples=53).similarity == pytest.approx(1)
    with pytest.raises(ValueError, match=r"max_samples must be 2 or more, got 1|4 samples, got 1"):
        isorep.similarity(x, y, name, max_samples=1)


@every_measure
@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_more_features_than_samples(name):
    x, y = conditioned_pair(31, 67, 43, 20, seed=3)
    naive = {
        "cka_rbf": naive_cka_rbf(x, y),
        "cka_rbf_debiased": naive_cka_rbf(x, y, debiased=True),
        "rsa": naive_rsa(x, y),
        "mutual_knn": naive_knn(x, y)[0],
        "second_order_cosine": naive_second_order_cosine(x, y),
    }
    score = isorep.similarity(x, y, name)
    biased = name in ("cka_rbf", "distance_correlation")
    assert [text.code for text in score.warnings] == ["few-samples"] * biased
    if name in naive:
        assert score.similarity == pytest.approx(naive[name], abs=1e-12)


@pytest.mark.parametrize(
    "name", [name for name in OF_SAMPLES if MEASURES[name].invariance == "orthogonal"]
)
def test_large_means_do_not_cost_digits(name):
    x, y = conditioned_pair(101, 7, 5, 20, seed=4)
    moved = isorep.similarity(x + 1e6 * np.arange(7), y - 1e6, name)
    assert moved.similarity == pytest.approx(isorep.similarity(x, y, name).similarity, abs=1e-8)


@every_measure
def test_huge_and_tiny_numbers(name):
    x, y = conditioned_pair(101, 7, 5, 20, seed=5)
    score = isorep.similarity(1e-180 * x, 1e180 * y, name)
    assert score.similarity == pytest.approx(isorep.similarity(x, y, name).similarity, abs=1e-12)


def test_wide_gaussians_are_linear():
    x, y = conditioned_pair(211, 7, 5, 20, seed=7)
    found = isorep.measures.cka_rbf(x, y, bandwidth=1e5).similarity
    assert found == pytest.approx(isorep.cka(x, y).similarity, abs=1e-9)


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
@pytest.mark.parametrize("bandwidth", [0.2, 0.8, 3.0])
def test_bandwidths(bandwidth):
    x, y = conditioned_pair(101, 7, 5, 20, seed=8)
    for name, debiased in (("cka_rbf", False), ("cka_rbf_debiased", True)):
        found = isorep.similarity(x, y, name, bandwidth=bandwidth).similarity
        assert found == pytest.approx(naive_cka_rbf(x, y, bandwidth, debiased), abs=1e-12)


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_debiased_is_around_zero_for_unrelated_data_and_goes_below():
    rng = np.random.default_rng(9)
    found = [
        [isorep.similarity(*rng.standard_normal((2, 30, 20)), name).similarity for _ in range(200)]
        for name in ("cka_rbf_debiased", "cka_rbf")
    ]
    assert abs(np.mean(found[0])) < 4 * np.std(found[0]) / 200**0.5
    assert min(found[0]) < 0
    assert np.mean(found[1]) > 0.3


def test_what_kernels_cannot_do():
    x, y = conditioned_pair(31, 7, 5, 20, seed=10)
    with pytest.raises(ValueError, match="needs at least 4 samples, got 3"):
        isorep.measures.cka_rbf_debiased(x[:3], y[:3])
    with pytest.raises(ValueError, match="needs at least 4 samples, got 3"):
        isorep.measures.cka_rbf_debiased(x, y, max_samples=3)
    with pytest.raises(ValueError, match="share of the median distance, above 0, got 0"):
        isorep.measures.cka_rbf(x, y, bandwidth=0)
    with pytest.raises(ValueError, match="the samples of y are all equally far apart"):
        isorep.measures.cka_rbf_debiased(x[:8], np.eye(8))
    with pytest.raises(ValueError, match="distance between the 31 samples is 0, so the kernel"):
        isorep.measures.cka_rbf(x, np.arange(31.0)[:, None] > 29)
    spike = np.zeros((31, 1))
    spike[0] = 1
    with pytest.raises(ValueError, match="the 2 samples of y do not vary"):
        isorep.measures.distance_correlation(x, spike, max_samples=2)


@pytest.mark.parametrize(
    "dissimilarity", ["correlation", "cosine", "euclidean", "squared_euclidean"]
)
@pytest.mark.parametrize("comparison", ["spearman", "pearson", "kendall", "cosine"])
def test_every_rsa(dissimilarity, comparison):
    x, y = conditioned_pair(67, 7, 5, 20, seed=11)
    x, y = x + 0.3, y - 0.5
    found = isorep.measures.rsa(x, y, dissimilarity=dissimilarity, comparison=comparison)
    assert found.similarity == pytest.approx(naive_rsa(x, y, dissimilarity, comparison), abs=1e-12)


@pytest.mark.parametrize("comparison", ["spearman", "kendall"])
def test_tied_dissimilarities_get_their_average_rank(comparison):
    rng = np.random.default_rng(12)
    x, y = (rng.integers(0, 3, (41, p)).astype(float) for p in (5, 4))
    options = {"dissimilarity": "squared_euclidean", "comparison": comparison}
    expected = naive_rsa(x, y, **options)
    assert len(set(pdist(x, "sqeuclidean"))) < 20
    turned = x @ rotation(rng, 5) + 100
    for side in (x, turned):
        found = isorep.measures.rsa(side, y, **options).similarity
        assert found == pytest.approx(expected, abs=1e-12)


def test_what_rsa_cannot_do():
    x, y = conditioned_pair(31, 7, 5, 20, seed=13)
    rsa = isorep.measures.rsa
    with pytest.raises(ValueError, match="unknown dissimilarity 'corelation'; did you mean 'corr"):
        rsa(x, y, dissimilarity="corelation")
    with pytest.raises(ValueError, match="unknown comparison 'spearmn'; did you mean 'spearman"):
        rsa(x, y, comparison="spearmn")
    with pytest.raises(ValueError, match="y has 1 feature, but the correlation of two samples"):
        rsa(x, y[:, :1])
    flat = x.copy()
    flat[[4, 9]] = 0.1
    with pytest.raises(
        ValueError,
        match=r"row 4 of x \(and 1 more\) has the same value in every feature, so its corr",
    ):
        rsa(flat, y)
    with pytest.raises(ValueError, match=r"row 4 of x \(and 1 more\) has the same value in"):
        rsa(np.hstack([flat, flat[:, :1]]).astype("float16"), y)
    flat[[4, 9]] = 0
    with pytest.raises(ValueError, match=r"row 4 of x \(and 1 more\) has the value 0 in every"):
        rsa(flat, y, dissimilarity="cosine")
    assert rsa(flat, flat, dissimilarity="euclidean").similarity == pytest.approx(1)
    with pytest.raises(ValueError, match="dissimilarity of all samples of x is 0"):
        rsa(np.outer(np.arange(1.0, 9), [1, 2, 3]), y[:8], dissimilarity="cosine")
    with pytest.raises(ValueError, match="all pairs of samples of y are equally dissimilar"):
        rsa(x[:8], np.eye(8))


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 3, 10, 60])
def test_neighbours_of_any_number(metric, k):
    x, y = conditioned_pair(61, 7, 5, 20, seed=14)
    found = [
        isorep.similarity(x, y, name, k=k, metric=metric).similarity for name in NEIGHBOURS[:3]
    ]
    assert found == pytest.approx(naive_knn(x, y, k, metric), abs=1e-12)
    cosine = isorep.measures.second_order_cosine(x, y, k=k).similarity
    assert cosine == pytest.approx(naive_second_order_cosine(x, y, k), abs=1e-12)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equally_near_samples_come_by_their_index(metric):
    rng = np.random.default_rng(15)
    x = rng.integers(0, 3, (60, 3)).astype(float)  # many copies, and many at equal distances
    x = x[x.any(axis=1)]
    expected = naive_neighbours(x, 5, metric)
    for side in (x, 3 * x @ rotation(rng, 3)):
        basis = isorep.Basis.from_array(side)
        found = Kernel.from_basis(basis, centred=False)
        found = found.directions() if metric == "cosine" else found
        assert nearest(found, 5, metric).tolist() == expected
    for name in NEIGHBOURS:
        turned = isorep.similarity(x, 3 * x @ rotation(rng, 3), name)
        assert turned.similarity == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_samples_of_zeros_have_neighbours_and_never_give_nan(name):
    x, y = conditioned_pair(61, 7, 5, 20, seed=16)
    x[:40] = 0
    assert isorep.similarity(x, 2 * x @ rotation(np.random.default_rng(0), 7), name).similarity == (
        pytest.approx(1, abs=1e-12)
    )
    assert abs(isorep.similarity(x, y, name).similarity) < 1


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_what_neighbourhoods_cannot_do(name):
    x, y = conditioned_pair(31, 7, 5, 20, seed=17)
    for k in (0, 31):
        with pytest.raises(ValueError, match=f"among the 30 other samples, from 1 to 30, got {k}"):
            isorep.similarity(x, y, name, k=k)
    with pytest.raises(
        ValueError, match="neighbours among the 9 other samples, from 1 to 9, got 10"
    ):
        isorep.similarity(x, y, name, max_samples=10)
    if name != "second_order_cosine":
        with pytest.raises(ValueError, match="unknown metric 'cosin'; did you mean 'cosine'"):
            isorep.similarity(x, y, name, metric="cosin")


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_a_grid_of_measures_of_samples():
    rng = np.random.default_rng(18)
    layers = {f"conv{i}": rng.standard_normal((41, p)) for i, p in enumerate((3, 5, 1))}
    table = isorep.compare(layers, layers, measures=OF_SAMPLES)
    for name in OF_SAMPLES:
        for x_layer in layers:
            for y_layer in layers:
                cell = table.sel(x_layer=x_layer, y_layer=y_layer)
                if name == "rsa" and "conv2" in (x_layer, y_layer):
                    assert np.isnan(cell[name])
                    assert cell["reason"].item().startswith("rsa: ")
                else:
                    assert cell[name] == pytest.approx(
                        isorep.similarity(layers[x_layer], layers[y_layer], name).similarity
                    )


@pytest.mark.parametrize("comparison", ["spearman", "kendall"])
@pytest.mark.parametrize("dissimilarity", ["euclidean", "squared_euclidean"])
def test_an_odd_sample_makes_no_other_pairs_alike(dissimilarity, comparison):
    x, y = np.random.default_rng(14).standard_normal((2, 101, 6))
    x[3] *= 1e6
    y[5] *= 1e6
    options = {"dissimilarity": dissimilarity, "comparison": comparison}
    found = isorep.measures.rsa(x, y, **options).similarity
    # Coordinates are rounded at the size of the odd sample, and a pair or two may change places.
    assert found == pytest.approx(naive_rsa(x, y, **options), abs=1e-6)
    assert abs(found) < 0.3


def exact_neighbours(x, k, metric):
    """In 19 digits, or as many as the machine has."""
    x = x.astype(np.longdouble)
    if metric == "cosine":
        x = x / np.sqrt((x**2).sum(axis=1, keepdims=True))
    far = ((x[:, None] - x) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    return np.argsort(far, axis=1)[:, :k]


@pytest.mark.parametrize("mean", [0.0, 1e3, 1e6, 1e7])
def test_cosine_neighbours_beside_a_large_mean(mean):
    x, y = np.random.default_rng(15).standard_normal((2, 151, 8)) + mean
    near = [exact_neighbours(side, 10, "cosine") for side in (x, y)]
    expected = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)])
    # With a mean of 1e7, the samples themselves are rounded at 1e-9 of what tells them apart.
    assert isorep.measures.mutual_knn(x, y).similarity == pytest.approx(expected, abs=2e-3)


def test_an_odd_sample_makes_no_others_equally_near():
    x, y = np.random.default_rng(16).standard_normal((2, 151, 8))
    x[0] *= 1e7
    y[1] *= 1e7
    near = [exact_neighbours(side, 10, "euclidean") for side in (x, y)]
    expected = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)])
    found = isorep.measures.mutual_knn(x, y, metric="euclidean").similarity
    assert found == pytest.approx(expected, abs=2e-3)
    assert found < 0.15


def test_samples_of_zeros_have_no_neighbour_by_cosine():
    """Their cosine with all others is 0: farther than any of a positive cosine."""
    x = np.abs(np.random.default_rng(17).standard_normal((40, 5)))
    x[[4, 9]] = 0
    near = nearest(kernel_of(isorep.Basis.from_array(x), "cosine", None, 0), 10, "cosine")
    assert not np.isin(near[[i for i in range(40) if i not in (4, 9)]], [4, 9]).any()
    # All are as far, and the first come first.
    assert near[4].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
