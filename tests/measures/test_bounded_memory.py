"""Measures of pairs of samples: in blocks and little memory, with the values of whole matrices."""

import threading
import tracemalloc
from importlib import import_module

import numpy as np
import pytest
from helpers.oracle import (
    conditioned_pair,
    naive_cka_rbf,
    naive_distance_correlation,
    naive_knn,
    naive_neighbours,
    naive_rsa,
    naive_second_order_cosine,
)
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

import isorep
from isorep._utils import memory
from isorep.core import kernel, pair_memory
from isorep.core.kernel import Kernel
from isorep.measures import MEASURES, median_distance, neighbours, rank_correlation

OF_SAMPLES = [name for name, row in MEASURES.items() if "max_samples" in row.options]


def small_parts(monkeypatch, chunk, rows=512):
    """Let all blocks be small; `chunk` bytes."""
    rsa, cosines = (import_module(f"isorep.measures.{i}") for i in ("rsa", "second_order_cosine"))
    for module in (kernel, neighbours, cosines):
        monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(kernel, "MOST_ROWS", rows)
    monkeypatch.setattr(median_distance, "HELD", chunk // 8)
    monkeypatch.setattr(median_distance, "BINS", 2**12)
    for module in (rank_correlation, rsa):
        monkeypatch.setattr(module, "PART", max(1, chunk // 8))


@pytest.mark.parametrize(("chunk", "rows"), [(8, 30), (8 * 101 * 7, 512), (2**20, 10)])
def test_blocks_that_do_not_divide_n_give_the_whole_formula(chunk, rows, monkeypatch):
    x, y = conditioned_pair(101, 7, 5, 20, seed=1)
    x[40:50] = x[0]  # copies
    y = np.round(y, 1)  # ties
    small_parts(monkeypatch, chunk, rows)
    expected = {
        "cka_rbf": naive_cka_rbf(x, y),
        "cka_rbf_debiased": naive_cka_rbf(x, y, debiased=True),
        "distance_correlation": naive_distance_correlation(x, y),
        # Ties of rounded numbers differ by rounding.
        "rsa": spearmanr(*(np.round(pdist(z, "correlation"), 10) for z in (x, y))).statistic,
        **dict(zip(("mutual_knn", "jaccard_knn", "rank_similarity"), naive_knn(x, y), strict=True)),
        "second_order_cosine": naive_second_order_cosine(x, y),
    }
    assert sorted(expected) == sorted(OF_SAMPLES)
    with isorep.silence("few-samples"):
        found = {name: isorep.similarity(x, y, name).similarity for name in OF_SAMPLES}
    assert found == pytest.approx(expected, abs=1e-12)
    for comparison in ("pearson", "cosine"):
        options = {"comparison": comparison, "dissimilarity": "euclidean"}
        similarity = isorep.measures.rsa(x, y, **options).similarity
        assert similarity == pytest.approx(naive_rsa(x, y, **options), abs=1e-12)


@pytest.mark.parametrize("held", [1, 10, 10**6])
@pytest.mark.parametrize("n_ranges", [2, 2**12])
def test_the_median_is_exact(held, n_ranges, monkeypatch):
    monkeypatch.setattr(median_distance, "HELD", held)
    monkeypatch.setattr(median_distance, "BINS", n_ranges)
    rng = np.random.default_rng(2)
    points = rng.standard_normal((22, 3))
    outlier = points.copy()
    outlier[0] = 1e9
    for sides in (
        points,  # 231 pairs
        points[:21],  # 210
        outlier,
        np.zeros((9, 1)),
        np.repeat([[0.0], [1.0]], [4, 4], axis=0),  # 12 zeros, 16 ones
        np.array([[0.0], [0.0], [1.0], [3.0], [3.0]]),  # the middle two of 10 differ
        np.array([[1.0], [3.0]]),
    ):
        whole = Kernel(sides)
        expected = np.median(pdist(sides))
        # The unblocked formula subtracts first and rounds less beside an outlier.
        near = pytest.approx(expected, rel=1e-12, abs=1e-8 * np.abs(sides).max())
        assert median_distance.median_distance(whole) == near
        squares = np.concatenate(list(whole.pairs(whole.squared_distances)))
        assert median_distance.median_distance(whole) == np.median(np.sqrt(squares))


@pytest.mark.parametrize("part", [1, 2, 7, 1000])
@pytest.mark.parametrize("n_values", [2, 5, 1000])
def test_ranks_of_parts(part, n_values, monkeypatch):
    monkeypatch.setattr(rank_correlation, "PART", part)
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, n_values, (2, 211)).astype(float)
    y[:100] = x[:100]
    found = rank_correlation.spearman(x + 1j * y)
    assert found == pytest.approx(spearmanr(x, y).statistic, abs=1e-13)


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_memory_stays_small(name, monkeypatch):
    n = 1200
    x, y = np.random.default_rng(4).standard_normal((2, n, 3))
    overlap = isorep.overlap(x, y)
    small_parts(monkeypatch, 2**17)
    options = {"comparison": "pearson"} if name == "rsa" else {}
    tracemalloc.start()
    try:
        MEASURES[name](overlap, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * n * n / 4


def test_ranks_need_sixteen_bytes_a_pair(monkeypatch):
    n = 1200
    x, y = np.random.default_rng(5).standard_normal((2, n, 3))
    overlap = isorep.overlap(x, y)
    small_parts(monkeypatch, 2**17)
    tracemalloc.start()
    try:
        MEASURES["rsa"](overlap)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.2 * 16 * n * (n - 1) / 2


def test_pairs_that_do_not_fit_are_refused_before_the_work(monkeypatch):
    x, y = conditioned_pair(307, 7, 5, 20, seed=6)
    monkeypatch.setattr(pair_memory, "ALWAYS_FITS", 2**10)
    monkeypatch.setattr(memory, "free_memory", lambda: 2**19)
    match = (
        r"rsa of 307 samples needs 733.* for pairs of samples, 16 bytes each, and 512.* of "
        r"memory is free: pass max_samples=200 or fewer .* or comparison='pearson'"
    )
    with pytest.raises(ValueError, match=match):
        isorep.measures.rsa(x, y)
    with pytest.raises(ValueError, match="92 bytes each"):
        isorep.measures.rsa(x, y, comparison="kendall")
    isorep.measures.rsa(x, y, max_samples=200)
    isorep.measures.rsa(x, y, comparison="pearson")


def test_one_thread_at_a_time_holds_many_pairs(monkeypatch):
    monkeypatch.setattr(pair_memory, "ALWAYS_FITS", 0)
    begun = threading.Event()

    def hold():
        with pair_memory.pair_memory("rsa", 10, 16, None):
            begun.set()

    thread = threading.Thread(target=hold)
    with pair_memory.pair_memory("rsa", 10, 16, None):
        thread.start()
        assert not begun.wait(0.05)
    thread.join()
    assert begun.is_set()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_few_columns_are_partitioned(metric):
    """Among so many samples that the smallest distances are sought in groups of columns."""
    rng = np.random.default_rng(7)
    ties = rng.integers(0, 4, (307, 3)).astype(float)
    copies = np.repeat([[1.0, 2.0], [-2.0, 1.0]], [7, 300], axis=0)
    for points in (rng.standard_normal((307, 3)), ties[ties.any(axis=1)], copies):
        for k in (1, 3, 7):
            whole = neighbours.kernel_of(isorep.Basis.from_array(points), metric, None, 0)
            assert neighbours.nearest(whole, k, metric).tolist() == naive_neighbours(
                points, k, metric
            )


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
@pytest.mark.parametrize("name", OF_SAMPLES)
def test_samples_are_multiplied_where_they_are(name, library, monkeypatch):
    xp = pytest.importorskip(library)
    x, y = conditioned_pair(101, 7, 5, 20, seed=8)
    expected = isorep.similarity(x, y, name)
    small_parts(monkeypatch, 8 * 101 * 7)
    shapes = []
    move = Kernel._at_device

    def moved(self, points):
        array = move(self, points)
        assert type(array) is type(xp.asarray(x))
        shapes.append(array.shape)
        return array

    monkeypatch.setattr(Kernel, "_at_device", moved)
    found = isorep.similarity(xp.asarray(x), xp.asarray(y), name)
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-12)
    assert shapes
