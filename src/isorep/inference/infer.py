"""Infer: a similarity with all that is known about how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from numpy.typing import ArrayLike

from isorep._utils.arrays import to_numpy
from isorep._utils.validation import check_seed
from isorep.core.basis import Solver
from isorep.core.folds import group_labels
from isorep.core.overlap import Overlap, overlap
from isorep.inference.chance import calibrated
from isorep.inference.interval import check_level, is_unbiased
from isorep.inference.interval import interval as bounds
from isorep.inference.null_distribution import check_permutations, null_distribution
from isorep.measures.base import Measure
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Population
from isorep.random_matrix.tracy_widom import n_above_edge

LEVEL = 0.95
"""How often bounds are to hold."""

N_PERMUTATIONS = 199
"""Shuffled pairings behind a p-value, which is then 0.005 at the least."""


@dataclass(frozen=True)
class Inference:
    """A similarity, and how far to trust it.

    What was not asked for, or cannot be told, is NaN.

    Attributes
    ----------
    similarity : float
        As the measure's formula gives it.
    corrected : float
        Less what it owes to the number of samples; see `isorep.similarity`. The same where that is
        nothing, as for ``cka_debiased``.
    interval : (float, float)
        Bounds for the population's value; see `isorep.inference.interval`.
    chance : float
        The similarity to expect of unrelated data like these.
    calibrated : float
        The similarity in units in which chance is 0 and identity 1.
    p_value : float
        Chance of so high a similarity, were the two sides unrelated.
    n_significant : int
        Canonical correlations beyond the edge of noise; see `isorep.inference.random_matrix_edge`.
    measure : str
        Its name in `isorep.MEASURES`.
    n_samples, x_rank, y_rank : int
        As in `isorep.Score`.
    warnings : tuple of str
        Reasons to read the numbers with care; empty where there are none.
    """

    similarity: float
    corrected: float
    interval: tuple[float, float]
    chance: float
    calibrated: float
    p_value: float
    n_significant: int
    measure: str
    n_samples: int
    x_rank: int
    y_rank: int
    warnings: tuple[str, ...] = ()


def infer(
    x: Any,
    y: Any,
    measure: str = "pwcca",
    *,
    level: float = LEVEL,
    n_permutations: int = N_PERMUTATIONS,
    groups: ArrayLike | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    **options: Any,
) -> Inference:
    """Compare two representations, and say how far to trust the number.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows. For mappings of layers, `isorep.compare` tells the same of each
        pair of layers.
    measure : str
        A name in `isorep.MEASURES`.
    level : float
        Confidence level of the interval.
    n_permutations : int
        Shuffled pairings for the p-value, and for chance where theory has no formula. The p-value
        assumes independent samples.
    groups : (n,) array-like, optional
        Label of the group of each sample, where samples depend on each other, such as the text that
        a token comes from; for the interval alone, as the result then warns.
    seed : int
        Of everything that is drawn: the same seed gives the same numbers.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    **options
        The measure's own.

    Returns
    -------
    Inference
        What cannot be told from so few samples is NaN, with the reason among the warnings.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and for an unknown measure or option, or a level outside (0, 1).

    References
    ----------
    Of each part: `isorep.similarity`, and `interval`, `chance`, `null_distribution` and
    `random_matrix_edge` of `isorep.inference`.

    Examples
    --------
    Five shared dimensions among fifty:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((2000, 5))
    >>> x, y = (np.hstack([shared, rng.standard_normal((2000, 45))]) for _ in range(2))
    >>> found = isorep.infer(x, y, "cca")
    >>> found.n_significant, found.p_value, found.interval[0] < 0.1 < found.interval[1]
    (5, 0.005, True)
    >>> round(found.similarity, 2), round(found.chance, 2), round(found.calibrated, 2)
    (0.21, 0.13, 0.09)
    """
    for side, name in ((x, "x"), (y, "y")):
        if isinstance(side, Mapping):
            raise TypeError(
                f"{name} is a mapping of layers, and infer compares two arrays: use "
                "isorep.compare(a, b, correct=True, interval=True, chance=True) for two mappings"
            )
    row = measure_named(measure)
    row.check_options(options)
    check_level(level)
    check_permutations(n_permutations)
    check_seed(seed)
    coupled = overlap(x, y, solver=solver)
    if groups is not None:
        group_labels(groups, coupled.n_samples)  # before all else, which takes longer
    return examine(
        coupled,
        row,
        level=level,
        n_permutations=n_permutations,
        groups=groups,
        seed=seed,
        **options,
    )


def examine(
    coupled: Overlap,
    row: Measure,
    *,
    correct: bool = True,
    interval: bool = True,
    chance: bool = True,
    level: float = LEVEL,
    n_permutations: int = N_PERMUTATIONS,
    groups: ArrayLike | None = None,
    seed: int = 0,
    population: Population | None = None,
    **options: Any,
) -> Inference:
    """Tell of one overlap what is asked for; see `infer`."""
    own = row.seeded(options, seed)
    score = row(coupled, **own)
    warnings = list(score.warnings)
    if groups is not None:
        warnings.append(
            "groups widen the interval alone: the correction, chance and the p-value take the "
            f"{coupled.n_samples} samples for independent, and may find more than there is; "
            "compare one sample, or the mean, of each group for these"
        )
    corrected, low, high = nan, nan, nan
    wanted = correct or interval
    correctable = row.from_moments(own)
    if wanted and is_unbiased(row, coupled, own):
        corrected = score.similarity
    if wanted and correctable and population is None:
        try:
            population = Population.estimate(coupled, seed)
        except ValueError as error:
            warnings.append(str(error))
    if interval and (population is not None or not correctable):
        try:
            found = bounds(
                coupled,
                row.label,
                level=level,
                groups=groups,
                seed=seed,
                population=population,
                **options,
            )
        except ValueError as error:
            warnings.append(str(error))
        else:
            low, high = found.low, found.high
            warnings += found.warnings
            if correctable:
                corrected = found.estimate
    if wanted and population is not None and correctable and isnan(corrected):
        try:
            told = row.corrected(coupled, seed=seed, population=population, **options)
        except ValueError as error:
            warnings.append(str(error))
        else:
            corrected = told.similarity
            warnings += told.warnings
    level_of_chance, p_value = nan, nan
    if chance:
        theory = row.chance(coupled, **own) if row.chance is not None else None
        if coupled.knows_samples:
            null = null_distribution(
                coupled, row.label, n_permutations=n_permutations, seed=seed, **options
            )
            level_of_chance = null.chance if theory is None else theory
            p_value = null.p_value
        else:
            level_of_chance = nan if theory is None else theory
            warnings.append(
                "p-values, and chance where theory has no formula, come from shuffled samples, "
                "and a stream keeps second moments only: compare fewer samples in memory"
            )
    return Inference(
        similarity=score.similarity,
        corrected=corrected,
        interval=(low, high),
        chance=level_of_chance,
        calibrated=calibrated(score.similarity, level_of_chance),
        p_value=p_value,
        n_significant=n_above_edge(
            to_numpy(coupled.correlations), coupled.n_samples, coupled.x.rank, coupled.y.rank
        ),
        measure=row.label,
        n_samples=score.n_samples,
        x_rank=score.x_rank,
        y_rank=score.y_rank,
        warnings=tuple(dict.fromkeys(warnings)),
    )
