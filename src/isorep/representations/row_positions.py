"""Row positions: the sample, position and token that each row of a layer stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

_UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class RowPositions:
    """What each row of a layer stands for, if a sample has a row for each of its positions.

    Parameters
    ----------
    samples : (n_rows,) int64
        Number of the sample.
    positions : (n_rows,) int64
        Number of the position in the sample, from 0, padding included; in a map, row-major.
    tokens : (n_rows,) int64 or None
        Token id at the position, if it is known.

    Examples
    --------
    >>> rows = RowPositions(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([101, 7, 101]))
    >>> rows
    RowPositions(3 rows of 2 samples, with tokens)
    >>> rows.tokens == 101
    array([ True, False,  True])
    """

    samples: NDArray[np.int64]
    positions: NDArray[np.int64]
    tokens: NDArray[np.int64] | None = None

    @classmethod
    def from_array(cls, array: NDArray[np.int64]) -> RowPositions:
        """Return the rows that ``np.asarray`` turned into an array."""
        samples, positions, tokens = (np.asarray(column) for column in array.T)
        return cls(samples, positions, None if (tokens == _UNKNOWN).all() else tokens)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.int64]:
        """Return an array (n_rows, 3) of samples, positions and tokens, -1 for unknown ones."""
        tokens = np.full(len(self), _UNKNOWN) if self.tokens is None else self.tokens
        return np.column_stack([self.samples, self.positions, tokens]).astype(dtype or np.int64)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return a data frame with columns for samples, positions and, if known, tokens."""
        import pandas

        columns = {"sample": self.samples, "position": self.positions}
        return pandas.DataFrame(
            columns if self.tokens is None else {**columns, "token": self.tokens}
        )

    def check_same(self, other: RowPositions, self_name: str, other_name: str) -> None:
        """Raise ValueError unless the rows are the same positions of samples.

        Only equally many rows are compared.
        """
        if other is self or len(other) != len(self):
            return
        differ = (self.samples != other.samples) | (self.positions != other.positions)
        if differ.any():
            i = int(differ.argmax())
            raise ValueError(
                f"row {i} is position {self.positions[i]} of sample {self.samples[i]} in "
                f"{self_name}, and position {other.positions[i]} of sample {other.samples[i]} in "
                f"{other_name}: capture both with the same mask and skip, or reduce both by 'mean'"
            )

    def take(self, samples: NDArray[np.int64]) -> tuple[NDArray[np.int64], RowPositions]:
        """Return the indices of the rows of some samples, in their order, and these rows.

        The samples are numbered anew, from 0.

        Examples
        --------
        >>> rows = RowPositions(np.array([0, 0, 1]), np.array([0, 1, 0]))
        >>> rows.take(np.array([1, 0]))
        (array([2, 0, 1]), RowPositions(3 rows of 2 samples))
        """
        by_sample = np.argsort(self.samples, kind="stable")
        ends = np.cumsum(np.bincount(self.samples, minlength=int(samples.max(initial=-1)) + 1))
        parts = [by_sample[ends[i - 1] if i else 0 : ends[i]] for i in samples]
        index = np.concatenate(parts) if parts else by_sample[:0]
        numbers = np.repeat(np.arange(len(samples)), [len(part) for part in parts])
        tokens = None if self.tokens is None else self.tokens[index]
        return index, RowPositions(numbers, self.positions[index], tokens)

    def __len__(self) -> int:
        return len(self.samples)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowPositions):
            return NotImplemented
        return np.array_equal(np.asarray(self), np.asarray(other))

    __hash__ = None  # type: ignore[assignment]  # equality reads arrays

    def __repr__(self) -> str:
        n_samples = len(np.unique(self.samples))
        tokens = "" if self.tokens is None else ", with tokens"
        return f"RowPositions({len(self)} rows of {n_samples} samples{tokens})"
