"""Chance: the similarity that unrelated representations would show."""

from __future__ import annotations

from math import nan
from typing import Any

from isorep.core.overlap import Overlap
from isorep.inference.null_distribution import null_distribution
from isorep.inference.sequential import check_overlap
from isorep.measures.registry import measure_named


def chance(
    overlap: Overlap,
    measure: str = "pwcca",
    *,
    n_permutations: int = 99,
    seed: int = 0,
    **options: Any,
) -> float:
    """Return the similarity to expect of two sides like these, were their samples unrelated.

    With few samples per direction it is far above 0, so a similarity says little without it. By
    theory where the measure's row has a formula (`Measure.chance`):

    - ``cka`` and ``cosine``: exact, the mean over every pairing of the samples;
    - ``cca`` and ``svcca`` with 5 or more correlations: Wachter's law, to within 1 %.

    Otherwise the mean of `null_distribution`, whose error is the draws' standard deviation over
    ``sqrt(n_permutations)``.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : str
        A name in `isorep.MEASURES`.
    n_permutations : int
        Draws, where there is no formula.
    seed : int
        Of NumPy's generator, where there is no formula.
    **options
        The measure's own.

    Returns
    -------
    float
        In the range of the measure's similarity.

    Raises
    ------
    TypeError
        When `overlap` is none.
    ValueError
        When there is no draw to make, or for an unknown measure or option.

    References
    ----------
    Wachter 1980, The limiting empirical measure of multiple discriminant ratios. The mean over
    pairings: Kazi-Aoual, Hitier, Sabatier and Lebreton 1995, Refined approximations to permutation
    tests for multivariate inference.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 600, 50))
    >>> o = isorep.overlap(x, y)
    >>> round(isorep.inference.chance(o, "cca"), 2), round(isorep.cca(x, y).similarity, 2)
    (0.25, 0.25)
    """
    check_overlap(overlap, "isorep.inference.chance")
    row = measure_named(measure)
    row.check_options(options)
    level = row.chance(overlap, **options) if row.chance is not None else None
    if level is None:
        level = null_distribution(
            overlap, measure, n_permutations=n_permutations, seed=seed, **options
        ).chance
    low, high = row.similarity_range
    return min(max(level, low), high)  # only rounding leaves the range


def calibrated(similarity: float, chance: float, best: float = 1.0) -> float:
    """Return a similarity in units in which chance is 0 and identity 1.

    ``(similarity - chance) / (best - chance)``; below 0 where it is less than chance. Where chance
    already is the best, as where all correlations are forced, nothing can be told, and it is NaN.

    Parameters
    ----------
    similarity : float
        Of a measure.
    chance : float
        Of the same measure, from `chance`.
    best : float
        The greatest similarity.

    Returns
    -------
    float
        At most 1, or NaN.

    References
    ----------
    Hubert and Arabie 1985, Comparing partitions, for the form.

    Examples
    --------
    >>> calibrated(0.75, chance=0.5), calibrated(1.0, chance=1.0)
    (0.5, nan)
    """
    # Chance may be short of the best by rounding alone.
    room = best - chance
    return (similarity - chance) / room if room > 1e-9 * abs(best) else nan
