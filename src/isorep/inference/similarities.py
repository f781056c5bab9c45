"""Similarities: several measures of one overlap, as one array."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import check_stopped
from isorep.core.overlap import Overlap
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
        check_stopped()
        return np.array([self._similarity(row, sample, options) for row, options in self._rows])

    def _similarity(self, row: Measure, sample: Overlap, options: dict[str, object]) -> float:
        if row.label in self.errors:
            return nan
        try:
            return row.compute(sample, **options).similarity
        except (TypeError, ValueError) as error:
            self.errors[row.label] = error
            return nan
