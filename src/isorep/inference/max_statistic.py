"""Max statistic: p-values of many cells against the largest similarity of unrelated data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isorep.inference.null_distribution import TIE, NullDistribution

Floats = NDArray[np.float64]


def standardized(null: NullDistribution) -> tuple[float, Floats]:
    """Return the similarity and the permuted similarities, standardized, so that cells compare.

    Raw similarities of wide layers are higher, and those of narrow layers vary more, also if the
    sides are unrelated: the largest of them would be that of the widest or of the narrowest layer.
    So the mean is subtracted, and the rest divided by the standard deviation. Both are of all
    ``n_permutations + 1`` values: under the null hypothesis, the samples as paired are one more
    permutation, so that the test is exact only if they are treated alike.

    Examples
    --------
    >>> null = NullDistribution(0.9, np.array([0.1, 0.5, 0.3, 0.2]), 0.2, "cka")
    >>> similarity, draws = standardized(null)
    >>> round(similarity, 4), draws.round(4).tolist()
    (1.7678, [-1.0607, 0.3536, -0.3536, -0.7071])
    """
    similarity, draws = null.similarity, null.draws
    tied = np.abs(draws - similarity) <= TIE * abs(similarity)
    values = np.array([similarity, *np.where(tied, similarity, draws)])
    deviations = values - values.mean()
    spread = np.sqrt(np.mean(deviations**2))
    # What varies only by rounding, as when all correlations are forced to be 1, says nothing.
    if not spread > TIE * np.abs(values).max():
        deviations, spread = np.zeros_like(values), 1.0
    scaled = deviations / spread
    return float(scaled[0]), scaled[1:]


def max_p_values(similarities: Floats, maxima: Floats) -> Floats:
    """Return the p-values of standardized similarities against the distribution of the maximum.

    ``(1 + #{maxima >= similarity}) / (1 + n_permutations)`` for each cell. If all sides are
    unrelated, the smallest of these p-values is at most alpha with probability at most alpha.

    Parameters
    ----------
    similarities : array of any shape
        Standardized similarity of each cell; NaN where there is none.
    maxima : (n_permutations,) array
        Largest standardized similarity of all cells after each permutation, the same permutation
        of the samples in all cells.

    References
    ----------
    Westfall and Young 1993, Resampling-based multiple testing, section 2.3: the single-step max
    statistic.

    Examples
    --------
    >>> max_p_values(np.array([2.5, 0.3, np.nan]), np.array([1.9, 0.2, 1.2]))
    array([0.25, 0.75,  nan])
    """
    reached = len(maxima) - np.searchsorted(np.sort(maxima), similarities)
    return np.where(np.isnan(similarities), np.nan, (1 + reached) / (1 + len(maxima)))
