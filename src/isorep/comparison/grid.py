"""Grid: the cells of a table while they are filled, and why some of them are NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isorep.comparison.inferred import (
    NOTHING,
    InferenceOptions,
    adjusted_p_values,
    inferred_values,
)
from isorep.comparison.notes import Notes, reason_text, warning_lines
from isorep.comparison.table import Arrays, distance_variable, empty_arrays
from isorep.core.overlap import Overlap
from isorep.core.prepare import Coupled, Prepared, couple_prepared
from isorep.core.score import Score
from isorep.core.warning_text import not_computed
from isorep.inference.infer import N_PERMUTATIONS, Inference, examine
from isorep.inference.shared_parts import SharedParts
from isorep.measures.base import Measure

Index = tuple[int, ...]


class Grid:
    """The cells of a table while they are filled: one for each pair of layers compared.

    Parameters
    ----------
    shape
        Length of each dimension.
    measures
        The measures that compare each pair.
    options
        What to infer for each cell.

    Attributes
    ----------
    warnings, reasons : dict of index to notes
        Why to read a cell with care, and why it is NaN, for the cells where there is a reason.
    """

    def __init__(
        self,
        shape: Sequence[int],
        measures: Sequence[Measure],
        options: InferenceOptions = NOTHING,
    ) -> None:
        self._measures = measures
        self._options = options
        self._shared = SharedParts(options.n_permutations or N_PERMUTATIONS, options.seed)
        self._arrays = empty_arrays(shape, measures, options)
        self._same = np.zeros(shape, dtype=bool)
        self.warnings: dict[Index, Notes] = {}
        self.reasons: dict[Index, Notes] = {}

    def fill(
        self, at: Index, coupled: Coupled, *, mirror: Index | None = None, same: bool = False
    ) -> None:
        """Compare x with y in the cell `at`, and y with x in the cell `mirror`.

        The two directions share one overlap, and symmetric measures their numbers.

        Parameters
        ----------
        at, mirror
            Indices of the cells.
        coupled
            The overlap of x and y, or the error that prevents it, which both cells then report.
        same
            Whether x and y are the same layer of the same network. Its p-value is not adjusted.
        """
        if isinstance(coupled, Exception):
            for cell in (at,) if mirror is None else (at, mirror):
                self.reasons[cell] = {"": [str(coupled)]}
            return
        scores = [score_overlap(measure, coupled) for measure in self._measures]
        inferred = self._infer(coupled, scores, {})
        self._write(at, coupled, scores, inferred)
        self._same[at] = same
        if mirror is not None:
            swapped = coupled.swap()
            symmetric = {m.label: inferred[m.label] for m in self._measures
                         if m.symmetric and m.label in inferred}  # fmt: skip
            scores = [
                score
                if measure.symmetric and isinstance(score, Score)
                else score_overlap(measure, swapped)
                for measure, score in zip(self._measures, scores, strict=True)
            ]
            self._write(mirror, swapped, scores, self._infer(swapped, scores, symmetric))

    def arrays(self) -> Arrays:
        """Return the cells by variable, as `isorep.comparison.table.make_table` takes them."""
        arrays = dict(self._arrays)
        for measure in self._measures if self._options.chance else ():
            # A layer compared with itself is not a test: it would lower the other p-values.
            arrays[f"{measure.label}_p_adjusted"] = adjusted_p_values(
                arrays[f"{measure.label}_p_value"], ~self._same
            )
        for name, notes, as_text in (
            ("warnings", self.warnings, warning_lines),
            ("reason", self.reasons, reason_text),
        ):
            arrays[name] = arrays[name].copy()
            for cell, by_measure in notes.items():
                arrays[name][cell] = as_text(by_measure)
        return arrays

    def _infer(
        self,
        overlap: Overlap,
        scores: Sequence[Score | Exception],
        known: Mapping[str, Inference | ValueError | TypeError],
    ) -> dict[str, Inference | ValueError | TypeError]:
        """Return the inference of each measure that has a score, with those that are `known`."""
        measures = [
            measure
            for measure, score in zip(self._measures, scores, strict=True)
            if measure.label not in known and isinstance(score, Score)
        ]
        if not self._options.names or not measures:
            return dict(known)
        options = vars(self._options)
        return {**known, **examine(overlap, measures, **options, shared=self._shared)}

    def _write(
        self,
        at: Index,
        overlap: Overlap,
        scores: Sequence[Score | Exception],
        inferred: Mapping[str, Inference | ValueError | TypeError],
    ) -> None:
        arrays = self._arrays
        arrays["n_samples"][at] = overlap.n_samples
        warnings: dict[str, Sequence[str]] = {}
        reasons: dict[str, Sequence[str]] = {}
        for measure, score in zip(self._measures, scores, strict=True):
            if isinstance(score, Exception):
                reasons[measure.label] = [str(score)]
                continue
            arrays[measure.label][at] = score.similarity
            arrays[distance_variable(measure)][at] = score.distance
            inference = inferred.get(measure.label)
            if isinstance(inference, Inference):
                for name, value in inferred_values(inference).items():
                    if name in self._options.names:
                        arrays[f"{measure.label}_{name}"][at] = value
                arrays["n_significant"][at] = inference.n_significant
                warnings[measure.label] = inference.warnings
            elif inference is None:
                warnings[measure.label] = score.warnings
            else:
                warnings[measure.label] = [*score.warnings, not_computed(inference)]
        if any(warnings.values()):
            self.warnings[at] = warnings
        if reasons:
            self.reasons[at] = reasons


def score_overlap(measure: Measure, overlap: Overlap) -> Score | ValueError | TypeError:
    """Return the score of an overlap, or the error that says why the measure does not apply."""
    try:
        return measure(overlap)
    except (TypeError, ValueError) as error:
        return error


def score_prepared(measure: Measure, x: Prepared, y: Prepared) -> Score | ValueError | TypeError:
    """Return the score of two prepared layers, or the error that says why there is none."""
    coupled = couple_prepared(x, y)
    return coupled if isinstance(coupled, Exception) else score_overlap(measure, coupled)
