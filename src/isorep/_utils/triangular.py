"""Triangular factors of Gram matrices, of any array library."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from isorep._utils.arrays import Array

LEAF = 64
"""Rows of a triangular matrix that are solved at once."""


def cholesky(xp: Any, matrix: Array) -> Array | None:
    """Return the lower triangular L of ``matrix = L L^T``; None if it is not positive definite."""
    try:
        lower: Array = xp.linalg.cholesky(matrix)
    except (np.linalg.LinAlgError, RuntimeError):  # PyTorch's error is a RuntimeError
        return None
    if not bool(xp.all(xp.isfinite(xp.linalg.diagonal(lower)))):  # JAX raises no error
        return None
    return lower


def blocked_cholesky(matrix: Array) -> Array | None:
    """Do as `cholesky`, by blocks, so that nearly all of it is products.

    NumPy's routine copies the matrix from rows to columns and back, which takes as long as the
    factorisation.
    """
    xp, k = array_namespace(matrix), matrix.shape[0]
    if k <= 4 * LEAF or is_torch_array(matrix):
        return cholesky(xp, matrix)
    half = _half(k)
    first = blocked_cholesky(matrix[:half, :half])
    if first is None:
        return None
    corner = solve_lower(first, matrix[:half, half:])
    second = blocked_cholesky(matrix[half:, half:] - corner.T @ corner)
    if second is None:
        return None
    lower: Array = xp.concat(
        [
            xp.concat([first, xp.zeros_like(corner)], axis=1),
            xp.concat([corner.T, second], axis=1),
        ],
        axis=0,
    )
    return lower


def solve_lower(lower: Array, right: Array) -> Array:
    """Return ``lower^(-1) @ right`` of a lower triangular matrix, (k, k), and a matrix, (k, m).

    By blocks, so that nearly all of it is products. SciPy has a routine, but its own threads, which
    wait busily after each call and slow down NumPy's.
    """
    if is_torch_array(lower):
        tensor: Array = sys.modules["torch"].linalg.solve_triangular(lower, right, upper=False)
        return tensor
    xp, k = array_namespace(lower), lower.shape[0]
    if k <= LEAF:
        leaf: Array = xp.linalg.solve(lower, right)
        return leaf
    half = _half(k)
    first = solve_lower(lower[:half, :half], right[:half, :])
    rest = right[half:, :] - lower[half:, :half] @ first
    solved: Array = xp.concat([first, solve_lower(lower[half:, half:], rest)], axis=0)
    return solved


def solve_upper(lower: Array, right: Array) -> Array:
    """Return ``lower^(-T) @ right``; see `solve_lower`."""
    if is_torch_array(lower):
        transposed: Any = lower.T
        tensor: Array = sys.modules["torch"].linalg.solve_triangular(transposed, right, upper=True)
        return tensor
    xp, k = array_namespace(lower), lower.shape[0]
    if k <= LEAF:
        leaf: Array = xp.linalg.solve(lower.T, right)
        return leaf
    half = _half(k)
    second = solve_upper(lower[half:, half:], right[half:, :])
    rest = right[:half, :] - lower[half:, :half].T @ second
    solved: Array = xp.concat([solve_upper(lower[:half, :half], rest), second], axis=0)
    return solved


def _half(k: int) -> int:
    """Return about half of k, a multiple of `LEAF`."""
    return -(-k // (2 * LEAF)) * LEAF
