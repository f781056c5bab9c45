"""Jaccard similarity of the samples' nearest neighbours."""

from __future__ import annotations

from isorep.core.overlap import Overlap
from isorep.measures import chance_levels
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.neighbour_search import Search, neighbours
from isorep.measures.neighbours import Metric, shared


@measure(
    title="Jaccard k-NN",
    formula="mean_i(|N_x(i) & N_y(i)| / |N_x(i) | N_y(i)|)",
    description="Jaccard similarity of each sample's nearest neighbours (10 by cosine by default)",
    reference="Wang et al. 2022; Klabunde et al. 2025",
    invariance="rotation",
    emphasis="distances",
    metric=True,
    requires="samples",
)
def jaccard_knn(
    overlap: Overlap,
    *,
    k: int = 10,
    metric: Metric = "cosine",
    max_samples: int | None = None,
    search: Search = "exact",
    seed: int = 0,
) -> MeasureValue:
    """Jaccard similarity of the samples' nearest neighbours.

    ``1/n sum_i |N_x(i) & N_y(i)| / |N_x(i) | N_y(i)|``, with neighbours and
    ties as in `mutual_knn`. It decreases faster than `mutual_knn`: it is 1/3 if half of the
    neighbours agree.

    Parameters
    ----------
    k, metric, max_samples, search, seed
        As for `mutual_knn`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and with
        ``metric="euclidean"`` to translation too; symmetric; in [0, 1]. The distance obeys the
        triangle inequality.

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
    >>> import numpy as np, isorep
    >>> x = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> y = np.array([[0.0], [1.0], [3.0], [-2.5]])
    >>> with isorep.silence("few-samples"):
    ...     isorep.measures.jaccard_knn(x, y, k=1, metric="euclidean").similarity
    0.75
    """
    x, y, warnings = neighbours(overlap.x, overlap.y, k, metric, max_samples, seed, search)
    both = shared(x, y)
    similarity = float((both / (2 * k - both)).mean())
    return MeasureValue(
        similarity,
        overlap,
        warnings=warnings,
        chance=chance_levels.jaccard_of_neighbours(k, len(x)),
    )
