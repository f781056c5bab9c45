"""Sample contributions: by how much each sample lowers a similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.folds import rows_of
from isorep.core.overlap import Overlap
from isorep.explanation.downdated_overlap import without_sample
from isorep.explanation.kernel_leave_one_out import alignment_without
from isorep.explanation.leave_one_out import (
    cka_debiased_without,
    cka_without,
    explained_variance_without,
    is_singular,
    mean_correlation_without,
    procrustes_without,
    squared_correlations_without,
)
from isorep.explanation.neighbour_leave_one_out import shares_without
from isorep.measures.base import Measure
from isorep.measures.cka_rbf import gaussian_kernel
from isorep.measures.distance_correlation import distance_kernel
from isorep.measures.neighbour_search import neighbours

Floats = NDArray[np.float64]

BUDGET = 1e11
"""Floating-point operations that refits may take in all, about half a minute."""

DECOMPOSITION = 50
"""Operations of the decompositions of an (r, r) matrix, over r^3."""

RANKING = 20
"""Operations for each pair of samples, over their features, of measures of pairs."""

FEWEST_BLOCKS = 20
"""Smallest number of blocks of samples that are left out in turn."""


class Contributions(NamedTuple):
    """By how much each sample lowers a similarity.

    Attributes
    ----------
    values : (n,) float64 array
        Similarity without the sample minus similarity with it; NaN where it cannot be computed.
    method : str
        How it was computed, and whether it is exact.
    """

    values: Floats
    method: str


def sample_contributions(
    overlap: Overlap, measure: Measure, *, labels: NDArray[Any] | None = None, seed: int = 0
) -> Contributions:
    """Return by how much each sample lowers a similarity: without it, minus with it.

    Closed forms are exact for ``cka``, ``cka_debiased``, ``cca_squared``, ``eigenspace_overlap``,
    ``linear_regression``, ``distance_correlation``, ``mutual_knn``, ``jaccard_knn``, and for
    ``cka_rbf`` and ``cka_rbf_debiased`` at the bandwidth of all samples. Other measures of second
    moments are computed exactly from the overlap without each sample, if this is affordable.
    Otherwise ``cca``, ``procrustes`` and
    ``procrustes_squared`` are correct to first order. For all other measures, blocks of samples are
    left out, and the samples of a block share its value.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : Measure
        Measure with its options.
    labels : (n,) array, optional
        Class of each sample: blocks then hold samples of one class, as far as possible.
    seed : int
        Random seed of the blocks.

    Examples
    --------
    >>> import isorep
    >>> x = np.random.default_rng(0).standard_normal((100, 3))
    >>> y = x.copy()
    >>> y[7] = -3 * y[7]
    >>> result = sample_contributions(isorep.overlap(x, y), isorep.MEASURES["cka"])
    >>> int(result.values.argmax()), result.method
    (7, 'exact, in closed form')
    """
    similarity = measure.clipped(measure.compute(overlap).similarity)
    closed = _CLOSED_FORMS.get(measure.name)
    if closed is not None and measure.options.get("max_samples") is None:
        without = closed(overlap, measure)
        if without is not None:
            bandwidth = ", at the bandwidth of all samples" if "rbf" in measure.name else ""
            return Contributions(without - similarity, f"exact, in closed form{bandwidth}")
    n = overlap.n_samples
    cost = DECOMPOSITION * (overlap.x.rank**3 + overlap.y.rank**3)
    if measure.from_moments({}) and n * cost <= BUDGET and not is_singular(overlap):
        values = np.empty(n)
        with one_thread():
            for j in range(n):
                check_stopped()
                values[j] = measure.clipped(measure.compute(without_sample(overlap, j)).similarity)
        return Contributions(values - similarity, "exact, from the overlap without each sample")
    first_order = _FIRST_ORDER.get(measure.label)
    if first_order is not None and not is_singular(overlap):
        values = first_order(overlap) - similarity
        return Contributions(values, "to first order, in closed form")
    return _of_blocks(overlap, measure, similarity, labels, seed)


def _debiased(overlap: Overlap, measure: Measure) -> Floats | None:
    if overlap.structure is not None or overlap.n_samples < FEWEST_OF_DEBIASED:
        return None  # other pairs of samples count
    return cka_debiased_without(overlap)


def _squared(overlap: Overlap, measure: Measure) -> Floats | None:
    if is_singular(overlap):
        return None
    ranks = overlap.x.rank, overlap.y.rank
    directions = min(ranks) if measure.name == "cca_squared" else max(ranks)
    return np.asarray(squared_correlations_without(overlap) / directions)


def _explained(overlap: Overlap, measure: Measure) -> Floats | None:
    if measure.options["folds"] is not None or is_singular(overlap):
        return None
    return explained_variance_without(overlap)


def _gaussian(overlap: Overlap, measure: Measure) -> Floats | None:
    unbiased = measure.name == "cka_rbf_debiased"
    if unbiased and overlap.n_samples < FEWEST_OF_DEBIASED:
        return None
    bandwidth = measure.options["bandwidth"]
    kernel, x = gaussian_kernel(overlap.x, bandwidth, None, 0)
    _, y = gaussian_kernel(overlap.y, bandwidth, None, 0)
    return alignment_without(kernel, x, y, unbiased=unbiased)


def _distances(overlap: Overlap, measure: Measure) -> Floats:
    kernel, x = distance_kernel(overlap.x, None, 0)
    _, y = distance_kernel(overlap.y, None, 0)
    return np.asarray(np.sqrt(np.maximum(alignment_without(kernel, x, y), 0.0)))


def _neighbours(overlap: Overlap, measure: Measure) -> Floats | None:
    k, metric = measure.options["k"], measure.options["metric"]
    if k + 1 >= overlap.n_samples:
        return None
    x, y, _ = neighbours(overlap.x, overlap.y, k + 1, metric, None, 0)
    if measure.name == "mutual_knn":
        return shares_without(x, y, lambda common: common / k)
    return shares_without(x, y, lambda common: common / (2 * k - common))


FEWEST_OF_DEBIASED = 5
"""Samples without one of which the unbiased HSIC is defined."""

_CLOSED_FORMS: dict[str, Callable[[Overlap, Measure], Floats | None]] = {
    "cka": lambda overlap, measure: cka_without(overlap),
    "cka_debiased": _debiased,
    "cca_squared": _squared,
    "eigenspace_overlap": _squared,
    "linear_regression": _explained,
    "cka_rbf": _gaussian,
    "cka_rbf_debiased": _gaussian,
    "distance_correlation": _distances,
    "mutual_knn": _neighbours,
    "jaccard_knn": _neighbours,
}
"""Similarities without each sample by the name of the measure; None where the form fails."""

_FIRST_ORDER: dict[str, Callable[[Overlap], Floats]] = {
    "cca": mean_correlation_without,
    "procrustes": procrustes_without,
    "procrustes_squared": procrustes_without,
}
"""Similarities without each sample, to first order, by the label of the measure."""


def _of_blocks(
    overlap: Overlap,
    measure: Measure,
    similarity: float,
    labels: NDArray[Any] | None,
    seed: int,
) -> Contributions:
    """Leave out blocks of samples in turn; the samples of a block share its value."""
    n, ranks = overlap.n_samples, (overlap.x.rank, overlap.y.rank)
    width = RANKING * n if measure.requires == "samples" else 4 * max(ranks)
    cost = n * width * sum(ranks) + DECOMPOSITION * sum(r**3 for r in ranks)
    n_blocks = int(np.clip(BUDGET / cost, min(FEWEST_BLOCKS, n // 2), n))
    values = np.full(n, np.nan)
    with one_thread():
        for block in _blocks(n, n_blocks, labels, seed):
            check_stopped()
            kept = np.ones(n, dtype=bool)
            kept[block] = False
            try:
                without = measure.clipped(measure.compute(rows_of(overlap, kept)).similarity)
            except ValueError:  # a side is constant, or has too few samples, without the block
                continue
            # The change per sample, to first order.
            values[block] = (without - similarity) / len(block)
    if n_blocks == n:
        return Contributions(values, "exact, by refits without each sample")
    size = -(-n // n_blocks)
    return Contributions(
        values, f"refits without blocks of {size} samples: the samples of a block share its value"
    )


def _blocks(
    n: int, n_blocks: int, labels: NDArray[Any] | None, seed: int
) -> Sequence[NDArray[np.int64]]:
    """Return blocks of about equal size, of samples of one class as far as possible."""
    order = np.random.default_rng(seed).permutation(n)
    if labels is not None:
        order = order[np.argsort(np.unique(labels, return_inverse=True)[1][order], kind="stable")]
    return np.array_split(order, n_blocks)
