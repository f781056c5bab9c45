"""Triangular factors, against SciPy's."""

import numpy as np
import pytest
from scipy.linalg import solve_triangular

from isorep._utils.triangular import LEAF, blocked_cholesky, cholesky, solve_lower, solve_upper


@pytest.mark.parametrize("k", [1, 3, LEAF, LEAF + 1, 2 * LEAF, 3 * LEAF - 1, 300])
@pytest.mark.parametrize("columns", [1, 5])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_solutions_are_those_of_scipy(k, columns, library):
    rng = np.random.default_rng(k)
    x = rng.standard_normal((2 * k + 2, k)) * np.geomspace(1, 1e3, k)
    lower = cholesky(np, x.T @ x)
    np.testing.assert_allclose(lower @ lower.T, x.T @ x, rtol=0, atol=1e-14 * (x.T @ x).max())
    right = rng.standard_normal((columns, k)).T  # as often, not contiguous
    given = [lower, right]
    if library == "torch":
        torch = pytest.importorskip("torch")
        given = [torch.from_numpy(lower), torch.from_numpy(right)]
    for solve, transposed in ((solve_lower, "N"), (solve_upper, "T")):
        expected = solve_triangular(lower, right, lower=True, trans=transposed)
        found = np.asarray(solve(*given))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_what_has_no_factor():
    assert cholesky(np, np.ones((2, 2)) - 2 * np.eye(2)) is None
    torch = pytest.importorskip("torch")
    assert cholesky(torch, torch.ones((2, 2)) - 2 * torch.eye(2)) is None


@pytest.mark.parametrize("k", [1, 5 * LEAF, 401])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_factor_by_blocks_is_that_of_the_whole(k, library):
    x = np.random.default_rng(k).standard_normal((2 * k + 2, k))
    gram = x.T @ x
    matrix = pytest.importorskip("torch").from_numpy(gram) if library == "torch" else gram
    lower = blocked_cholesky(matrix)
    np.testing.assert_allclose(lower, cholesky(np, gram), rtol=0, atol=1e-10)
    gram[k // 2, k // 2] = gram[-1, -1] = -1.0
    assert blocked_cholesky(matrix) is None
