"""Grid: the cells of a table while they are filled, and why some of them are NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.comparison.inferred import (
    NOTHING,
    InferenceOptions,
    inferred_values,
    of_all_cells,
)
from isorep.comparison.notes import Notes, reason_text, warning_lines
from isorep.comparison.table import (
    Arrays,
    distance_variable,
    empty_arrays,
    standardized_variable,
)
from isorep.core.overlap import Overlap
from isorep.core.prepare import Coupled, Prepared, couple_prepared
from isorep.core.score import Score
from isorep.core.warning_text import not_computed
from isorep.inference.infer import N_PERMUTATIONS, Examined, examine
from isorep.inference.max_statistic import standardized
from isorep.inference.null_distribution import NullDistribution
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
    null_maxima : (n_measures, n_permutations) array
        Largest standardized similarity of the cells after each permutation, the same permutation
        of the samples in all cells; -inf without cells.
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
        self.null_maxima = np.full((len(measures), options.n_draws), -np.inf)
        self._lock = Lock()
        self.warnings: dict[Index, Notes] = {}
        self.reasons: dict[Index, Notes] = {}
        self._errors: list[float] = []

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
            Whether x and y are the same layer of the same network. This is not a test: it would
            lower the adjusted p-values of other cells.
        """
        if isinstance(coupled, Exception):
            for cell in (at,) if mirror is None else (at, mirror):
                self.reasons[cell] = {"": [str(coupled)]}
            return
        scores = [score_overlap(measure, coupled) for measure in self._measures]
        inferred = self._infer(coupled, scores, {})
        self._write(at, coupled, scores, inferred, tested=not same)
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

    @property
    def precision(self) -> dict[str, Any]:
        """Precision of the products, and the bound of the error, as attributes of the table."""
        if not self._errors:
            return {"precision": "double"}
        return {"precision": "single", "precision_error": max(self._errors)}

    def arrays(self) -> Arrays:
        """Return the cells by variable, as `isorep.comparison.table.make_table` takes them."""
        return with_all_cells(self.cells(), self._measures, self._options, self.null_maxima)

    def cells(self) -> Arrays:
        """Return the cells of a part of a table, before the p-values that need all its cells."""
        arrays = dict(self._arrays)
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
        known: Mapping[str, Examined | ValueError | TypeError],
    ) -> dict[str, Examined | ValueError | TypeError]:
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
        inferred: Mapping[str, Examined | ValueError | TypeError],
        *,
        tested: bool = True,
    ) -> None:
        arrays = self._arrays
        arrays["n_samples"][at] = overlap.n_samples
        warnings: dict[str, Sequence[str]] = {}
        reasons: dict[str, Sequence[str]] = {}
        for i, (measure, score) in enumerate(zip(self._measures, scores, strict=True)):
            if isinstance(score, Exception):
                reasons[measure.label] = [str(score)]
                continue
            arrays[measure.label][at] = score.similarity
            if score.precision == "single":
                self._errors.append(score.error)
            arrays[distance_variable(measure)][at] = score.distance
            examined = inferred.get(measure.label)
            if isinstance(examined, Examined):
                inference = examined.inference
                for name, value in inferred_values(inference).items():
                    if name in self._options.names:
                        arrays[f"{measure.label}_{name}"][at] = value
                arrays["n_significant"][at] = inference.n_significant
                warnings[measure.label] = inference.warnings
                if examined.null is not None and tested:
                    self._write_null(at, i, examined.null)
            elif examined is None:
                warnings[measure.label] = score.warnings
            else:
                warnings[measure.label] = [*score.warnings, not_computed(examined)]
        if any(warnings.values()):
            self.warnings[at] = warnings
        if reasons:
            self.reasons[at] = reasons

    def _write_null(self, at: Index, measure: int, null: NullDistribution) -> None:
        """Write the standardized similarity of a test, and add its permutations to the maxima."""
        similarity, draws = standardized(null)
        self._arrays[standardized_variable(self._measures[measure])][at] = similarity
        maxima = self.null_maxima[measure]
        with self._lock:  # cells are filled by several threads
            np.maximum(maxima, draws, out=maxima)


def with_all_cells(
    arrays: Mapping[str, NDArray[Any]],
    measures: Sequence[Measure],
    options: InferenceOptions,
    null_maxima: NDArray[np.float64],
) -> Arrays:
    """Return the cells of a whole table, with the p-values that account for its many cells.

    Parameters
    ----------
    arrays
        All cells of the table, as `Grid.cells` returns them.
    measures, options
        What the cells were compared by, and what was inferred.
    null_maxima : (n_measures, n_permutations) array
        See `Grid`.
    """
    complete = dict(arrays)
    for measure, maxima in zip(measures if options.chance else (), null_maxima, strict=False):
        p_values = of_all_cells(
            arrays[f"{measure.label}_p_value"], arrays[standardized_variable(measure)], maxima
        )
        complete |= {f"{measure.label}_{name}": values for name, values in p_values.items()}
    return complete


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
