"""Score: what a measure says about two representations, and with what reservations."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass


class FewSamplesWarning(UserWarning):
    """A score says more about the number of samples than about the representations."""


@dataclass(frozen=True)
class Score:
    """A measure's answer, in both directions.

    Attributes
    ----------
    similarity : float
        Higher is more alike; 1 for the same representation up to what the measure ignores.
    distance : float
        Lower is more alike; ``1 - similarity``, or, where the measure is one, an angle in radians
        or a norm in the units of the features.
    measure : str
        Its name in `isorep.MEASURES`.
    n_samples : int
        Rows of both representations.
    x_rank, y_rank : int
        Directions of each side that the measure used.
    uncorrected : float or None
        Where the similarity was corrected for the number of samples, what it was before.
    warnings : tuple of str
        Reasons to read the number with care; empty where there are none.
    """

    similarity: float
    distance: float
    measure: str
    n_samples: int
    x_rank: int
    y_rank: int
    uncorrected: float | None = None
    warnings: tuple[str, ...] = ()

    def warn(self, stacklevel: int) -> Score:
        """Issue the warnings as Python warnings too, and return the score itself."""
        for text in self.warnings:
            python_warnings.warn(text, FewSamplesWarning, stacklevel=stacklevel + 1)
        return self
