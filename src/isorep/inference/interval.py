"""Interval: bounds of the population value of a measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText, heard
from isorep.inference.estimate import Estimate, estimates
from isorep.inference.jackknife import WithoutEach
from isorep.inference.sequential import check_overlap
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Excess, Population

GREATEST_LEVEL = 0.999999
"""Level of confidence up to which the populations that a sample allows are known; see `END`."""


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

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 500, 4))
    >>> result = isorep.inference.interval(isorep.overlap(x, x + noise), "cca")
    >>> result.low < result.estimate < result.high, result.level
    (True, 0.95)
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
    seed: int = 0,
    population: Population | None = None,
    **options: Any,
) -> Interval:
    """Return a confidence interval of the population value of a measure.

    For measures of second moments, the interval surrounds the corrected similarity (see
    `isorep.similarity`). The squares of three errors are added:

    - the error of the measure, by the jackknife over 20 blocks (over the groups if there are
      fewer);
    - the error of the population's correlations: how far the measure lies below and above in
      populations that the sample allows at this level, so bounds can be asymmetric. They are those
      of a profile likelihood, of the mean correlation and of the mean square;
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
        Confidence level, above 0 and at most 0.999999.
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
        If `level` is out of range, there are fewer than 20 samples or 5 groups, there are so few
        samples that some correlations are 1 whatever the data, or the measure or an option is
        unknown.

    References
    ----------
    Efron and Tibshirani 1993, An introduction to the bootstrap, chapters 11 and 12. Coverage is
    measured in `docs/sample-size.md`.

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
    if not row.from_moments(row.seeded({}, seed)):
        population = None
    elif population is None:
        population = Population.estimate(overlap, seed)
    bounds = intervals(overlap, [row], level=level, seed=seed, population=population)
    result = bounds[row.label]
    if isinstance(result, Exception):
        raise result
    return result


def intervals(
    overlap: Overlap,
    rows: Sequence[Measure],
    *,
    level: float,
    seed: int,
    population: Population | None,
    excesses: Mapping[str, Excess | ValueError | TypeError] | None = None,
    without_each: WithoutEach | None = None,
) -> dict[str, Interval | ValueError | TypeError]:
    """Return the intervals of several measures, by label, or the errors that prevent them.

    The measures share the jackknife and the simulated samples. See `interval`.

    Parameters
    ----------
    rows
        The measures.
    population, excesses, without_each
        See `estimates`.
    """
    return {
        label: estimate if isinstance(estimate, Exception) else _interval(estimate, level)
        for label, estimate in estimates(
            overlap,
            rows,
            seed=seed,
            population=population,
            excesses=excesses,
            without_each=without_each,
        ).items()
    }


def _interval(estimate: Estimate, level: float) -> Interval:
    to_low, to_high = estimate.half_widths(level)
    row = estimate.measure
    return Interval(
        estimate.value,
        row.clipped(estimate.value - to_low),
        row.clipped(estimate.value + to_high),
        level,
        row.label,
        _warnings(estimate),
    )


def _warnings(estimate: Estimate) -> tuple[str, ...]:
    """Return the warnings of a correction, or one that there is none."""
    if estimate.excess is not None:
        return estimate.warnings
    if estimate.is_unbiased:
        return ()
    row = estimate.measure
    name = f"{row.name}, with samples held out," if row.holds_out() else row.name
    return heard(
        [
            WarningText(
                "uncorrected-interval",
                f"{name} has a finite-sample bias that cannot be corrected: these bounds show how "
                "far it varies with the samples, not where the population value is",
                "use a measure that can be corrected, such as pwcca, cca or cka",
            )
        ]
    )


def check_level(level: float) -> None:
    """Raise TypeError unless a confidence level is a number, and ValueError if not in range."""
    if not isinstance(level, Real):
        raise TypeError(f"level, the confidence level, must be a number in (0, 1), got {level!r}")
    if not 0 < level < 1:
        raise ValueError(f"level, the confidence level, must be in (0, 1), got {level}")
    if level > GREATEST_LEVEL:
        raise ValueError(
            f"level, the confidence level, must be at most {GREATEST_LEVEL}, got {level}"
        )
