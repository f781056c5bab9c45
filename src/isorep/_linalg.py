"""Singular value decomposition that answers for every finite matrix, in any namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from array_api_compat import device

from isorep._arrays import Array, to_numpy


def svd(xp: Any, matrix: Array) -> tuple[Array, Array, Array]:
    """Return the thin `U, s, Vt` of a real matrix, s descending.

    The fast divide-and-conquer routine of every library can, rarely, fail to converge. QR iteration
    on the host, slower and safer, takes over.
    """
    try:
        return tuple(xp.linalg.svd(matrix, full_matrices=False))
    except (np.linalg.LinAlgError, RuntimeError):  # PyTorch's and CuPy's errors are RuntimeErrors
        parts = scipy.linalg.svd(to_numpy(matrix), full_matrices=False, lapack_driver="gesvd")
        u, s, vt = (xp.asarray(part, device=device(matrix)) for part in parts)
        return u, s, vt
