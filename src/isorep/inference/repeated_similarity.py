"""Repeated similarity: similarities of simulated recordings, with intervals over stimuli."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import one_thread
from isorep.core.folds import assign_folds
from isorep.core.overlap import Overlap, overlap
from isorep.core.warning_text import WarningText, code_of, heard, not_computed
from isorep.inference.estimate import FEWEST_BLOCKS, is_unbiased
from isorep.inference.jackknife import BLOCKS, standard_error
from isorep.inference.signal_and_noise import Floats, SignalAndNoise
from isorep.inference.similarities import Similarities
from isorep.measures.base import Measure
from isorep.representations.repeats import Repeats
from isorep.representations.sample_structure import SampleStructure

DRAWS = 4
"""Simulated recordings over which similarities are averaged."""

CORRECTED_DRAWS = 2
"""Simulated recordings whose similarities are also corrected for finite-sample bias."""

Simulation = Callable[[SignalAndNoise, int], tuple[Floats, Floats]]
"""``(recording, draw)``: two simulated representations, `SignalAndNoise.pair` or `repetitions`."""


@dataclass(frozen=True)
class RepeatedSimilarity:
    """Mean similarity of simulated recordings.

    Attributes
    ----------
    similarity : float
    corrected : float
        The same, corrected for finite-sample bias; NaN unless it was asked for.
    margin : float
        Distance of both to the bounds of their intervals, by the jackknife over stimuli; NaN if it
        cannot be computed.
    similarity_range : (float, float)
        Least and greatest similarity.
    warnings : tuple of str
    """

    similarity: float
    corrected: float
    margin: float
    similarity_range: tuple[float, float]
    warnings: tuple[str, ...]

    def interval(self, corrected: bool = False) -> tuple[float, float]:
        """Return the interval of the similarity, or of the corrected one."""
        centre = self.corrected if corrected else self.similarity
        low, high = self.similarity_range
        return max(centre - self.margin, low), min(centre + self.margin, high)


def repeated_similarities(
    recording: SignalAndNoise,
    simulation: Simulation,
    rows: Sequence[Measure],
    *,
    structure: SampleStructure | None = None,
    level: float = 0.95,
    seed: int = 0,
    correct: Sequence[Measure] = (),
) -> dict[str, RepeatedSimilarity | ValueError | TypeError]:
    """Return similarities of simulated recordings, or the errors that prevent them, by label.

    Parameters
    ----------
    recording
        The estimated signal and noise.
    simulation
        How two representations are simulated.
    rows
        The measures; none compares maps.
    structure
        Which stimuli depend on each other.
    level, seed
        Confidence level, and random seed of the measures and the blocks.
    correct
        Measures whose similarities are also corrected for finite-sample bias.
    """
    from scipy.special import stdtrit

    similarities = Similarities(rows, seed)
    groups = None if structure is None else structure.groups
    with one_thread():
        drawn = [_coupled(simulation, recording, i, groups) for i in range(DRAWS)]
        means = np.mean([similarities(sample) for sample in drawn], axis=0)
        replicates, trouble = _replicates(recording, simulation, similarities, structure, seed)
        errors = np.full(len(rows), nan) if trouble else standard_error(np.array(replicates))
        quantile = float(stdtrit(max(len(replicates) - 1, 1), (1 + level) / 2))
        results: dict[str, RepeatedSimilarity | ValueError | TypeError] = {}
        for row, mean, error in zip(rows, means, errors, strict=True):
            if row.label in similarities.errors:
                results[row.label] = similarities.errors[row.label]
                continue
            score = row(drawn[0], **row.seeded({}, seed))
            few = [text for text in score.warnings if code_of(text) == "few-samples"]
            try:
                excess = _excess(row, drawn, seed) if row in correct else nan
            except (TypeError, ValueError) as reason:
                excess = nan
                few.append(not_computed(reason))
            low, high = row.similarity_range
            results[row.label] = RepeatedSimilarity(
                similarity=float(np.clip(mean, low, high)),
                corrected=float(np.clip(mean - excess, low, high)),
                margin=quantile * float(error),
                similarity_range=row.similarity_range,
                warnings=heard((*recording_warnings(recording), *few, *trouble)),
            )
    return results


def recording_warnings(recording: SignalAndNoise) -> tuple[WarningText, ...]:
    """Return why the signal and the noise of a recording are uncertain."""
    warnings = []
    if recording.may_be_noise:
        warnings.append(
            WarningText(
                "noisy-recording",
                "the averages vary no more from stimulus to stimulus than the trials' noise would "
                "make them, so the ceiling is that of noise",
                "take more trials, or neurons that respond to the stimuli",
            )
        )
    counts = recording.repeats.counts
    single = int(np.sum(counts == 1))
    if single:
        warnings.append(
            WarningText(
                "single-trials",
                f"{single} of {len(counts)} stimuli have one trial, so their noise is taken to be "
                "that of the other stimuli",
                "repeat every stimulus, or leave out stimuli without repeats if their responses "
                "are larger or noisier than those of others",
            )
        )
    return tuple(warnings)


def structure_of_stimuli(groups: Any, repeats: Repeats) -> SampleStructure | None:
    """Return which stimuli depend on each other, from the group of each trial.

    Raises
    ------
    ValueError
        If the trials of a stimulus are of several groups.
    """
    if groups is None:
        return None
    trials = SampleStructure.from_labels(groups, n=len(repeats.numbers))
    of_stimuli = repeats.shared(trials.groups)
    if of_stimuli is None:
        raise ValueError(
            "groups= should give all trials of a stimulus the same group, which holds stimuli that "
            "depend on each other (such as the frames of a film)"
        )
    structure = SampleStructure.from_labels(of_stimuli)
    return None if structure.is_independent else structure


def _coupled(
    simulation: Simulation, recording: SignalAndNoise, draw: int, groups: NDArray[np.int64] | None
) -> Overlap:
    x, y = simulation(recording, draw)
    return overlap(x, y) if groups is None else overlap(x, y, groups=groups)


def _replicates(
    recording: SignalAndNoise,
    simulation: Simulation,
    similarities: Similarities,
    structure: SampleStructure | None,
    seed: int,
) -> tuple[list[Floats], tuple[WarningText, ...]]:
    """Return the similarities without each block of stimuli, or why there are none."""
    n = recording.n_stimuli
    blocks = min(BLOCKS, n if structure is None else len(np.unique(structure.units(BLOCKS))))
    if blocks < FEWEST_BLOCKS:
        reason = f"an interval needs {FEWEST_BLOCKS} independent stimuli or groups, got {blocks}"
        return [], (not_computed(ValueError(reason)),)
    block_of = assign_folds(n, blocks, structure, seed)
    replicates = []
    for block in range(blocks):
        kept = block_of != block
        part = recording.without(np.flatnonzero(~kept))
        groups = None if structure is None else structure.groups[kept]
        drawn = [similarities(_coupled(simulation, part, i, groups)) for i in range(DRAWS)]
        replicates.append(np.mean(drawn, axis=0))
    return replicates, ()


def _excess(row: Measure, drawn: Sequence[Overlap], seed: int) -> float:
    """Return the mean finite-sample bias on simulated recordings; NaN if it is unknown."""
    options = row.seeded({}, seed)
    if not row.from_moments(options):
        return 0.0 if is_unbiased(row, drawn[0], options) else nan
    scores = [row.corrected(x, seed=seed + i) for i, x in enumerate(drawn[:CORRECTED_DRAWS])]
    return float(np.mean([(score.uncorrected or 0.0) - score.similarity for score in scores]))
