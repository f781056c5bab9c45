"""RSA: whether two sides agree on which samples are similar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Literal, NamedTuple

import numpy as np

from isorep._utils.arrays import epsilon
from isorep.core.basis import Basis
from isorep.core.kernel import ROUNDING, Kernel, Matrix
from isorep.core.overlap import Overlap
from isorep.core.pair_memory import pair_memory
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.rank_correlation import spearman

Dissimilarity = Literal["correlation", "cosine", "euclidean", "squared_euclidean"]
Comparison = Literal["spearman", "pearson", "kendall", "cosine"]

DIGITS = 10
"""Digits of a dissimilarity beyond which differences are rounding."""

SAME = 1e-13
"""Squared distance, relative to the squared norms that enter it, up to which it is rounding."""

BYTES_OF_PAIR = {"spearman": 16, "kendall": 92}
"""Bytes held for each pair of samples: both sides, and for Kendall's tau the memory of SciPy."""

PART = 2**21
"""Dissimilarities that are rounded at a time."""


class _Dissimilarities(NamedTuple):
    """The dissimilarities of all pairs of samples of one side, in units of the points.

    Attributes
    ----------
    name : str
        "x" or "y".
    kind : str
        The dissimilarity.
    kernel : Kernel
        The samples.
    """

    name: str
    kind: Dissimilarity
    kernel: Kernel

    @classmethod
    def from_basis(
        cls,
        basis: Basis,
        name: str,
        kind: Dissimilarity,
        max_samples: int | None,
        seed: int,
    ) -> _Dissimilarities:
        by_angle = kind in ("correlation", "cosine")
        kernel = Kernel.from_basis(basis, centred=not by_angle, max_samples=max_samples, seed=seed)
        if by_angle:
            kernel = _patterns(kernel, name, kind, epsilon(basis.dtype))
        return cls(name, kind, kernel)

    def squares(self) -> Iterator[Matrix]:
        """Yield the squared distances of all pairs, in parts.

        Half the squared distance of unit vectors is 1 - cosine.
        """
        norms = self.kernel.squares

        def matrix(rows: slice, start: int = 0) -> Matrix:
            distances = self.kernel.squared_distances(rows, start)
            distances[distances <= SAME * (norms[rows, None] + norms[start:])] = 0.0
            return distances

        return self.kernel.pairs(matrix)

    def parts(self) -> Iterator[Matrix]:
        """Yield the dissimilarities, in parts."""
        for part in self.squares():
            yield np.sqrt(part, out=part) if self.kind == "euclidean" else part

    def fill(self, values: Matrix) -> None:
        """Write the dissimilarities over the largest, without digits that are rounding."""
        end, largest = 0, 0.0
        for part in self.squares():
            start, end = end, end + len(part)
            values[start:end] = part
            largest = max(largest, float(part.max()))
        self.check_largest(largest)
        least, most = np.inf, -np.inf
        for start in range(0, len(values), PART):
            part = values[start : start + PART] / largest
            if self.kind == "euclidean":
                np.sqrt(part, out=part)
            # Digits relative to each value: one outlier must not make all other pairs equal.
            parts, powers = np.frexp(part)
            part = np.ldexp(np.round(parts, DIGITS, out=parts), powers, out=parts)
            values[start : start + PART] = part
            least, most = min(least, float(part.min())), max(most, float(part.max()))
        self.check_range(least, most)

    def check_largest(self, largest: float) -> None:
        if largest == 0:
            raise ValueError(
                f"the {self.kind} dissimilarity of all samples of {self.name} is 0, so there is "
                "nothing to compare; drop equal samples"
            )

    def check_range(self, least: float, most: float) -> None:
        if most - least < ROUNDING * most:
            raise ValueError(
                f"all pairs of samples of {self.name} are equally dissimilar, so their correlation "
                "is 0/0; take other samples or another dissimilarity"
            )


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
    return replace(kernel, points=points).directions()


def _in_parts(x: _Dissimilarities, y: _Dissimilarities, centred: bool) -> float:
    """Return the correlation, or the cosine if not centred, of two lists; holds none of them."""
    count, mean, products = 0, np.zeros(2), np.zeros((2, 2))
    least, most = np.full(2, np.inf), np.zeros(2)
    for parts in zip(x.parts(), y.parts(), strict=True):
        least = np.minimum(least, [part.min() for part in parts])
        most = np.maximum(most, [part.max() for part in parts])
        part_mean = np.array([part.mean() for part in parts])
        for part, value in zip(parts, part_mean, strict=True):
            part -= value
        # Merging means and centred products keeps digits that sums of squares would lose.
        total = count + len(parts[0])
        change = part_mean - mean
        products += [[np.vdot(a, b) for a in parts] for b in parts]
        products += np.outer(change, change) * (count * len(parts[0]) / total)
        mean += change * (len(parts[0]) / total)
        count = total
    for i, side in enumerate((x, y)):
        side.check_largest(most[i])
        if centred:
            side.check_range(least[i], most[i])
    if not centred:
        products += count * np.outer(mean, mean)
    return float(products[0, 1] / sqrt(products[0, 0]) / sqrt(products[1, 1]))


@measure(
    title="RSA",
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
    their average rank, "kendall" is tau-b. Time grows as n^2 (p + q + log n).

    Ranks need all pairs at once: "spearman" holds 16 bytes for each of the n (n - 1) / 2 pairs of
    samples, 3 GiB at n = 20,000, and "kendall" 92 bytes. "pearson" and "cosine" are computed in
    blocks of rows and hold no pairs.

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
        all pairs, or the free memory cannot hold the pairs.

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
    x, y = (
        _Dissimilarities.from_basis(side, name, dissimilarity, max_samples, seed)
        for side, name in ((overlap.x, "x"), (overlap.y, "y"))
    )
    if comparison in ("pearson", "cosine"):
        chance = 0.0 if comparison == "pearson" else None
        return MeasureValue(_in_parts(x, y, comparison == "pearson"), overlap, chance=chance)
    advice = ", or comparison='pearson', which holds none of them"
    n = overlap.n_samples
    with pair_memory("rsa", n, BYTES_OF_PAIR[comparison], max_samples, advice):
        m = x.kernel.n_samples
        pairs = np.empty(m * (m - 1) // 2, dtype=np.complex128)
        x.fill(pairs.real)
        y.fill(pairs.imag)
        if comparison == "spearman":
            return MeasureValue(spearman(pairs), overlap, chance=0.0)
        from scipy.stats import kendalltau

        tau = float(kendalltau(pairs.real, pairs.imag).statistic)
        return MeasureValue(tau, overlap, chance=0.0)
