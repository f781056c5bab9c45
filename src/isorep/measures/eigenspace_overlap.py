"""Eigenspace overlap: how much of the larger span of samples the two sides share."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures import chance_levels
from isorep.measures.base import Measure, MeasureValue


def _compute(overlap: Overlap) -> MeasureValue:
    xp = array_namespace(overlap.matrix)
    shared = float(xp.sum(overlap.matrix**2))
    return MeasureValue(shared / max(overlap.x.rank, overlap.y.rank), overlap, whitened=True)


EIGENSPACE_OVERLAP = Measure(
    name="eigenspace_overlap",
    formula="||M||_F^2 / max(rx, ry)",
    description="squared overlap of the two spans, as a share of the larger",
    reference="May et al. 2019 (eigenspace overlap score, here of centred data)",
    function=_compute,
    invariance="linear",
    chance_rule=chance_levels.shared_span,
)


def eigenspace_overlap(
    x: Any, y: Any, *, correct: bool = False, seed: int = 0, solver: Solver = "auto"
) -> Score:
    """Eigenspace overlap score: the share of the larger span of samples that both sides have.

    ``similarity = ||Qx^T Qy||_F^2 / max(rx, ry)``, Q the left singular vectors. Unlike
    `cca_squared`, which divides by the smaller rank, it is below 1 where one side merely contains
    the other. It predicts how well linear models do on a compressed copy of x. The paper takes the
    data as they are; here they are centred, as for every measure.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

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
    return EIGENSPACE_OVERLAP.between(x, y, solver=solver, correct=correct, seed=seed)
