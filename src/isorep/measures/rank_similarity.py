"""Rank similarity: whether the neighbours that two sides share come in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np

from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.neighbours import Metric, neighbours, shared


def _compute(
    overlap: Overlap,
    k: int = 10,
    metric: Metric = "cosine",
    max_samples: int | None = None,
    seed: int = 0,
) -> MeasureValue:
    same = shared(*neighbours(overlap.x, overlap.y, k, metric, max_samples, seed))
    rank = np.arange(1, k + 1)
    x_rank, y_rank = rank[:, None], rank
    found = (same * (2 / ((1 + np.abs(x_rank - y_rank)) * (x_rank + y_rank)))).sum(axis=(1, 2))
    most = np.concatenate([[1.0], np.cumsum(1 / rank)])  # nothing shared: 0 / 1
    return MeasureValue(float((found / most[same.sum(axis=(1, 2))]).mean()), overlap)


RANK_SIMILARITY = Measure(
    name="rank_similarity",
    formula="mean_i(sum_j 2 / ((1 + |r_x - r_y|) (r_x + r_y)) / sum_(s <= |N_x & N_y|) 1/s)",
    description="order of the neighbours shared among each sample's 10 nearest by cosine",
    reference="Wang et al. 2020; Klabunde et al. 2025",
    function=_compute,
    invariance="rotation",
    requires="samples",
)


def rank_similarity(
    x: Any,
    y: Any,
    *,
    k: int = 10,
    metric: Metric = "cosine",
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Rank similarity: whether shared neighbours are ranked alike, the nearest counting most.

    The mean over samples i of ``sum_j 2 / ((1 + |r_x(j) - r_y(j)|) (r_x(j) + r_y(j)))`` over the
    neighbours j that both sides share, divided by its greatest value for so many, ``1 + 1/2 + ... +
    1 / |N_x(i) & N_y(i)|``; 0 where none is shared. ``r_x(j)`` is the rank of j among the
    neighbours of i in x, 1 the nearest. Neighbours and ties are as in `mutual_knn`.

    It judges the order of the neighbours shared, however few: read it beside `jaccard_knn`.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    k, metric, max_samples, seed
        As for `mutual_knn`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and with
        ``metric="euclidean"`` to translation too; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        As for `mutual_knn`.

    References
    ----------
    Wang, Rao, Zhang, Qin and Wang 2020, Towards understanding the instability of network embedding.
    Klabunde, Schumacher, Strohmaier and Lemmerich 2025, Similarity of neural network models.

    Examples
    --------
    Every sample's two neighbours are the same; for the middle one alone, in the other order:

    >>> import numpy as np, isorep
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> y = np.array([[0.0], [2.0], [3.0]])
    >>> rank_similarity = isorep.measures.rank_similarity
    >>> round(rank_similarity(x, y, k=2, metric="euclidean").similarity, 4)
    0.8148
    """
    return RANK_SIMILARITY.between(
        x, y, solver=solver, k=k, metric=metric, max_samples=max_samples, seed=seed
    )
