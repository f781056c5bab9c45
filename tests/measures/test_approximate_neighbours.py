"""Approximate neighbours: their recall is measured and stated."""

import sys

import numpy as np
import pytest
from helpers.oracle import conditioned_pair, rotation

import isorep
from isorep.measures import approximate_neighbours, neighbour_search
from isorep.measures.neighbours import kernel_of, nearest

NEIGHBOURS = ["mutual_knn", "jaccard_knn", "rank_similarity", "second_order_cosine"]


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss")


@pytest.mark.usefixtures("faiss")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_recall_is_that_of_all_samples(metric, monkeypatch):
    monkeypatch.setattr(approximate_neighbours, "ENOUGH", 0.6)
    x = np.random.default_rng(0).standard_normal((2000, 12))
    x[:30] = 0
    x[40:60] = x[40]  # copies: ties come by their index
    kernel = kernel_of(isorep.Basis.from_array(x), metric, None, 0)
    exact = nearest(kernel, 5, metric)
    found, recall = approximate_neighbours.approximate(kernel, 5, metric, 0)
    assert not (found == np.arange(2000)[:, None]).any()
    assert (np.diff(np.sort(found, axis=1)) > 0).all()  # no neighbour comes twice
    right = (found[:, :, None] == exact[:, None, :]).any(axis=1).mean()
    assert 0.5 < right < 1
    assert recall == pytest.approx(right, abs=0.05)
    np.testing.assert_array_equal(found[40:60], exact[40:60])
    if metric == "cosine":
        np.testing.assert_array_equal(found[:30], exact[:30])


@pytest.mark.usefixtures("faiss")
def test_all_clusters_find_the_exact_neighbours(monkeypatch):
    monkeypatch.setattr(approximate_neighbours, "ENOUGH", 1.1)
    monkeypatch.setattr(approximate_neighbours, "LAST_SHARE", 1.0)
    x = np.random.default_rng(1).standard_normal((1000, 4))
    kernel = kernel_of(isorep.Basis.from_array(x), "euclidean", None, 0)
    found, recall = approximate_neighbours.approximate(kernel, 7, "euclidean", 0)
    np.testing.assert_array_equal(found, nearest(kernel, 7, "euclidean"))
    assert recall == 1


@pytest.mark.usefixtures("faiss")
def test_clusters_with_too_few_samples_are_no_neighbours(monkeypatch):
    monkeypatch.setattr(approximate_neighbours, "LAST_SHARE", 0.0)
    x = np.random.default_rng(2).standard_normal((700, 4))
    kernel = kernel_of(isorep.Basis.from_array(x), "euclidean", None, 0)
    found, recall = approximate_neighbours.approximate(kernel, 300, "euclidean", 0)
    np.testing.assert_array_equal(found, nearest(kernel, 300, "euclidean"))
    assert recall == 1


@pytest.mark.usefixtures("faiss")
@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_warning_states_the_recall(name, monkeypatch):
    x, y = conditioned_pair(1500, 7, 5, 20, seed=3)
    exact = isorep.similarity(x, y, name)
    assert exact == isorep.similarity(x, y, name, search="exact")
    # As few samples are searched exactly.
    assert isorep.similarity(x, y, name, search="approximate") == exact
    monkeypatch.setattr(neighbour_search, "MOST_EXACT", 1000)
    assert isorep.similarity(x, y, name, search="approximate", max_samples=900).warnings == ()
    with pytest.warns(isorep.CodedWarning, match=r"nearest neighbours of 500 samples it found \d"):
        found = isorep.similarity(x, y, name, search="approximate")
    assert found.similarity == pytest.approx(exact.similarity, abs=0.05)
    (text,) = found.warnings
    assert text.code == "approximate-neighbours"
    with isorep.silence("approximate-neighbours"):
        turned = 3 * x @ rotation(np.random.default_rng(0), 7)
        same = isorep.similarity(x, turned, name, search="approximate").similarity
        assert same == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="unknown search 'exat'; did you mean 'exact"):
        isorep.similarity(x, y, name, search="exat")


@pytest.mark.usefixtures("faiss")
def test_a_table_states_the_recall(monkeypatch):
    monkeypatch.setattr(neighbour_search, "MOST_EXACT", 1000)
    x, y = conditioned_pair(1500, 7, 5, 20, seed=4)
    measures = "mutual_knn(search=approximate)"
    table = isorep.compare({"a": x}, {"b": y}, measures=measures, progress=False)
    assert table["warnings"].item().endswith("in y [approximate-neighbours]")


def test_without_faiss_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(neighbour_search, "MOST_EXACT", 100)
    x, y = conditioned_pair(150, 7, 5, 20, seed=5)
    with pytest.raises(ImportError, match=r"pip install 'isorep\[knn\]'"):
        isorep.measures.mutual_knn(x, y, search="approximate")
