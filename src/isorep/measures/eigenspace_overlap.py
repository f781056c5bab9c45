"""Eigenspace overlap: the share of the larger span of samples that the two sides share."""

from __future__ import annotations

from array_api_compat import array_namespace

from isorep.core.overlap import Overlap
from isorep.measures import chance_levels
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure


@measure(
    formula="||M||_F^2 / max(rx, ry)",
    description="squared overlap of the two spans, as a share of the larger",
    reference="May et al. 2019 (eigenspace overlap score, here of centred data)",
    invariance="linear",
    any_axes=True,
    emphasis="equal",
    chance_rule=chance_levels.shared_span,
)
def eigenspace_overlap(overlap: Overlap) -> MeasureValue:
    """Eigenspace overlap score: the part of the larger span of samples that both sides share.

    ``similarity = ||Qx^T Qy||_F^2 / max(rx, ry)``, where Q are the left singular vectors. Unlike
    `cca_squared`, which divides by the smaller rank, it is below 1 if one side merely contains the
    other. It predicts how well linear models perform on a compressed copy of x. The paper does not
    centre the data; here they are centred, as for most measures.

    Returns
    -------
    Score
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    References
    ----------
    May, Zhang, Dao and Re 2019, On the downstream performance of compressed word embeddings.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> round(isorep.measures.eigenspace_overlap(x, x[:, :3]).similarity, 9)
    0.75
    """
    shared = float(array_namespace(overlap.whitened).sum(overlap.whitened**2))
    return MeasureValue(shared / max(overlap.x.rank, overlap.y.rank), overlap, whitened=True)
