"""Singular value decompositions of every finite matrix, of any array library."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import device

from isorep._utils.arrays import Array, to_numpy

SMALL = 1e-6
"""Eigenvectors of ``M M^T`` of smaller singular values err by more than eps / SMALL."""

TIED = 1e-9
"""Singular values closer than this have eigenvectors that rounding decides."""

TIED_SQUARES = 1e-10
"""Squares closer than this have eigenvectors of ``M M^T`` that err by more than about 1e-6."""


def svd(xp: Any, matrix: Array) -> tuple[Array, Array, Array]:
    """Return the thin `U, s, Vt` of a real matrix, s descending.

    The fast divide-and-conquer routine of each library fails to converge for rare matrices. Then
    the slower, safer QR iteration runs on the CPU.
    """
    try:
        return tuple(xp.linalg.svd(matrix, full_matrices=False))
    except (np.linalg.LinAlgError, RuntimeError):  # PyTorch's and CuPy's errors are RuntimeErrors
        from scipy.linalg import svd as scipy_svd

        parts = scipy_svd(to_numpy(matrix), full_matrices=False, lapack_driver="gesvd")
        u, s, vt = (xp.asarray(part, device=device(matrix)) for part in parts)
        return u, s, vt


def singular_values(xp: Any, matrices: Array) -> Array:
    """Return the singular values, (..., c) descending, of real matrices, (..., p, q)."""
    try:
        values: Array = xp.linalg.svdvals(matrices)
    except (np.linalg.LinAlgError, RuntimeError):
        p, q = matrices.shape[-2:]
        flat = xp.reshape(matrices, (-1, p, q))
        parts = xp.stack([svd(xp, flat[k, ...])[1] for k in range(flat.shape[0])])
        values = xp.reshape(parts, (*matrices.shape[:-2], min(p, q)))
    return values


def svds_of_cosines(xp: Any, matrices: Array) -> list[tuple[Array, Array, Array]]:
    """Return U (p, c), s (c,) and W (q, c) of each of (b, p, q) matrices of cosines.

    See `stacked_svds_of_cosines`.
    """
    u, s, w = stacked_svds_of_cosines(xp, matrices)
    return [(u[k, ...], s[k, ...], w[k, ...]) for k in range(matrices.shape[0])]


def stacked_svds_of_cosines(xp: Any, matrices: Array) -> tuple[Array, Array, Array]:
    """Return U (b, p, c), s (b, c) descending, and W (b, q, c) of (b, p, q) matrices of cosines.

    Half the cost of the SVD, but U and W are not both orthonormal to rounding. The vectors of one
    side are eigenvectors of ``M M^T`` or ``M^T M``, whichever is smaller; s is the norms of their
    images under M, because eigenvalues lose small singular values to rounding. Matrices with tied
    or tiny singular values go to the SVD.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    m = matrices if wide else xp.matrix_transpose(matrices)
    transposed = xp.matrix_transpose(m)
    try:
        near = xp.flip(xp.linalg.eigh(m @ transposed)[1], axis=-1)
    except (np.linalg.LinAlgError, RuntimeError):
        return _stacked(
            [svd_of_cosines(xp, matrices[k, ...]) for k in range(matrices.shape[0])], xp
        )
    far = transposed @ near
    s = xp.sqrt(xp.sum(far**2, axis=1))
    good = (s[:, -1] >= SMALL) & separated(xp, s)
    far = far / xp.clip(s, min=SMALL)[:, None, :]
    u, w = (near, far) if wide else (far, near)
    s = xp.clip(s, max=1.0)  # only rounding makes a cosine exceed 1
    usable = to_numpy(good)
    if usable.all():
        return u, s, w
    return _stacked(
        [
            (u[k, ...], s[k, ...], w[k, ...]) if usable[k] else svd_of_cosines(xp, matrices[k, ...])
            for k in range(matrices.shape[0])
        ],
        xp,
    )


def separated(xp: Any, s: Array) -> Array:
    """Tell for which s, (..., c) descending, rounding leaves eigenvectors of ``M M^T`` accurate."""
    gaps = s[..., :-1] - s[..., 1:]
    of_squares = gaps * (s[..., :-1] + s[..., 1:])
    apart: Array = xp.all((gaps >= TIED) & (of_squares >= TIED_SQUARES), axis=-1)
    return apart


def _stacked(parts: list[tuple[Array, Array, Array]], xp: Any) -> tuple[Array, Array, Array]:
    u, s, w = (xp.stack(list(part)) for part in zip(*parts, strict=True))
    return u, s, w


def svd_of_cosines(xp: Any, matrix: Array) -> tuple[Array, Array, Array]:
    """Return U (p, c), s (c,) descending, at most 1, and W (q, c), both orthonormal to rounding."""
    u, s, vt = svd(xp, matrix)
    return u, xp.clip(s, max=1.0), vt.T
