"""Chance level: the expected similarity of unrelated representations."""

from __future__ import annotations

from math import nan
from typing import Any

from isorep.core.overlap import Overlap
from isorep.inference.null_distribution import null_distribution
from isorep.inference.sequential import check_overlap
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named


def chance(
    overlap: Overlap,
    measure: Spec = "pwcca",
    *,
    n_permutations: int = 99,
    seed: int = 0,
    **options: Any,
) -> float:
    """Return the chance level: the expected similarity if the two sides were unrelated.

    With few samples per direction it is far above 0, so compare a similarity with it. It comes from
    theory if the measure has a formula (`Measure.chance`):

    - ``cka`` and ``cosine``: exact, the mean over every pairing of the samples;
    - ``cca`` and ``svcca`` with 5 or more correlations: Wachter's law, to within 1 %.

    Otherwise, and if samples depend on each other, it is the mean of `null_distribution`, whose
    standard error is the standard deviation of the permutations over ``sqrt(n_permutations)``.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`.
    n_permutations : int
        Number of permutations, if there is no formula.
    seed : int
        Random seed of the permutations, if there is no formula.
    **options
        Options of the measure.

    Returns
    -------
    float
        In the range of the measure's similarity.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `n_permutations` is less than 1, or the measure or an option is unknown.

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
    row = measure_named(measure).with_options(**options)
    # Theory is about independent samples.
    level = row.chance(overlap) if overlap.structure is None else None
    if level is None:
        level = null_distribution(
            overlap, measure, n_permutations=n_permutations, seed=seed, **options
        ).chance
    low, high = row.similarity_range
    return min(max(level, low), high)  # only rounding leaves the range


def calibrated(similarity: float, chance: float, best: float = 1.0) -> float:
    """Return the calibrated similarity: 0 at the chance level and 1 for identity.

    ``(similarity - chance) / (best - chance)``; negative below the chance level. NaN if the chance
    level equals the largest similarity, as when all correlations are forced to be 1.

    Parameters
    ----------
    similarity : float
        Similarity by a measure.
    chance : float
        Chance level of the same measure, from `chance`.
    best : float
        Largest similarity of the measure.

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
    # Only rounding may separate the chance level from the largest similarity.
    span = best - chance
    return (similarity - chance) / span if span > 1e-9 * abs(best) else nan
