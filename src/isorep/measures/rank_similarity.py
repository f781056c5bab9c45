"""Rank similarity: whether shared neighbours have the same order on both sides."""

from __future__ import annotations

import numpy as np

from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.neighbour_search import Search, neighbours
from isorep.measures.neighbours import Metric, shared


@measure(
    formula="mean_i(sum_j 2 / ((1 + |r_x - r_y|) (r_x + r_y)) / sum_(s <= |N_x & N_y|) 1/s)",
    description="agreement in order of shared nearest neighbours (of 10 by cosine by default)",
    reference="Wang et al. 2022; Klabunde et al. 2025",
    invariance="rotation",
    emphasis="distances",
    requires="samples",
)
def rank_similarity(
    overlap: Overlap,
    *,
    k: int = 10,
    metric: Metric = "cosine",
    max_samples: int | None = None,
    search: Search = "exact",
    seed: int = 0,
) -> MeasureValue:
    """Rank similarity: whether shared neighbours have the same ranks; near ones count more.

    The mean over samples i of ``sum_j 2 / ((1 + |r_x(j) - r_y(j)|) (r_x(j) + r_y(j)))`` over the
    neighbours j that both sides share, divided by its greatest value, ``1 + 1/2 + ... + 1 / |N_x(i)
    & N_y(i)|``; 0 if no neighbour is shared. ``r_x(j)`` is the rank of j among the neighbours of i
    in x, 1 for the nearest. Neighbours and ties are as in `mutual_knn`.

    It considers only the order of shared neighbours, even if they are few; use it together with
    `jaccard_knn`.

    Parameters
    ----------
    k, metric, max_samples, search, seed
        As for `mutual_knn`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and with
        ``metric="euclidean"`` to translation too; symmetric; in [0, 1].

    Raises
    ------
    ValueError
        As for `mutual_knn`.

    References
    ----------
    Wang, Rao, Guo, Wang, Liu and Guan 2022, Towards understanding the instability of network
    embedding. Klabunde, Schumacher, Strohmaier and Lemmerich 2025, Similarity of neural network
    models.

    Examples
    --------
    Every sample has the same two neighbours on both sides; the middle one in another order:

    >>> import numpy as np, isorep
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> y = np.array([[0.0], [2.0], [3.0]])
    >>> rank_similarity = isorep.measures.rank_similarity
    >>> with isorep.silence("few-samples"):
    ...     round(rank_similarity(x, y, k=2, metric="euclidean").similarity, 4)
    0.8148
    """
    x, y, warnings = neighbours(overlap.x, overlap.y, k, metric, max_samples, seed, search)
    rank = np.arange(1, k + 1)
    x_rank, y_rank = rank[:, None], rank
    weights = 2 / ((1 + np.abs(x_rank - y_rank)) * (x_rank + y_rank))
    greatest = np.concatenate([[1.0], np.cumsum(1 / rank)])  # no shared neighbour: 0 / 1
    similarities = shared(x, y, weights) / greatest[shared(x, y).astype(np.int64)]
    return MeasureValue(float(similarities.mean()), overlap, warnings=warnings)
