"""Singular values of a matrix of cosines: small, equal and large ones, and vectors on demand."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from isorep._utils.cosine_svd import CosineSVD, cosine_svd
from isorep._utils.linalg import stacked_svds_of_cosines


def cosines(rows, columns, s):
    """Return a matrix with these singular values and random vectors."""
    rng = np.random.default_rng(0)
    u, w = (np.linalg.qr(rng.standard_normal((size, len(s))))[0] for size in (rows, columns))
    return (u * s) @ w.T


VALUES = {
    "large and small": np.geomspace(1.0, 1e-5, 12),
    "around the change": np.linspace(0.11, 0.09, 12),
    "all small": np.linspace(0.05, 0.01, 12),
    "all large": np.linspace(1.0, 0.2, 12),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("shape", [(12, 12), (12, 30), (30, 12)])
def test_it_is_the_svd(name, shape):
    s, matrix = VALUES[name], cosines(*shape, VALUES[name])
    parts = cosine_svd(xp, matrix)
    assert isinstance(parts, CosineSVD)
    np.testing.assert_allclose(parts[1], s, rtol=0, atol=1e-14)
    u, rho, w = parts
    np.testing.assert_allclose((u * rho) @ w.T, matrix, rtol=0, atol=1e-14)
    for side in (u, w):
        np.testing.assert_allclose(np.linalg.norm(side, axis=0), 1, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_swapped_it_is_that_of_the_transpose(shape):
    parts = cosine_svd(xp, cosines(*shape, VALUES["all large"]))
    before = parts.swap()
    u, s, w = parts
    for swapped in (before, parts.swap()):
        for part, expected in zip(swapped, (w, s, u), strict=True):
            np.testing.assert_array_equal(part, expected)
    assert parts.swap()[2 if shape[0] > shape[1] else 0] is parts[0 if shape[0] > shape[1] else 2]


@pytest.mark.parametrize("s", [[0.9, 0.5, 0.5, 0.1], [0.9, 0.5, 0.1, 1e-8], [0.9, 0.5, 0.1, 0.0]])
def test_equal_and_tiny_values_go_to_the_svd(s):
    matrix = cosines(4, 9, np.array(s))
    u, rho, w = cosine_svd(xp, matrix)
    np.testing.assert_allclose(rho, s, rtol=0, atol=1e-15)
    for side in (u, w):
        np.testing.assert_allclose(side.T @ side, np.eye(4), rtol=0, atol=1e-14)


@pytest.mark.parametrize("small", [1e-3, 1e-4, 1e-5, 2e-6])
def test_small_values_close_to_each_other_have_the_vectors_of_the_svd(small):
    gap = 1.5e-9
    matrix = cosines(4, 9, np.array([0.9, 0.5, small + gap, small]))
    expected, *_ = np.linalg.svd(matrix, full_matrices=False)
    stack = stacked_svds_of_cosines(xp, matrix[None])
    for vectors in (cosine_svd(xp, matrix)[0], stack[0][0]):
        np.testing.assert_allclose(abs(vectors), abs(expected), rtol=0, atol=1e-5)


def test_no_value_exceeds_one():
    assert max(cosine_svd(xp, cosines(3, 3, np.array([1 + 1e-12, 0.9, 0.5])))[1]) == 1.0
