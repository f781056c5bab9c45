"""Interval: bounds of the population value of a measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot
from numbers import Real
from typing import Any

import numpy as np

from isorep._utils.arrays import ArrayLike, to_numpy
from isorep.core.overlap import Overlap
from isorep.inference.jackknife import BLOCKS, jackknife, leave_out
from isorep.inference.sequential import check_overlap
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Population


@dataclass(frozen=True)
class Interval:
    """An estimate and a confidence interval of the population value of a measure.

    Attributes
    ----------
    estimate : float
        Similarity, corrected for finite-sample bias if the measure allows it.
    low, high : float
        Bounds of the interval, in the range of the similarity.
    level : float
        Nominal confidence level.
    measure : str
        Name of the measure, with options that differ from their defaults.
    warnings : tuple of str
        Reasons to read the bounds with care; empty if there are none.
    """

    estimate: float
    low: float
    high: float
    level: float
    measure: str
    warnings: tuple[str, ...] = ()


def interval(
    overlap: Overlap,
    measure: Spec = "pwcca",
    *,
    level: float = 0.95,
    groups: ArrayLike | None = None,
    seed: int = 0,
    population: Population | None = None,
    **options: Any,
) -> Interval:
    """Return a confidence interval of the population value of a measure.

    For measures of second moments, the interval surrounds the corrected similarity (see
    `isorep.similarity`). The squares of four errors are added:

    - the error of the measure, by the jackknife over 20 blocks, without its share in the next one;
    - the error of the correlations below the noise edge. The sample determines the sum of their
      squares, whose error is that of the trace of a beta matrix. The measure is computed for
      populations with the sum moved down and up by this error, so bounds can be asymmetric;
    - the error of the shape of these correlations, of which the sample says little: the standard
      deviation of the measure over several shapes, weighted by their likelihoods;
    - the error of the correction, from the number of simulated samples, the extrapolation, and the
      sample's loadings in place of the population's.

    Measures that need the samples themselves are not corrected. ``cka_debiased`` and
    ``cka_rbf_debiased`` have almost no bias and get the jackknife's bounds; for the others these
    bounds surround a biased number, and the result warns.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`.
    level : float
        Confidence level, in (0, 1).
    groups : (n,) array-like, optional
        Group label of each sample; see `jackknife`. If samples depend on each other, such as tokens
        of one text, the bounds are too narrow without it.
    seed : int
        Random seed of the simulated samples and the blocks.
    population : Population, optional
        Population estimated before for the same overlap and seed.
    **options
        Options of the measure.

    Returns
    -------
    Interval

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `level` is not in (0, 1), there are fewer than 20 samples or groups, there are so few
        samples that some correlations are 1 whatever the data, or the measure or an option is
        unknown.

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
    >>> result = isorep.inference.interval(isorep.overlap(x, y), "cca")  # population value: 0.4
    >>> result.low < 0.4 < result.high, round(isorep.cca(x, y).similarity, 2)
    (True, 0.46)
    """
    check_overlap(overlap, "isorep.inference.interval")
    check_level(level)
    row = measure_named(measure).with_options(**options)
    seeded = row.seeded({}, seed)
    if not row.from_moments(seeded):
        return _uncorrected(overlap, row, level, groups, seed, seeded)
    if population is None:
        population = Population.estimate(overlap, seed)
    spectrum = population.spectrum

    def similarity(sample: Overlap) -> float:
        return row.compute(sample, **seeded).similarity

    jackknife_error = _error_without_tail(overlap, similarity, len(spectrum.head), groups, seed)
    excess = population.excess(similarity, seed)
    score = row.corrected(overlap, seed=seed, excess=excess)
    error = _quantile(level) * hypot(
        jackknife_error, float(excess.error), float(excess.shape_error)
    )
    tail_error = _quantile(level) * population.tail_error
    middle, low, high = (
        float(population.value(similarity, spectrum.shifted(shift)))
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
    """Raise TypeError unless a confidence level is a number, and ValueError if not in (0, 1)."""
    if not isinstance(level, Real):
        raise TypeError(f"level, the confidence level, must be a number in (0, 1), got {level!r}")
    if not 0 < level < 1:
        raise ValueError(f"level, the confidence level, must be in (0, 1), got {level}")


def is_unbiased(row: Measure, overlap: Overlap, options: Mapping[str, Any]) -> bool:
    """Return whether the measure has no finite-sample bias: its chance level by theory is 0."""
    return row.chance(overlap, **options) == 0.0


def _error_without_tail(
    overlap: Overlap,
    similarity: Callable[[Overlap], float],
    head: int,
    groups: ArrayLike | None,
    seed: int,
) -> float:
    """Return the jackknife error of a similarity, without the part that varies with the tail.

    The error of the sum of squares of the tail is known and counted separately.
    """

    def both(sample: Overlap) -> list[float]:
        return [similarity(sample), float(np.sum(to_numpy(sample.correlations)[head:] ** 2))]

    values, squares = leave_out(overlap, both, groups=groups, seed=seed).T
    if not np.any(squares):
        return float(np.sqrt(np.mean(values**2)))
    slope = (values @ squares) / (squares @ squares)
    residuals = values - slope * squares
    return float(np.sqrt(np.sum(residuals**2) / (len(residuals) - 1)))


def _uncorrected(
    overlap: Overlap,
    row: Measure,
    level: float,
    groups: ArrayLike | None,
    seed: int,
    options: dict[str, Any],
) -> Interval:
    score = row(overlap, **options)
    name = f"{row.name}, with samples held out," if row.requires == "moments" else row.name
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
            f"{name} has a finite-sample bias that cannot be corrected: these bounds show how far "
            "it varies with the samples, not where the population value is",
        ),
    )


def _quantile(level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(BLOCKS - 1, (1 + level) / 2))


def _clip(row: Measure, bound: float) -> float:
    low, high = row.similarity_range
    return min(max(bound, low), high)
