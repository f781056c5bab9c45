"""Cosine SVD: singular values of a matrix of cosines, and the vectors of each side on demand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import SMALL, separated, svd_of_cosines

FROM_EIGENVALUES = 0.1
"""Least singular value that the root of an eigenvalue of ``M M^T`` gives to about 1e-15."""


@dataclass(frozen=True, eq=False)
class CosineSVD:
    """U (p, c), s (c,) descending and W (q, c) of a (p, q) matrix of cosines M, by its index.

    The vectors of the narrower side are eigenvectors of ``M M^T`` or ``M^T M``. The vectors of the
    other side are their images, computed at the first access.

    Attributes
    ----------
    matrix : (p, q) array
        M.
    near : (k, k) array
        Vectors of the narrower side.
    s : (k,) array
        Singular values.
    wide : bool
        Whether the narrower side is that of the rows.
    known_far : array or None
        Vectors of the other side, if they are known.
    """

    matrix: Array
    near: Array
    s: Array
    wide: bool
    known_far: Array | None = None

    def __getitem__(self, part: int) -> Array:
        if part == 1:
            return self.s
        if part not in (0, 2):
            raise IndexError(part)
        return self.near if (part == 0) == self.wide else self._far

    @cached_property
    def _far(self) -> Array:
        if self.known_far is not None:
            return self.known_far
        m = self.matrix.T if self.wide else self.matrix
        xp = array_namespace(m)
        images = m @ self.near
        far: Array = images / xp.sqrt(xp.sum(images**2, axis=0))
        return far

    def swap(self) -> CosineSVD:
        """Return the decomposition of the transposed matrix, with what is computed so far."""
        far = vars(self).get("_far", self.known_far)
        return replace(self, matrix=self.matrix.T, wide=not self.wide, known_far=far)


def cosine_svd(xp: Any, matrix: Array) -> CosineSVD | tuple[Array, Array, Array]:
    """Return U, s and W of a matrix of cosines, not both orthonormal to rounding.

    Less than half the cost of the SVD, if the vectors of one side are enough. Eigenvalues lose
    small singular values to rounding, so these are the norms of the images of their vectors. A
    matrix with tied or tiny singular values goes to the SVD.
    """
    wide = matrix.shape[0] <= matrix.shape[1]
    m = matrix if wide else matrix.T
    try:
        squares, vectors = xp.linalg.eigh(m @ m.T)
    except (np.linalg.LinAlgError, RuntimeError):
        return svd_of_cosines(xp, matrix)
    # Eigenvalues ascend: the first ones are the small ones.
    n_small = int(xp.count_nonzero(~(squares >= FROM_EIGENVALUES**2)))
    images = m.T @ vectors[:, :n_small]
    norms = xp.sqrt(xp.sum(images**2, axis=0))
    s = xp.flip(xp.concat([norms, xp.sqrt(squares[n_small:])]), axis=0)
    if not bool(s[-1] >= SMALL) or not bool(separated(xp, s)):
        return svd_of_cosines(xp, matrix)
    # Only rounding makes a cosine exceed 1.
    return CosineSVD(matrix, xp.flip(vectors, axis=1), xp.clip(s, max=1.0), wide)
