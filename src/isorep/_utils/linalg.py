"""Singular value decompositions that answer for every finite matrix, in any namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import device

from isorep._utils.arrays import Array, to_numpy

SMALL = 1e-6
"""Eigenvectors of ``M M^T`` tell singular values under this apart no better than to eps over it."""

TIED = 1e-9
"""Singular values closer than this leave their eigenvectors to rounding."""


def svd(xp: Any, matrix: Array) -> tuple[Array, Array, Array]:
    """Return the thin `U, s, Vt` of a real matrix, s descending.

    The fast divide-and-conquer routine of every library can, rarely, fail to converge. QR iteration
    on the host, slower and safer, takes over.
    """
    try:
        return tuple(xp.linalg.svd(matrix, full_matrices=False))
    except (np.linalg.LinAlgError, RuntimeError):  # PyTorch's and CuPy's errors are RuntimeErrors
        from scipy.linalg import svd as scipy_svd

        parts = scipy_svd(to_numpy(matrix), full_matrices=False, lapack_driver="gesvd")
        u, s, vt = (xp.asarray(part, device=device(matrix)) for part in parts)
        return u, s, vt


def svds_of_cosines(xp: Any, matrices: Array) -> list[tuple[Array, Array, Array]]:
    """Return U (p, c), s (c,) descending, and W (q, c) of each of (b, p, q) matrices of cosines.

    For what does not need both sides orthonormal to rounding: from the eigenvectors of ``M M^T`` or
    ``M^T M``, whichever is smaller, at half the cost of the SVD. The eigenvalues have lost the
    small singular values; the lengths that M gives to the vectors have not. Matrices with ties,
    whose vectors the SVD chooses with less regard to rounding, and with tiny values go to the SVD.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    m = matrices if wide else xp.matrix_transpose(matrices)
    transposed = xp.matrix_transpose(m)
    try:
        near = xp.flip(xp.linalg.eigh(m @ transposed)[1], axis=-1)
    except (np.linalg.LinAlgError, RuntimeError):
        return [_thin(xp, matrices[k, ...]) for k in range(matrices.shape[0])]
    far = transposed @ near
    s = xp.sqrt(xp.sum(far**2, axis=1))
    good = s[:, -1] >= SMALL
    if s.shape[1] > 1:
        good = good & (xp.min(s[:, :-1] - s[:, 1:], axis=1) >= TIED)
    far = far / xp.clip(s, SMALL, None)[:, None, :]
    u, w = (near, far) if wide else (far, near)
    s = xp.clip(s, 0.0, 1.0)  # only rounding carries cosines past 1
    return [
        (u[k, ...], s[k, ...], w[k, ...]) if usable else _thin(xp, matrices[k, ...])
        for k, usable in enumerate(to_numpy(good))
    ]


def _thin(xp: Any, matrix: Array) -> tuple[Array, Array, Array]:
    u, s, vt = svd(xp, matrix)
    return u, xp.clip(s, 0.0, 1.0), vt.T
