"""RSA: whether two sides agree on which samples are alike."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from isorep._utils.arrays import epsilon
from isorep._utils.validation import unknown_name
from isorep.core.basis import Basis, Solver
from isorep.core.kernel import ROUNDING, Kernel, Matrix, check_memory
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue

Dissimilarity = Literal["correlation", "cosine", "euclidean", "squared_euclidean"]
Comparison = Literal["spearman", "pearson", "kendall", "cosine"]

DIGITS = 10
"""Of a dissimilarity, beyond which two are equal but for rounding."""

SAME = 1e-13
"""Squared distance, as a part of the squared norms that it is made of, that is none but for
rounding."""

NUMBERS = 4.75
"""For each pair of samples, at the peak: two ranked sides and what ranking them takes."""


def _compute(
    overlap: Overlap,
    dissimilarity: Dissimilarity = "correlation",
    comparison: Comparison = "spearman",
    max_samples: int | None = None,
    seed: int = 0,
) -> MeasureValue:
    for what, given, known in (
        ("dissimilarity", dissimilarity, get_args(Dissimilarity)),
        ("comparison", comparison, get_args(Comparison)),
    ):
        if given not in known:
            raise ValueError(unknown_name(what, str(given), known))
    check_memory("rsa", overlap.n_samples, NUMBERS, max_samples)
    x, y = (
        _compared(_dissimilarities(side, name, dissimilarity, max_samples, seed), name, comparison)
        for side, name in ((overlap.x, "x"), (overlap.y, "y"))
    )
    if comparison == "kendall":
        from scipy.stats import kendalltau

        return MeasureValue(float(kendalltau(x, y).statistic), overlap)
    return MeasureValue(float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y))), overlap)


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

    # On unit vectors half the squared distance is 1 - cosine.
    found = kernel.pairs(squared_distances)
    largest = found.max()
    if largest == 0:
        raise ValueError(
            f"the {dissimilarity} dissimilarity of {name}'s samples is 0 throughout: there is "
            "nothing to compare"
        )
    found /= largest
    return np.sqrt(found, out=found) if dissimilarity == "euclidean" else found


def _patterns(kernel: Kernel, name: str, dissimilarity: Dissimilarity, eps: float) -> Kernel:
    """Return the samples at unit norm, centred over features for correlations."""
    points = kernel.points
    if dissimilarity == "correlation":
        if points.shape[1] < 2:
            raise ValueError(
                f"{name} has 1 feature, and the correlation of two samples runs over features; "
                "take dissimilarity='euclidean'"
            )
        points = points - points.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(kernel.points, axis=1)
    rounding = np.maximum(ROUNDING * norms.max(), 4 * eps * norms)
    flat = np.flatnonzero(np.linalg.norm(points, axis=1) <= rounding)
    if len(flat):
        why = "the same in every feature" if dissimilarity == "correlation" else "zero"
        raise ValueError(
            f"{len(flat)} samples of {name} are {why}, the first being number {flat[0]} of those "
            f"compared, and have no {dissimilarity}; drop them, or take dissimilarity='euclidean'"
        )
    return Kernel(points).directions()


def _compared(found: Matrix, name: str, comparison: Comparison) -> Matrix:
    """Return what the comparison takes products of: ranks, centred or not."""
    if comparison == "cosine":
        return found
    if comparison in ("spearman", "kendall"):
        # Each by its own size: one odd sample must not make all other pairs alike.
        parts, powers = np.frexp(found)
        found = np.ldexp(np.round(parts, DIGITS, out=parts), powers, out=parts)
    if np.ptp(found) < ROUNDING:
        raise ValueError(
            f"the samples of {name} are all as dissimilar from each other: {comparison} is 0/0"
        )
    if comparison == "kendall":
        return found
    if comparison == "spearman":
        from scipy.stats import rankdata

        found = rankdata(found)
    found -= found.mean()
    return found


RSA = Measure(
    name="rsa",
    formula="spearman(d_x, d_y), d_ij = 1 - corr(sample i, sample j) over features, i < j",
    description="rank correlation of the dissimilarities of all pairs of samples",
    reference="Kriegeskorte et al. 2008",
    function=_compute,
    invariance="common",
    requires="samples",
    similarity_range=(-1.0, 1.0),
)


def rsa(
    x: Any,
    y: Any,
    *,
    dissimilarity: Dissimilarity = "correlation",
    comparison: Comparison = "spearman",
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Representational similarity analysis: how well two dissimilarity matrices agree.

    The dissimilarities of all n (n - 1) / 2 pairs of samples in x, compared with those in y. By
    default ``d_ij = 1 - r_ij``, r the Pearson correlation of samples i and j over the features, and
    Spearman's rank correlation between the two lists.

    Dissimilarities that differ by less than 1e-10 of the largest are tied; "spearman" gives them
    their average rank, "kendall" is tau-b. It holds up to 38 n^2 bytes; time grows as n^2 (a + b +
    log n).

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    dissimilarity : {"correlation", "cosine", "euclidean", "squared_euclidean"}
        "correlation": as above; it needs two features or more, and samples that are not constant.
        "cosine": 1 - the cosine of the two samples as they are, which must not be zero.
    comparison : {"spearman", "pearson", "kendall", "cosine"}
        "pearson", "cosine": of the two lists of dissimilarities.
    max_samples : int, optional
        Compare at most so many samples, drawn at random, the same of x and y.
    seed : int
        Of that draw.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        By correlation, invariant to one affine map ``a x + b`` common to all features and to their
        order, but to no translation of single features, nor to rotation; by cosine, to rotation,
        reflection and isotropic scaling; by Euclidean distances, to translation too. Symmetric;
        similarity in [-1, 1], distance in [0, 2].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; for an unknown `dissimilarity` or `comparison`; where a dissimilarity
        is not defined, or the same for all pairs; and when the work needs more than 4 GiB, above
        10,000 samples.

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
    return RSA.between(
        x,
        y,
        solver=solver,
        dissimilarity=dissimilarity,
        comparison=comparison,
        max_samples=max_samples,
        seed=seed,
    )
