"""Procrustes maps: the rotation or reflection that brings one side closest to the other."""

from __future__ import annotations

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.alignment.linear_maps import LinearMaps, thin_svd
from isorep.core.overlap import Overlap

UNRELATED = 1e-12
"""Similarity below which the scale that fits best is 0 to rounding."""


def procrustes_maps(overlap: Overlap, scale: bool) -> LinearMaps:
    """Return the maps ``s R`` and ``R^T / s`` that minimise ``||s Xc R - Yc||_F``.

    ``R = U V^T`` for ``Xc^T Yc = U S V^T``, and ``s = sum(S) / ||Xc||_F^2``, or 1 without `scale`.
    If the ranks differ, R keeps the directions of the larger side that the smaller one takes.

    Raises
    ------
    ValueError
        If the sides are unrelated to rounding, so that the scale would be 0.
    """
    sides = overlap.x, overlap.y
    sx, sy = (to_numpy(side.singular_values / side.singular_values[0]) for side in sides)
    u, values, vt = thin_svd(sx[:, None] * to_numpy(overlap.matrix) * sy)
    # Principal axes, orthonormal rows.
    x_axes, y_axes = (to_numpy(side.loadings / side.singular_values[:, None]) for side in sides)
    rotation = (x_axes.T @ u) @ (vt @ y_axes)
    if not scale:
        return LinearMaps(rotation, rotation.T)
    if values.sum() <= UNRELATED * np.linalg.norm(sx) * np.linalg.norm(sy):
        raise ValueError("x and y are unrelated, so the best scale is 0: pass scale=False")
    x_size, y_size = (float(side.singular_values[0]) for side in sides)
    factor = float(values.sum() / np.sum(sx**2)) * y_size / x_size
    return LinearMaps(factor * rotation, rotation.T / factor)
