"""Sample structure: which samples depend on each other, and their order in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike, to_numpy
from isorep._utils.cached_property import cached_property


@dataclass(frozen=True, eq=False)
class SampleStructure:
    """Groups of samples that depend on each other, and the order of the samples of a group.

    Samples of one group (tokens of a text, repeats of a stimulus, trials of an animal) may depend
    on each other; groups are independent. In a time series, neighbours depend on each other.

    Attributes
    ----------
    groups : (n,) int64 array
        Number of each sample's group, from 0 in the order of their first samples.
    order : (n,) array or None
        Time, or another number by which the samples of a group are ordered; None if they have no
        order.

    Examples
    --------
    >>> structure = SampleStructure.from_labels(["dog", "cat", "dog"])
    >>> structure
    SampleStructure(3 samples in 2 groups)
    >>> structure.members
    [array([0, 2]), array([1])]
    """

    groups: NDArray[np.int64]
    order: NDArray[Any] | None = None

    @classmethod
    def from_labels(
        cls, groups: ArrayLike | None = None, order: ArrayLike | None = None, n: int | None = None
    ) -> SampleStructure:
        """Return the structure of n samples.

        Parameters
        ----------
        groups : (n,) array-like, optional
            Label of each sample's group; by default all samples are one group.
        order : (n,) array-like, optional
            Number by which the samples of a group are ordered.
        n : int, optional
            Number of samples; needed to check the length.

        Raises
        ------
        ValueError
            If both are None, a label or number is missing, or there is not one for each sample.
        """
        if groups is None and order is None:
            raise ValueError("a structure needs groups or an order")
        expected = n if n is not None else len(to_numpy(order if groups is None else groups))
        times = None if order is None else _checked(order, expected, "order")
        if times is not None and times.dtype.kind not in "iufMm":
            raise ValueError(f"order must hold numbers or times, got dtype {times.dtype}")
        if groups is None:
            return cls(np.zeros(expected, dtype=np.int64), times)
        labels = _checked(groups, expected, "groups")
        _, first, codes = np.unique(_comparable(labels), return_index=True, return_inverse=True)
        number = np.empty(len(first), dtype=np.int64)
        number[np.argsort(first)] = np.arange(len(first))
        return cls(number[codes.ravel()], times)

    @classmethod
    def from_ids(cls, ids: Sequence[str] | Sequence[int]) -> SampleStructure | None:
        """Return the structure of samples of which those with the same id are a group.

        None if no id repeats.

        Examples
        --------
        >>> SampleStructure.from_ids(["dog", "cat", "dog"])
        SampleStructure(3 samples in 2 groups)
        >>> SampleStructure.from_ids(["dog", "cat"])
        """
        numbers: dict[str | int, int] = {}
        groups = [numbers.setdefault(sample_id, len(numbers)) for sample_id in ids]
        return cls(np.array(groups, dtype=np.int64)) if len(numbers) < len(groups) else None

    @property
    def n_samples(self) -> int:
        """Number of samples, n."""
        return len(self.groups)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.groups.max(initial=-1)) + 1

    @cached_property
    def members(self) -> list[NDArray[np.int64]]:
        """The samples of each group, in their order; where there is none, in row order."""
        keys = (self.groups,) if self.order is None else (self.order, self.groups)
        rows = np.lexsort(keys)
        return np.split(rows, np.cumsum(np.bincount(self.groups))[:-1])

    @property
    def is_independent(self) -> bool:
        """Whether each sample is a group of its own."""
        return self.n_groups == self.n_samples

    def units(self, n_units: int) -> NDArray[np.int64]:
        """Return the unit of each sample: the parts that are left out or held out together.

        They are the groups. If the samples have an order and there are fewer than `n_units` groups,
        each group is cut into stretches of time, so that there are `n_units` or more.

        Examples
        --------
        >>> SampleStructure.from_labels(order=[1, 2, 3, 4, 5]).units(2)
        array([0, 0, 0, 1, 1])
        """
        if self.order is None or self.n_groups >= n_units:
            return self.groups
        stretches = -(-n_units // self.n_groups)
        units = np.empty_like(self.groups)
        for group, rows in enumerate(self.members):
            units[rows] = group * stretches + np.arange(len(rows)) * stretches // len(rows)
        # Groups shorter than their stretches leave out numbers.
        return np.unique(units, return_inverse=True)[1]

    def take(self, rows: NDArray[np.int64]) -> SampleStructure:
        """Return the structure of the samples with indices `rows`."""
        order = None if self.order is None else self.order[rows]
        return SampleStructure.from_labels(self.groups[rows], order)

    def __repr__(self) -> str:
        kind = "group" if self.n_groups == 1 else "groups"
        ordered = "" if self.order is None else ", ordered"
        return f"SampleStructure({self.n_samples} samples in {self.n_groups} {kind}{ordered})"


def common_structure(
    x: SampleStructure | None, y: SampleStructure | None
) -> SampleStructure | None:
    """Return the structure of samples of which two sides know one: the one of larger groups.

    Raises
    ------
    ValueError
        If neither side's groups are parts of the other's.
    """
    if x is None or y is None or x is y:
        return y if x is None else x
    row = first_contradiction(x.groups, y.groups)
    if row is not None:
        raise ValueError(
            f"the two sides have different groups: row {row} is of group {x.groups[row]} of "
            f"{x.n_groups} on one side and of group {y.groups[row]} of {y.n_groups} on the other "
            "(numbered in the order of their first rows): pass the same groups for both"
        )
    larger, smaller = (x, y) if x.n_groups <= y.n_groups else (y, x)
    return larger if larger.order is not None else replace(larger, order=smaller.order)


def first_contradiction(x: NDArray[np.int64], y: NDArray[np.int64]) -> int | None:
    """Return the first row whose group differs, unless the groups of one are parts of the other's.

    Parameters
    ----------
    x, y : (n,) int64 array
        Number of each row's group, from 0 in the order of their first rows.

    Examples
    --------
    >>> first_contradiction(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    1
    >>> first_contradiction(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2]))
    """
    if np.array_equal(x, y):
        return None
    n_x, n_y = int(x.max()) + 1, int(y.max()) + 1
    if len(np.unique(x * n_y + y)) <= max(n_x, n_y):
        return None
    return int(np.argmax(x != y))


def _checked(values: ArrayLike, n: int, name: str) -> NDArray[Any]:
    """Return the labels or times as an array, (n,); raise ValueError unless each sample has one."""
    array = to_numpy(values)
    what = "label" if name == "groups" else "number"
    if array.shape != (n,):
        raise ValueError(
            f"{name} must hold one {what} for each of {n} rows, got shape {array.shape}"
        )
    missing = array != array  # NaN and NaT, in every dtype that has one
    if array.dtype == object:
        missing |= np.array([value is None for value in array])
    if missing.any():  # they would count as one group
        raise ValueError(
            f"{name} has no {what} (NaN or None) for {missing.sum()} of {n} rows, the first of "
            f"them row {missing.argmax()}: remove these samples or give each a {what}"
        )
    return array


def _comparable(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels that sort: mixed kinds, such as strings beside integers, become text."""
    if labels.dtype != object or all(isinstance(label, str) for label in labels):
        return labels
    return np.array([f"{type(label).__name__} {label}" for label in labels])
