"""Downdated overlap: the overlap of all samples but one, from small matrices alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.principal_axes import PrincipalAxes

Floats = NDArray[np.float64]


def without_sample(overlap: Overlap, j: int) -> Overlap:
    """Return the overlap without sample j, with second moments only; exact.

    With q the sample's row of Q, ``Q^T Q`` without it is ``I - a q q^T``, ``a = n / (n - 1)``,
    whose roots change Q only along q. So the new principal components come from an (r, r) matrix.

    Parameters
    ----------
    overlap : Overlap
        Overlap in which every direction varies in several samples.
    j : int
        Number of the sample.
    """
    n = overlap.n_samples
    a = n / (n - 1)
    q, r = to_numpy(overlap.x.q)[j], to_numpy(overlap.y.q)[j]
    x, x_rotation = _downdated(overlap.x, q, a)
    y, y_rotation = _downdated(overlap.y, r, a)
    matrix = to_numpy(overlap.matrix) - a * np.outer(q, r)
    return Overlap(x, y, x_rotation.T @ matrix @ y_rotation)


def _downdated(basis: Basis, q: Floats, a: float) -> tuple[Basis, Floats]:
    """Return the basis without a sample, and T of the new ``Q^T Q`` with ``Q_new = Q T``."""
    h = q @ q
    root = np.sqrt(1 - a * h)
    along = np.outer(q, q) / h if h > 0 else np.zeros((len(q), len(q)))
    s = to_numpy(basis.singular_values)
    identity = np.eye(len(q))
    # Loadings of the orthonormal Q (I - a q q^T)^-1/2 are (I - a q q^T)^1/2 R.
    u, values, vt = np.linalg.svd((identity + (root - 1) * along) * s)
    axes = vt @ (to_numpy(basis.loadings) / s[:, None])
    rotation = (identity + (1 / root - 1) * along) @ u
    loadings = values[:, None] * axes
    part = replace(
        basis,
        n_samples=basis.n_samples - 1,
        mean=to_numpy(basis.mean) - (q @ to_numpy(basis.loadings)) / (basis.n_samples - 1),
        axes=PrincipalAxes(
            singular_values=values,
            loadings=loadings,
            whitening=to_numpy(basis.whitening) @ rotation,
            factor=None,
            rotation=None,
        ),
        structure=None,
        sample_ids=None,
    )
    return part, np.asarray(rotation)
