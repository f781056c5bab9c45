"""Mutual k-nearest neighbours: how many neighbours a sample keeps from one side to the other."""

from __future__ import annotations

from typing import Any

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
    x, y = neighbours(overlap.x, overlap.y, k, metric, max_samples, seed)
    return MeasureValue(float(shared(x, y).sum(axis=(1, 2)).mean() / k), overlap)


MUTUAL_KNN = Measure(
    name="mutual_knn",
    formula="mean_i(|N_x(i) & N_y(i)| / k)",
    description="share of each sample's 10 nearest by cosine that is the same on both sides",
    reference="Huh et al. 2024, appendix A",
    function=_compute,
    invariance="rotation",
    metric=True,
    requires="samples",
)


def mutual_knn(
    x: Any,
    y: Any,
    *,
    k: int = 10,
    metric: Metric = "cosine",
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Mutual k-nearest neighbours: the mean share of neighbours that x and y agree on.

    ``1/n sum_i |N_x(i) & N_y(i)| / k``, where ``N_x(i)`` are the k samples nearest to sample i in
    x, itself excluded. Unrelated data scores about k / (n - 1), so compare at equal n and k only.

    Among samples that are equally near, up to rounding (copies of one sample, say), the one with
    the lower index comes first; two sides full of ties then agree more than by chance. A sample of
    zeros has cosine 0 with every other.

    Done in blocks of rows: no n x n matrix is held. Time grows as n^2 (a + b).

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    k : int
        Neighbours of each sample, in [1, n - 1].
    metric : {"cosine", "euclidean"}
        What is near: the cosine of the samples as they are, not centred, as in the paper; or the
        Euclidean distance.
    max_samples : int, optional
        Compare at most so many samples, drawn at random, the same of x and y. Neighbours are then
        those among the samples drawn.
    seed : int
        Of that draw.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side, and with
        ``metric="euclidean"`` to translation too; symmetric; in [0, 1]. The distance obeys the
        triangle inequality.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; for an unknown `metric`; and when `k` is not in [1, n - 1].

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
    return MUTUAL_KNN.between(
        x, y, solver=solver, k=k, metric=metric, max_samples=max_samples, seed=seed
    )
