"""Same span: two layers that are linear maps of one input, so that CCA is 1 by construction."""

from __future__ import annotations

from array_api_compat import array_namespace

from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText

EQUAL = 1e-6
"""Deviation from 1 up to which a similarity is 1 up to rounding."""


def same_span(overlap: Overlap, similarity: float) -> tuple[WarningText, ...]:
    """Warn if two layers span the same directions, and are not rotations of each other.

    Only layers with more features than directions are looked at.

    Parameters
    ----------
    overlap : Overlap
    similarity : float
        Similarity by a measure that invertible linear maps do not change.
    """
    x, y = overlap.x, overlap.y
    wider = x.rank < x.n_features and y.rank < y.n_features and x.rank == y.rank > 1
    if not wider or similarity < 1 - EQUAL or overlap.n_forced:
        return ()
    xp = array_namespace(overlap.matrix)
    sx, sy = x.singular_values / x.singular_values[0], y.singular_values / y.singular_values[0]
    rotated = float(xp.max(xp.abs(sx[:, None] * overlap.matrix - overlap.matrix * sy)))
    if rotated < EQUAL:
        return ()
    return (
        WarningText(
            "same-span",
            f"x and y span the same {x.rank} directions with {x.n_features} and {y.n_features} "
            "features, so the similarity is 1 whatever else differs; this is so by construction "
            "for first linear layers at least as wide as their input",
            "compare after the nonlinearity, or use cka",
        ),
    )
