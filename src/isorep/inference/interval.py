"""Interval: between what bounds a measure of the population lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import Any

from numpy.typing import ArrayLike

from isorep.inference._sequential import check_overlap
from isorep.inference.jackknife import BLOCKS, jackknife
from isorep.measures import Measure, measure_named
from isorep.overlap import Overlap
from isorep.population import Population


@dataclass(frozen=True)
class Interval:
    """An estimate of a measure's population value, and bounds for it.

    Attributes
    ----------
    estimate : float
        The similarity; corrected for the number of samples where the measure allows it.
    low, high : float
        Bounds, in the range of the similarity.
    level : float
        How often, at least nominally, such bounds enclose the population's value.
    measure : str
        Its name in `isorep.MEASURES`.
    warnings : tuple of str
        Reasons to read the bounds with care; empty where there are none.
    """

    estimate: float
    low: float
    high: float
    level: float
    measure: str
    warnings: tuple[str, ...] = ()


def interval(
    overlap: Overlap,
    measure: str = "pwcca",
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
    seed: int = 0,
    population: Population | None = None,
    **options: Any,
) -> Interval:
    """Bound the population's value of a measure.

    Around the corrected similarity (see `isorep.similarity`), for measures of second moments. Three
    errors are added in squares: that of the measure, by the jackknife over 20 blocks; that of the
    correction's extrapolation, half of what it adds; and that of the correction itself, which comes
    from the correlations that drown in noise. The sum of their squares
    is what the sample says of them; it is moved up and down by its own error, that of the trace of
    a beta matrix, and the measure of either population read. The bounds need not be symmetric.

    Measures that read the samples themselves are not corrected. ``cka_debiased`` and
    ``cka_rbf_debiased`` have no bias to speak of and get the jackknife's bounds; for the others
    these surround a biased number, and the result warns.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : str
        A name in `isorep.MEASURES`.
    level : float
        In (0, 1).
    groups : (n,) array-like, optional
        Label of the group of each sample; see `jackknife`. Give it where samples depend on each
        other, such as tokens of one text: without it the bounds are then too narrow.
    seed : int
        Of the simulated samples and the blocks.
    population : Population, optional
        One found before for the same overlap and seed.
    **options
        The measure's own.

    Returns
    -------
    Interval

    Raises
    ------
    TypeError
        When `overlap` is none.
    ValueError
        When `level` is not in (0, 1), there are fewer than 20 samples or groups, or so few samples
        that some correlations are 1 whatever the data; for an unknown measure or option.

    References
    ----------
    Efron and Tibshirani 1993, An introduction to the bootstrap, chapters 11 and 12. Muirhead 1982,
    Aspects of multivariate statistical theory, chapter 10, for the trace. Coverage is measured in
    `docs/sample-size.md`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 4))
    >>> x, y = (np.hstack([shared, rng.standard_normal((500, 6))]) for _ in range(2))
    >>> found = isorep.inference.interval(isorep.overlap(x, y), "cca")  # of the population: 0.4
    >>> found.low < 0.4 < found.high, round(isorep.cca(x, y).similarity, 2)
    (True, 0.46)
    """
    check_overlap(overlap, "isorep.inference.interval")
    check_level(level)
    row = measure_named(measure)
    row.check_options(options)
    own = row.seeded(options, seed)
    if row.reads != "moments":
        return _uncorrected(overlap, row, level, groups, seed, own)
    if population is None:
        population = Population.behind(overlap, seed)
    spectrum = population.spectrum

    def read(sample: Overlap) -> float:
        return row.read(sample, **own).similarity

    excess = population.excess(read, seed)
    score = row.corrected(overlap, seed=seed, excess=excess, **options)
    # The extrapolation is trusted to half of what it adds.
    error = _quantile(level) * hypot(
        float(jackknife(overlap, read, groups=groups, seed=seed)), excess.extrapolated / 2
    )
    tail_error = _quantile(level) * population.tail_error
    middle, low, high = (
        replace(population, spectrum=spectrum.shifted(shift)).value(read)
        for shift in (0.0, -tail_error, tail_error)
    )
    return Interval(
        score.similarity,
        _clip(row, score.similarity - hypot(error, middle - low)),
        _clip(row, score.similarity + hypot(error, high - middle)),
        level,
        row.name,
        score.warnings,
    )


def check_level(level: float) -> None:
    """Refuse what is no level, with a ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"level is how often bounds are to hold, in (0, 1), not {level}")


def _uncorrected(
    overlap: Overlap,
    row: Measure,
    level: float,
    groups: ArrayLike | None,
    seed: int,
    options: dict[str, Any],
) -> Interval:
    score = row(overlap, **options)
    error = _quantile(level) * float(
        jackknife(overlap, lambda o: row.read(o, **options).similarity, groups=groups, seed=seed)
    )
    unbiased = row.chance is not None and row.chance(overlap, **options) == 0.0
    return Interval(
        score.similarity,
        _clip(row, score.similarity - error),
        _clip(row, score.similarity + error),
        level,
        row.name,
        ()
        if unbiased
        else (
            f"{row.name} is biased by few samples and cannot be corrected: these bounds tell how "
            "far it varies with the samples, not where the population's value lies",
        ),
    )


def _quantile(level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(BLOCKS - 1, (1 + level) / 2))


def _clip(row: Measure, bound: float) -> float:
    low, high = row.similarity_range
    return min(max(bound, low), high)
