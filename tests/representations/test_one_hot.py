"""One-hot labels: columns, ranks, and labels that are no classes."""

import numpy as np
import pandas
import pytest

import isorep


def test_columns_are_the_sorted_classes():
    labels = np.array([3, 1, 7, 3])
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    np.testing.assert_array_equal(isorep.one_hot(labels), expected)
    names = ["s", "aa", "zh", "s"]
    for same in (names, np.array(names, dtype=object), pandas.Categorical(names)):
        found = isorep.one_hot(same)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float64
    np.testing.assert_array_equal(isorep.one_hot([True, False]), [[0, 1], [1, 0]])


@pytest.mark.parametrize("name", ["cca", "pwcca"])
def test_k_classes_have_k_minus_1_directions(name):
    """Class means of a layer explain the classes: canonical correlations by their formula."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 400)
    x = rng.standard_normal((5, 8))[labels] + rng.standard_normal((400, 8))
    score = isorep.similarity(x, isorep.one_hot(labels), name)
    assert (score.x_rank, score.y_rank) == (8, 4)
    # Squared correlations are the eigenvalues of between-class over total scatter.
    total = np.cov(x.T, bias=True)
    means = np.array([x[labels == k].mean(axis=0) for k in range(5)])
    between = np.cov(means.T, bias=True, fweights=np.bincount(labels))
    squares = np.sort(np.linalg.eigvals(np.linalg.solve(total, between)).real)[::-1][:4]
    found = isorep.overlap(x, isorep.one_hot(labels)).correlations
    np.testing.assert_allclose(found, np.sqrt(squares), rtol=1e-10)
    if name == "cca":
        assert score.similarity == pytest.approx(np.sqrt(squares).mean(), rel=1e-10)


def test_labels_of_representations():
    layers = isorep.Representations({"fc": np.eye(3)}, labels=["a", "b", "a"])
    np.testing.assert_array_equal(isorep.one_hot(layers.labels), [[1, 0], [0, 1], [1, 0]])


def test_refuses_what_is_no_label_of_a_class():
    with pytest.raises(ValueError, match=r"1-D array .* got shape \(2, 2\)"):
        isorep.one_hot(np.eye(2))
    with pytest.raises(ValueError, match=r"1 of 3 labels are missing .* in row 1"):
        isorep.one_hot([1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match=r"without missing ones, got shape .* dtype object"):
        isorep.one_hot(["a", None])
    with pytest.raises(ValueError, match="at least 2 classes, got 1 in 2 samples"):
        isorep.one_hot(["a", "a"])
    with pytest.raises(ValueError, match="each of the 9 labels is a class of its own"):
        isorep.one_hot(np.random.default_rng(0).standard_normal(9))
