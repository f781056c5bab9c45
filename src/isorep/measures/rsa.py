"""RSA: whether two sides agree on which samples are similar."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isorep._utils.arrays import epsilon
from isorep.core.basis import Basis
from isorep.core.kernel import ROUNDING, Kernel, Matrix, check_memory
from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure

Dissimilarity = Literal["correlation", "cosine", "euclidean", "squared_euclidean"]
Comparison = Literal["spearman", "pearson", "kendall", "cosine"]

DIGITS = 10
"""Digits of a dissimilarity beyond which differences are rounding."""

SAME = 1e-13
"""Squared distance, relative to the squared norms that enter it, up to which it is rounding."""

NUMBERS = 4.75
"""Numbers held for each pair of samples: two ranked sides, and the memory to rank them."""


def _dissimilarities(
    basis: Basis, name: str, dissimilarity: Dissimilarity, max_samples: int | None, seed: int
) -> Matrix:
    """Return the dissimilarity of every pair of samples, over the largest, (m (m - 1) / 2,)."""
    by_angle = dissimilarity in ("correlation", "cosine")
    kernel = Kernel.from_basis(basis, centred=not by_angle, max_samples=max_samples, seed=seed)
    if by_angle:
        kernel = _patterns(kernel, name, dissimilarity, epsilon(basis.dtype))
    squares = np.square(kernel.points).sum(axis=1)

    def squared_distances(rows: slice) -> Matrix:
        distances = kernel.squared_distances(rows)
        distances[distances <= SAME * (squares[rows, None] + squares)] = 0.0
        return distances

    # Half the squared distance of unit vectors is 1 - cosine.
    distances = kernel.pairs(squared_distances)
    largest = distances.max()
    if largest == 0:
        raise ValueError(
            f"the {dissimilarity} dissimilarity of all samples of {name} is 0, so there is nothing "
            "to compare; drop equal samples"
        )
    distances /= largest
    return np.sqrt(distances, out=distances) if dissimilarity == "euclidean" else distances


def _patterns(kernel: Kernel, name: str, dissimilarity: Dissimilarity, eps: float) -> Kernel:
    """Return the samples at unit norm, centred over features for correlations."""
    points = kernel.points
    if dissimilarity == "correlation":
        if points.shape[1] < 2:
            raise ValueError(
                f"{name} has 1 feature, but the correlation of two samples is over features; use "
                "dissimilarity='euclidean'"
            )
        points = points - points.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(kernel.points, axis=1)
    rounding = np.maximum(ROUNDING * norms.max(), 4 * eps * norms)
    flat = np.flatnonzero(np.linalg.norm(points, axis=1) <= rounding)
    if len(flat):
        others = f" (and {len(flat) - 1} more)" if len(flat) > 1 else ""
        value = "the same value" if dissimilarity == "correlation" else "the value 0"
        raise ValueError(
            f"row {flat[0]} of {name}{others} has {value} in every feature, so its {dissimilarity} "
            "dissimilarity is undefined; drop such samples, or use dissimilarity='euclidean'"
        )
    return Kernel(points).directions()


def _compared(dissimilarities: Matrix, name: str, comparison: Comparison) -> Matrix:
    """Return the dissimilarities or their ranks, centred if the comparison centres them."""
    values = dissimilarities
    if comparison == "cosine":
        return values
    if comparison in ("spearman", "kendall"):
        # Digits relative to each value: one outlier must not make all other pairs equal.
        parts, powers = np.frexp(values)
        values = np.ldexp(np.round(parts, DIGITS, out=parts), powers, out=parts)
    if np.ptp(values) < ROUNDING:
        raise ValueError(
            f"all pairs of samples of {name} are equally dissimilar, so {comparison} is 0/0; take "
            "other samples or another dissimilarity"
        )
    if comparison == "kendall":
        return values
    if comparison == "spearman":
        from scipy.stats import rankdata

        values = rankdata(values)
    values -= values.mean()
    return values


@measure(
    formula="spearman(d_x, d_y), d_ij = 1 - corr(sample i, sample j) over features, i < j",
    description="rank correlation of the dissimilarities of all pairs of samples",
    reference="Kriegeskorte et al. 2008",
    invariance="common",
    emphasis="distances",
    requires="samples",
    similarity_range=(-1.0, 1.0),
)
def rsa(
    overlap: Overlap,
    *,
    dissimilarity: Dissimilarity = "correlation",
    comparison: Comparison = "spearman",
    max_samples: int | None = None,
    seed: int = 0,
) -> MeasureValue:
    """Representational similarity analysis: how well two dissimilarity matrices agree.

    It compares the dissimilarities of all n (n - 1) / 2 pairs of samples in x with those in y. By
    default ``d_ij = 1 - r_ij``, where r is the Pearson correlation of samples i and j over the
    features, and the comparison is Spearman's rank correlation of the two lists.

    Dissimilarities that differ by less than 1e-10 of their size are tied; "spearman" gives them
    their average rank, "kendall" is tau-b. Memory is up to 38 n^2 bytes; time grows as n^2 (p + q +
    log n).

    Parameters
    ----------
    dissimilarity : {"correlation", "cosine", "euclidean", "squared_euclidean"}
        Dissimilarity of two samples. "correlation": as above, for at least two features and samples
        that are not constant. "cosine": 1 - the cosine of the two samples, not centred and not
        zero.
    comparison : {"spearman", "pearson", "kendall", "cosine"}
        Agreement of the two lists of dissimilarities.

    Returns
    -------
    Score
        With correlations, invariant to the order of the features and to one affine map common to
        all features, but neither to translations of single features nor to rotation. With cosines,
        to rotation, reflection and isotropic scaling; with Euclidean distances, to translation too.
        Symmetric; similarity in [-1, 1], distance in [0, 2].

    Raises
    ------
    ValueError
        If `dissimilarity` or `comparison` is unknown, a dissimilarity is undefined or the same for
        all pairs, or the memory needed is more than 4 GiB, above 10,000 samples.

    References
    ----------
    Kriegeskorte, Mur and Bandettini 2008, Representational similarity analysis: connecting the
    branches of systems neuroscience.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((100, 8))
    >>> round(isorep.measures.rsa(x, 5 - 3 * x[:, ::-1]).similarity, 9)
    1.0
    >>> rotated = x @ np.linalg.qr(np.ones((8, 8)) + np.diag(np.arange(8)))[0]
    >>> round(isorep.measures.rsa(x, rotated, dissimilarity="euclidean").similarity, 9)
    1.0
    """
    check_memory("rsa", overlap.n_samples, NUMBERS, max_samples)
    x, y = (
        _compared(_dissimilarities(side, name, dissimilarity, max_samples, seed), name, comparison)
        for side, name in ((overlap.x, "x"), (overlap.y, "y"))
    )
    if comparison == "kendall":
        from scipy.stats import kendalltau

        return MeasureValue(float(kendalltau(x, y).statistic), overlap)
    return MeasureValue(float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y))), overlap)
