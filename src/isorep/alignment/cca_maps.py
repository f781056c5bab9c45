"""CCA maps: from the canonical variates of one side to those of the other."""

from __future__ import annotations

from isorep._utils.arrays import to_numpy
from isorep._utils.validation import as_integer
from isorep.alignment.linear_maps import LinearMaps
from isorep.core.overlap import Overlap


def cca_maps(overlap: Overlap, n_components: int | None) -> LinearMaps:
    """Return the maps that send each canonical variate of one side to its partner.

    ``forward = D_x L_y`` and ``backward = D_y L_x``, with D the weights of the variates,
    ``(x - mean) D_x = u``, and L their loadings, ``L_y = v^T (y - mean)``, of the first
    `n_components` pairs.

    Raises
    ------
    ValueError
        If `n_components` is not from 1 to the number of canonical correlations.
    """
    c = overlap.correlations.shape[0]
    k = c if n_components is None else as_integer(n_components, "n_components")
    if not 1 <= k <= c:
        raise ValueError(
            f"n_components must be from 1 to {c}, the number of canonical correlations, got {k}"
        )
    return LinearMaps(
        to_numpy(overlap.x_directions[:, :k] @ overlap.y_loadings[:k]),
        to_numpy(overlap.y_directions[:, :k] @ overlap.x_loadings[:k]),
    )
