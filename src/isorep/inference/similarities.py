"""Similarities: several measures of one overlap, as one array."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import check_stopped
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack
from isorep.measures.base import Measure


class Similarities:
    """A function of overlaps that computes several measures, so that they share simulated samples.

    Parameters
    ----------
    rows
        The measures.
    seed
        Random seed of the measures that draw at random.

    Attributes
    ----------
    errors : dict of str to exception
        By label, the error of each measure that could not be computed. Its values are NaN.
    """

    def __init__(self, rows: Sequence[Measure], seed: int) -> None:
        self._rows = [(row, row.seeded({}, seed)) for row in rows]
        self.errors: dict[str, ValueError | TypeError] = {}

    def __call__(self, sample: Overlap) -> NDArray[np.float64]:
        """Return the similarity by each measure."""
        values: NDArray[np.float64] = self.of_stack([sample])[0]
        return values

    def of_stack(self, stack: Stack | Sequence[Overlap]) -> NDArray[np.float64]:
        """Return the similarity of each overlap by each measure, (b, n_measures)."""
        check_stopped()
        columns = [self._of_measure(row, stack, options) for row, options in self._rows]
        values: NDArray[np.float64] = np.stack(columns, axis=1)
        return values

    def _of_measure(
        self, row: Measure, stack: Stack | Sequence[Overlap], options: dict[str, object]
    ) -> NDArray[np.float64]:
        if row.label not in self.errors:
            try:
                return row.similarities(stack, **options)
            except (TypeError, ValueError) as error:
                self.errors[row.label] = error
        return np.full(len(stack), nan)
