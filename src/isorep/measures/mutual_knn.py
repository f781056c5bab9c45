"""Mutual k-nearest neighbours: the share of a sample's neighbours that both sides have."""

from __future__ import annotations

from isorep.core.overlap import Overlap
from isorep.measures import chance_levels
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.neighbour_search import Search, neighbours
from isorep.measures.neighbours import Metric, shared


@measure(
    title="mutual k-NN",
    formula="mean_i(|N_x(i) & N_y(i)| / k)",
    description="share of nearest neighbours (10 by cosine by default) that both sides have",
    reference="Huh et al. 2024, appendix A",
    invariance="rotation",
    emphasis="distances",
    metric=True,
    requires="samples",
)
def mutual_knn(
    overlap: Overlap,
    *,
    k: int = 10,
    metric: Metric = "cosine",
    max_samples: int | None = None,
    search: Search = "exact",
    seed: int = 0,
) -> MeasureValue:
    """Mutual k-nearest neighbours: the mean share of neighbours that x and y agree on.

    ``1/n sum_i |N_x(i) & N_y(i)| / k``, where ``N_x(i)`` are the k samples nearest to sample i in
    x, without i itself. Unrelated data score about k / (n - 1), so compare only scores of equal n
    and k.

    Among samples that are equally near, up to rounding (such as copies of one sample), the lower
    index comes first; two sides with many ties then agree more than by chance. A sample of zeros
    has cosine 0 with every other sample.

    It is computed in blocks of rows, without an n x n matrix. Time grows as n^2 (p + q), unless the
    search is approximate.

    Parameters
    ----------
    k : int
        Number of neighbours of each sample, in [1, n - 1].
    metric : {"cosine", "euclidean"}
        How to measure nearness: cosine of the samples, not centred, as in the paper; or Euclidean
        distance.
    max_samples : int, optional
        Compare at most this many samples, drawn at random, the same of x and y. Neighbours are
        those among the samples drawn.
    search : {"exact", "approximate"}
        "approximate" seeks the neighbours of more than 20,000 samples in clusters of samples, which
        is faster (``pip install 'isorep[knn]'``). A warning says which share of the exact
        neighbours of 500 samples it found; a missed neighbour may lower the similarity. Up to
        20,000 samples, the search is exact.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and with
        ``metric="euclidean"`` to translation too; symmetric; in [0, 1]. The distance obeys the
        triangle inequality.

    Raises
    ------
    ValueError
        If `metric` or `search` is unknown, or `k` is not in [1, n - 1].
    ImportError
        If an approximate search needs faiss, which is not installed.

    References
    ----------
    Huh, Cheung, Wang and Isola 2024, The platonic representation hypothesis, appendix A.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> isorep.measures.mutual_knn(x, 3 * x[:, ::-1]).similarity
    1.0
    >>> round(isorep.measures.mutual_knn(x, x[:, :2]).similarity, 2)
    0.24
    """
    x, y, warnings = neighbours(overlap.x, overlap.y, k, metric, max_samples, seed, search)
    similarity = float(shared(x, y).mean() / k)
    return MeasureValue(
        similarity, overlap, warnings=warnings, chance=chance_levels.shared_neighbours(k, len(x))
    )
