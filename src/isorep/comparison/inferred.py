"""Inferred: what a table says beside similarities, about how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isorep._utils.progress import counted
from isorep._utils.validation import check_seed
from isorep.core.orders import check_permutations
from isorep.inference.infer import N_PERMUTATIONS, Inference
from isorep.inference.max_statistic import max_p_values

INFERRED = {
    "corrected": "similarity, corrected for finite-sample bias",
    "low": "lower bound of the population's similarity",
    "high": "upper bound of the population's similarity",
    "chance": "similarity to expect of unrelated data",
    "calibrated": "similarity, 0 at chance and 1 at identity",
    "p_value": "probability of so high a similarity of unrelated data",
    "p_adjusted": "p-value adjusted for many cells (Benjamini and Hochberg)",
    "p_max": "p-value against the largest of all cells of unrelated data (Westfall and Young)",
}
"""Suffix and description of the variables that a table may have for each measure."""

OF_ALL_CELLS = ("p_adjusted", "p_max")
"""Keys of `INFERRED` that need all cells of a table; see `of_all_cells`."""


CONTRASTED = {
    "difference": "similarity of x and y minus similarity of other and y",
    "low": "lower bound of the population's difference",
    "high": "upper bound of the population's difference",
    "p_value": "two-sided p-value of no difference",
    "p_adjusted": "p-value adjusted for many cells (Benjamini and Hochberg)",
}
"""Suffix and description of the variables of each measure in a table of `isorep.contrasts`."""


@dataclass(frozen=True)
class InferenceOptions:
    """What to infer for each cell of a table; see `isorep.compare`.

    `n_permutations` None stands for a number that grows with the table; see `for_cells`.
    """

    correct: bool = False
    interval: bool = False
    chance: bool = False
    n_permutations: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.n_permutations is not None:
            check_permutations(self.n_permutations)

    def check_used(self) -> None:
        """Raise ValueError for an option that has no effect beside the others."""
        if self.n_permutations is not None and not self.chance:
            raise ValueError(
                f"n_permutations={self.n_permutations} is for p-values, which chance=True computes:"
                " pass chance=True, or leave n_permutations out"
            )
        if self.seed and not self.names:
            raise ValueError(
                f"seed={self.seed} is for correct=True, interval=True and chance=True: pass one of "
                "them, or leave seed out. A measure that draws at random has a seed of its own, as "
                "in 'linear_regression(folds=10, seed=1)'"
            )

    @property
    def names(self) -> list[str]:
        """The keys of `INFERRED` that these options ask for."""
        names = ["corrected"] if self.correct or self.interval else []
        names += ["low", "high"] if self.interval else []
        names += ["chance", "calibrated", "p_value", *OF_ALL_CELLS] if self.chance else []
        return names

    @property
    def used(self) -> dict[str, bool | int]:
        """The options that decide the numbers of a table: none if it has similarities alone."""
        options: dict[str, bool | int] = {
            name: True for name in ("correct", "interval", "chance") if getattr(self, name)
        }
        options |= {"n_permutations": self.n_draws} if self.chance else {}
        return options | ({"seed": self.seed} if options else {})

    @property
    def n_draws(self) -> int:
        """Number of permutations of each cell; 0 if they are not needed."""
        return (self.n_permutations or N_PERMUTATIONS) if self.chance else 0

    def work(self, n_measures: int) -> str:
        """Return what is done to each cell, such as "2 measures, interval, 999 permutations"."""
        parts = [counted(n_measures, "measure")]
        if self.interval:
            parts.append("interval")
        elif self.correct:
            parts.append("correction")
        if self.chance:
            parts.append(counted(self.n_draws, "permutation"))
        return ", ".join(parts)

    def for_cells(self, n_cells: int) -> InferenceOptions:
        """Return the options for a table of `n_cells` cells, with a number of permutations."""
        if self.n_permutations is not None:
            return self
        return replace(self, n_permutations=min(max(199, 20 * n_cells), 1999))


NOTHING = InferenceOptions()
"""Similarities and distances alone."""


def inferred_values(inference: Inference) -> Mapping[str, float]:
    """Return the numbers of an inference by the keys of `INFERRED`, but for `OF_ALL_CELLS`."""
    low, high = inference.interval
    values = {"low": low, "high": high}
    return {
        name: values[name] if name in values else getattr(inference, name)
        for name in INFERRED
        if name not in OF_ALL_CELLS
    }


def adjusted_p_values(
    p_values: NDArray[np.float64], tested: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Adjust the p-values of a table for its many cells (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p_values : array of any shape
        p-values; NaN where there is none.
    tested : array of the same shape
        Cells that count as a test. The p-values of the other cells are returned unchanged.

    Examples
    --------
    >>> p_values = np.array([[0.01, 0.01], [0.04, np.nan]])
    >>> adjusted_p_values(p_values, np.array([[False, True], [True, True]]))
    array([[0.01, 0.02],
           [0.04,  nan]])
    """
    adjusted = p_values.copy()
    tested = tested & ~np.isnan(p_values)
    if tested.any():
        from scipy.stats import false_discovery_control

        adjusted[tested] = false_discovery_control(p_values[tested])
    return adjusted


def of_all_cells(
    p_values: NDArray[np.float64], standardized: NDArray[np.float64], maxima: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the p-values of a table that account for its many cells, by `OF_ALL_CELLS`.

    Parameters
    ----------
    p_values : array of any shape
        p-values; NaN where there is none.
    standardized : array of the same shape
        Standardized similarities; NaN for cells that are not a test. Their p-values are returned
        unchanged.
    maxima : (n_permutations,) array
        Largest standardized similarity of the cells after each permutation.

    Examples
    --------
    >>> p_values = np.array([[0.25, 0.25], [0.5, np.nan]])
    >>> standardized = np.array([[np.nan, 1.9], [0.7, np.nan]])
    >>> adjusted = of_all_cells(p_values, standardized, np.array([1.0, 1.8, 1.1]))
    >>> adjusted["p_adjusted"], adjusted["p_max"]
    (array([[0.25, 0.5 ],
           [0.5 ,  nan]]), array([[0.25, 0.25],
           [1.  ,  nan]]))
    """
    tested = ~np.isnan(standardized)
    p_max = p_values.copy()
    p_max[tested] = max_p_values(standardized[tested], maxima)
    return {"p_adjusted": adjusted_p_values(p_values, tested), "p_max": p_max}
