"""Triangular factors of Gram matrices, of NumPy arrays and PyTorch tensors."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from isorep._utils.arrays import Array


def solves_triangular(array: Array) -> bool:
    """Tell whether `solve_lower` takes arrays of this library."""
    return is_numpy_array(array) or is_torch_array(array)


def cholesky(xp: Any, matrix: Array) -> Array | None:
    """Return the lower triangular L of ``matrix = L L^T``; None if it is not positive definite."""
    try:
        lower: Array = xp.linalg.cholesky(matrix)
    except (np.linalg.LinAlgError, RuntimeError):  # PyTorch's error is a RuntimeError
        return None
    return lower


def solve_lower(lower: Array, right: Array) -> Array:
    """Return ``lower^(-1) @ right`` of a lower triangular matrix, (k, k), and a matrix, (k, m)."""
    return _solve(lower, right, transposed=False)


def solve_upper(lower: Array, right: Array) -> Array:
    """Return ``lower^(-T) @ right``; see `solve_lower`."""
    return _solve(lower, right, transposed=True)


def _solve(lower: Any, right: Any, *, transposed: bool) -> Array:
    if is_numpy_array(lower):
        from scipy.linalg import solve_triangular

        trans: Literal["N", "T"] = "T" if transposed else "N"
        solved: Array = solve_triangular(lower, right, lower=True, trans=trans, check_finite=False)
        return solved
    triangle = lower.mT if transposed else lower
    tensor: Array = sys.modules["torch"].linalg.solve_triangular(triangle, right, upper=transposed)
    return tensor
