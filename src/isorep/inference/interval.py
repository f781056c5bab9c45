"""Interval: between what bounds a measure of the population lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.inference.jackknife import BLOCKS, jackknife, leave_out
from isorep.inference.sequential import check_overlap
from isorep.measures.base import Measure
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Population


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

    Around the corrected similarity (see `isorep.similarity`), for measures of second moments. Four
    errors are added in squares:

    - that of the measure, by the jackknife over 20 blocks, but for what goes with the next;
    - that of the correlations that drown in noise. The sum of their squares is what the sample
      says of them; it is moved up and down by its own error, that of the trace of a beta matrix,
      and the measure of either population read. So the bounds need not be symmetric;
    - that of their shape, of which the sample says little: how much the measure differs between the
      shapes that are tried, by their likelihoods;
    - that of the correction: of few simulated samples, of its extrapolation, and of taking the
      sample's loadings for the population's.

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
    if not row.from_moments(own):
        return _uncorrected(overlap, row, level, groups, seed, own)
    if population is None:
        population = Population.estimate(overlap, seed)
    spectrum = population.spectrum

    def read(sample: Overlap) -> float:
        return row.compute(sample, **own).similarity

    jackknifed = _error_beside_tail(overlap, read, len(spectrum.head), groups, seed)
    excess = population.excess(read, seed)
    score = row.corrected(overlap, seed=seed, excess=excess, **options)
    error = _quantile(level) * hypot(jackknifed, float(excess.error), float(excess.shape_error))
    tail_error = _quantile(level) * population.tail_error
    middle, low, high = (
        float(population.value(read, spectrum.shifted(shift)))
        for shift in (0.0, -tail_error, tail_error)
    )
    return Interval(
        score.similarity,
        _clip(row, score.similarity - hypot(error, middle - low)),
        _clip(row, score.similarity + hypot(error, high - middle)),
        level,
        row.label,
        score.warnings,
    )


def check_level(level: float) -> None:
    """Refuse what is no level, with a ValueError, or a TypeError for what is no number."""
    if not isinstance(level, Real):
        raise TypeError(f"level is how often bounds are to hold, in (0, 1), not {level!r}")
    if not 0 < level < 1:
        raise ValueError(f"level is how often bounds are to hold, in (0, 1), not {level}")


def is_unbiased(row: Measure, overlap: Overlap, options: Mapping[str, Any]) -> bool:
    """Tell whether few samples do not raise the measure: unrelated data show 0 by theory."""
    return row.chance is not None and row.chance(overlap, **options) == 0.0


def _error_beside_tail(
    overlap: Overlap,
    read: Callable[[Overlap], float],
    head: int,
    groups: ArrayLike | None,
    seed: int,
) -> float:
    """Return the jackknife's error of what is read, less what goes with the tail's squares.

    The error of these is known, and what it does to the population's value is counted by itself.
    """

    def both(sample: Overlap) -> list[float]:
        return [read(sample), float(np.sum(to_numpy(sample.correlations)[head:] ** 2))]

    values, squares = leave_out(overlap, both, groups=groups, seed=seed).T
    if not np.any(squares):
        return float(np.sqrt(np.mean(values**2)))
    slope = (values @ squares) / (squares @ squares)
    left = values - slope * squares
    return float(np.sqrt(np.sum(left**2) / (len(left) - 1)))


def _uncorrected(
    overlap: Overlap,
    row: Measure,
    level: float,
    groups: ArrayLike | None,
    seed: int,
    options: dict[str, Any],
) -> Interval:
    score = row(overlap, **options)
    described = f"{row.name}, with samples held out," if row.requires == "moments" else row.name
    error = _quantile(level) * float(
        jackknife(overlap, lambda o: row.compute(o, **options).similarity, groups=groups, seed=seed)
    )
    return Interval(
        score.similarity,
        _clip(row, score.similarity - error),
        _clip(row, score.similarity + error),
        level,
        row.label,
        ()
        if is_unbiased(row, overlap, options)
        else (
            f"{described} is biased by few samples and cannot be corrected: these bounds tell how "
            "far it varies with the samples, not where the population's value lies",
        ),
    )


def _quantile(level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(BLOCKS - 1, (1 + level) / 2))


def _clip(row: Measure, bound: float) -> float:
    low, high = row.similarity_range
    return min(max(bound, low), high)
