"""Repeats: rows that are repeats of one stimulus, their averages and their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.tables import as_labels
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import SampleTable, by_label, is_table


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which rows are repeats of the same stimulus.

    Attributes
    ----------
    stimuli : tuple of str
        The n stimuli, in the order of their first rows.
    numbers : (n_rows,) int64 array
        Number of the stimulus of each row.

    Examples
    --------
    >>> repeats = Repeats.from_labels(["dog", "cat", "dog"], 3)
    >>> repeats.stimuli, repeats.counts.tolist()
    (('dog', 'cat'), [2, 1])
    >>> repeats.averages(np.array([[1.0], [5.0], [3.0]])).tolist()
    [[2.0], [5.0]]
    """

    stimuli: tuple[str, ...]
    numbers: NDArray[np.int64]

    @classmethod
    def from_labels(cls, labels: Any, n_rows: int) -> Repeats:
        """Return the repeats of rows with these stimuli, strings or numbers.

        Raises
        ------
        ValueError
            If there is not one stimulus for each row, or one is missing (None or NaN).
        """
        names = as_labels(labels)
        if names.shape != (n_rows,):
            raise ValueError(
                f"repeats must hold one stimulus for each of {n_rows} rows, got shape {names.shape}"
            )
        missing = names != names  # NaN and NaT
        if names.dtype == object:
            missing |= np.array([name is None for name in names])
        if missing.any():
            raise ValueError(
                f"repeats has no stimulus (NaN or None) for {missing.sum()} of {n_rows} rows, the "
                f"first of them row {missing.argmax()}: leave these rows out"
            )
        if names.dtype == object:
            names = np.array([str(name) for name in names])
        structure = SampleStructure.from_labels(names)
        first = np.unique(structure.groups, return_index=True)[1]
        return cls(tuple(str(name) for name in names[first].tolist()), structure.groups)

    @classmethod
    def of_rows(cls, x: Any, labels: Any) -> tuple[NDArray[np.float64], Repeats]:
        """Return single trials as an array, (n_rows, p), and which of them are repeats.

        Parameters
        ----------
        x : (n_rows, p) array or table
            Single trials in rows.
        labels : (n_rows,) array-like or str, optional
            Stimulus of each row, or the name of a coordinate of the table. By default the labels of
            the table's rows.

        Raises
        ------
        ValueError
            If the stimuli are unknown, or x is not 2-D or has NaN or Inf.
        """
        ids, values = None, x
        if is_table(x):
            table = SampleTable.from_value(x, "x")
            ids, values = table.ids, table.values
            labels = table.coordinate(labels) if isinstance(labels, str) else labels
        elif isinstance(labels, str):
            raise ValueError(
                f"repeats={labels!r} names a coordinate, and x is no table: pass the stimulus of "
                "each row"
            )
        trials = np.asarray(to_numpy(values), dtype=np.float64)
        if trials.ndim != 2:
            raise ValueError(
                f"x should be single trials, (n_trials, n_neurons), got shape {trials.shape}; "
                "average or flatten the other axes first"
            )
        if not np.isfinite(trials).all():
            row = int(np.argmin(np.isfinite(trials).all(axis=1)))
            raise ValueError(f"x has NaN or Inf, first in row {row}: leave out these trials")
        labels = by_label(labels, ids, "repeats") if labels is not None else ids
        if labels is None:
            raise ValueError(
                "it is unknown which rows are repeats of one stimulus: pass repeats=, the stimulus "
                "of each row"
            )
        return trials, cls.from_labels(labels, len(trials))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each stimulus, (n,)."""
        return np.bincount(self.numbers, minlength=len(self.stimuli))

    @property
    def places(self) -> NDArray[np.int64]:
        """Number of each row among the repeats of its stimulus, from 0, (n_rows,)."""
        order = np.argsort(self.numbers, kind="stable")
        starts = np.cumsum(self.counts) - self.counts
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order)) - starts[self.numbers[order]]
        return places

    def halves(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Return which rows are in the first half of the repeats of their stimulus, at random.

        Of an odd number of repeats, either half has one more.
        """
        # Random places: repeats in random order.
        order = np.lexsort((rng.random(len(self.numbers)), self.numbers))
        starts = np.cumsum(self.counts) - self.counts
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order)) - starts[self.numbers[order]]
        sizes = (self.counts + rng.integers(0, 2, len(self.counts))) // 2
        first: NDArray[np.bool_] = places < sizes[self.numbers]
        return first

    def take(self, rows: NDArray[np.bool_]) -> Repeats:
        """Return the repeats of some rows, with the stimuli that they have."""
        kept, numbers = np.unique(self.numbers[rows], return_inverse=True)
        return Repeats(tuple(self.stimuli[i] for i in kept), numbers.ravel())

    def averages(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean over the repeats of each stimulus, (n, p)."""
        order = np.argsort(self.numbers, kind="stable")
        starts = np.cumsum(self.counts) - self.counts
        sums = np.add.reduceat(np.asarray(rows, dtype=np.float64)[order], starts, axis=0)
        return np.asarray(sums / self.counts[:, None])

    def shared(self, values: NDArray[Any] | None) -> NDArray[Any] | None:
        """Return the value of each stimulus, (n,), or None unless all its rows have the same."""
        if values is None:
            return None
        first = np.unique(self.numbers, return_index=True)[1]
        of_stimuli: NDArray[Any] = values[first]
        return of_stimuli if np.array_equal(of_stimuli[self.numbers], values) else None
