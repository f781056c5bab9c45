"""Estimate: a similarity, corrected if possible, with the parts of its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.core.overlap import Overlap
from isorep.inference.jackknife import BLOCKS, WithoutEach, leave_out
from isorep.inference.similarities import Similarities
from isorep.measures.base import Measure
from isorep.random_matrix.population import Excess, Population

FEWEST_BLOCKS = 5
"""Groups from which on an interval can be given."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A similarity with the parts of its error.

    Attributes
    ----------
    measure : Measure
    value : float
        Similarity, corrected for finite-sample bias if `excess` is known.
    deviations : (g,) float64 array
        Deviations of the jackknife's blocks; see `leave_out`.
    excess : Excess or None
        The bias that was subtracted.
    is_unbiased : bool
        Whether the value has no finite-sample bias, or is corrected for it.
    warnings : tuple of str
        Warnings of the similarity and its correction.
    """

    measure: Measure
    value: float
    deviations: NDArray[np.float64]
    excess: Excess | None
    is_unbiased: bool
    warnings: tuple[str, ...]

    def half_widths(self, level: float) -> tuple[float, float]:
        """Return how far the confidence interval of the value reaches down and up."""
        quantile = student_quantile(level, len(self.deviations))
        spread = quantile * float(np.sqrt(np.mean(self.deviations**2)))
        if self.excess is None:
            return spread, spread
        error = hypot(spread, quantile * float(self.excess.error))
        to_low, to_high = profile_widths(self.excess, level)
        return hypot(error, to_low), hypot(error, to_high)


def estimates(
    overlap: Overlap,
    rows: Sequence[Measure],
    *,
    seed: int,
    population: Population | None,
    excesses: Mapping[str, Excess | ValueError | TypeError] | None = None,
    without_each: WithoutEach | None = None,
) -> dict[str, Estimate | ValueError | TypeError]:
    """Return the estimates of several measures, by label, or the errors that prevent them.

    The measures share the jackknife and the simulated samples.

    Parameters
    ----------
    rows
        The measures.
    population, excesses
        The population of the overlap, and the finite-sample biases of the measures of second
        moments, if they are known. Without a population, nothing is corrected.
    without_each
        Overlaps without each block that know no samples; see `leave_out`. They are not used if a
        measure needs samples.
    """
    if not rows:
        return {}
    of_moments = [row for row in rows if row.from_moments(row.seeded({}, seed))]
    if population is None:
        excesses = {}
    elif excesses is None:
        excesses = excesses_of(population, of_moments, seed)
    similarities = Similarities(rows, seed)
    if len(of_moments) < len(rows):
        without_each = None
    try:
        deviations = leave_out(
            overlap,
            similarities,
            n_blocks(overlap),
            seed=seed,
            stacked=None if without_each is None else (without_each, similarities.of_stack),
        )
    except ValueError as error:
        return {row.label: error for row in rows}
    results: dict[str, Estimate | ValueError | TypeError] = {}
    for row, values in zip(rows, deviations.T, strict=True):
        excess = excesses.get(row.label)
        if row.label in similarities.errors:
            results[row.label] = similarities.errors[row.label]
        elif isinstance(excess, Exception):
            results[row.label] = excess
        else:
            results[row.label] = _estimate(overlap, row, values, excess, seed)
    return results


def _estimate(
    overlap: Overlap,
    row: Measure,
    deviations: NDArray[np.float64],
    excess: Excess | None,
    seed: int,
) -> Estimate:
    options = row.seeded({}, seed)
    if excess is None:
        score, is_fair = row(overlap, **options), is_unbiased(row, overlap, options)
    else:
        score, is_fair = row.corrected(overlap, seed=seed, excess=excess), True
    return Estimate(row, score.similarity, deviations, excess, is_fair, score.warnings)


def excesses_of(
    population: Population, rows: Sequence[Measure], seed: int
) -> dict[str, Excess | ValueError | TypeError]:
    """Return the finite-sample biases of several measures of second moments, by label.

    The measures share the simulated samples.
    """
    similarities = Similarities(rows, seed)
    excess = population.excess_of_stacks(similarities.of_stack, seed)
    return {
        row.label: similarities.errors[row.label]
        if row.label in similarities.errors
        else excess.of(i)
        for i, row in enumerate(rows)
    }


def is_unbiased(row: Measure, overlap: Overlap, options: Mapping[str, Any]) -> bool:
    """Return whether the measure has no finite-sample bias: its chance level by theory is 0."""
    follows = overlap.structure is None or row.unbiased_of_groups
    return follows and row.chance(overlap, **options) == 0.0


def n_blocks(overlap: Overlap) -> int:
    """Return the number of blocks to leave out: fewer than usual if there are fewer groups."""
    structure = overlap.structure
    if structure is None:
        return BLOCKS
    return min(BLOCKS, max(FEWEST_BLOCKS, len(np.unique(structure.units(BLOCKS)))))


def student_quantile(level: float, blocks: int) -> float:
    """Return the two-sided quantile of Student's t for a jackknife over this many blocks."""
    from scipy.special import stdtrit

    return float(stdtrit(blocks - 1, (1 + level) / 2))


def profile_widths(excess: Excess, level: float) -> tuple[float, float]:
    """Return how far below and above populations lie that the sample allows at a level."""
    from scipy.special import chdtri

    to_low, to_high = excess.within(float(chdtri(1, 1 - level)))
    return -float(to_low), float(to_high)
