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
from isorep.measures.neighbours import neighbours

Floats = NDArray[np.float64]

BUDGET = 3e10
"""Floating-point operations that refits may take in all, about half a minute."""

DECOMPOSITION = 100
"""Operations of the decompositions of an (r, r) matrix, over r^3."""

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
    ``linear_regression``, ``distance_correlation``, ``mutual_knn``, ``jaccard_knn``, and for ``cka_rbf`` and ``cka_rbf_debiased`` at
    the bandwidth of all samples. Other measures of second moments are computed exactly from the
    overlap without each sample, if this is affordable. Otherwise ``cca``, ``procrustes`` and
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
    closed = _closed_form(overlap, measure)
    if closed is not None:
        return closed
    similarity = measure.clipped(measure.compute(overlap).similarity)
    n, ranks = overlap.n_samples, (overlap.x.rank, overlap.y.rank)
    cost = DECOMPOSITION * sum(r**3 for r in ranks)
    if measure.from_moments({}) and n * cost <= BUDGET and not is_singular(overlap):
        values = np.empty(n)
        with one_thread():
            for j in range(n):
                check_stopped()
                values[j] = measure.clipped(
                    measure.compute(without_sample(overlap, j)).similarity
                )
        return Contributions(values - similarity, "exact, from the overlap without each sample")
    first_order = _FIRST_ORDER.get(measure.label)
    if first_order is not None and not is_singular(overlap):
        values = first_order(overlap) - similarity
        return Contributions(values, "to first order, in closed form")
    return _of_blocks(overlap, measure, similarity, labels, seed)


def _closed_form(overlap: Overlap, measure: Measure) -> Contributions | None:
    """Return the contributions by a formula of their own, or None if the measure has none."""
    name, options = measure.name, measure.options
    if options.get("max_samples") is not None:
        return None
    method = "exact, in closed form"
    least = min(overlap.x.rank, overlap.y.rank)
    most = max(overlap.x.rank, overlap.y.rank)
    similarity = measure.clipped(measure.compute(overlap).similarity)
    singular = name in _LEVERAGES and is_singular(overlap)
    if singular or (name == "cka_debiased" and _is_grouped(overlap)) or overlap.n_samples < 6:
        return None
    if name == "cka":
        values = cka_without(overlap)
    elif name == "cka_debiased":
        values = cka_debiased_without(overlap)
    elif name == "cca_squared":
        values = squared_correlations_without(overlap) / least
    elif name == "eigenspace_overlap":
        values = squared_correlations_without(overlap) / most
    elif name == "linear_regression" and options["folds"] is None:
        values = explained_variance_without(overlap)
    elif name in ("cka_rbf", "cka_rbf_debiased"):
        kernel, x = gaussian_kernel(name, overlap.x, options["bandwidth"], None, 0)
        _, y = gaussian_kernel(name, overlap.y, options["bandwidth"], None, 0)
        values = alignment_without(kernel, x, y, unbiased=name == "cka_rbf_debiased")
        method += ", at the bandwidth of all samples"
    elif name == "distance_correlation":
        kernel, x = distance_kernel(overlap.x, None, 0)
        _, y = distance_kernel(overlap.y, None, 0)
        values = np.sqrt(np.maximum(alignment_without(kernel, x, y), 0.0))
    elif name in ("mutual_knn", "jaccard_knn"):
        k = options["k"]
        if k + 1 >= overlap.n_samples:
            return None
        pair = neighbours(overlap.x, overlap.y, k + 1, options["metric"], None, 0)
        share = _SHARES[name]
        values = shares_without(*pair, lambda common: share(common, k))
    else:
        return None
    return Contributions(np.asarray(values - similarity), method)


_LEVERAGES = ("cca_squared", "eigenspace_overlap", "linear_regression")
"""Measures whose closed forms divide by 1 minus a leverage."""

_FIRST_ORDER: dict[str, Callable[[Overlap], Floats]] = {
    "cca": mean_correlation_without,
    "procrustes": procrustes_without,
    "procrustes_squared": procrustes_without,
}
"""Similarities without each sample, to first order, by the label of the measure."""


_SHARES: dict[str, Callable[[Floats, int], Floats]] = {
    "mutual_knn": lambda common, k: common / k,
    "jaccard_knn": lambda common, k: common / (2 * k - common),
}
"""Shares of common neighbours, from their number among k on each side."""


def _is_grouped(overlap: Overlap) -> bool:
    return overlap.structure is not None


def _of_blocks(
    overlap: Overlap,
    measure: Measure,
    similarity: float,
    labels: NDArray[Any] | None,
    seed: int,
) -> Contributions:
    """Leave out blocks of samples in turn; the samples of a block share its value."""
    n, ranks = overlap.n_samples, (overlap.x.rank, overlap.y.rank)
    width = n if measure.requires == "samples" else 4 * max(ranks)
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
