"""Orders: random orders of samples that keep the samples of a group together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from math import factorial
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array
from isorep._utils.validation import as_integer, check_seed
from isorep.representations.sample_structure import SampleStructure

KEPT = 2**26
"""Largest size in bytes of random orders that are kept for the next pair."""

ENOUGH_GROUPS = 7
"""Groups whose orders, 7! = 5,040, are enough for a p-value."""

ENOUGH_OF_A_SIZE = 5
"""Groups of each size from which on groups change places only with groups of their size."""

ONE_GROUP = (
    "all samples are one group, and p-values, chance levels, intervals and corrections need "
    "independent ones: pass groups= of parts that are independent, or order= if the samples are a "
    "time series"
)
"""Error of samples that cannot be reordered."""

Rows = NDArray[np.int64]
Draw = Callable[[np.random.Generator], Rows]


class Orders:
    """Random orders of samples, the same for every pair of representations of these samples.

    Independent samples are permuted. With a structure,

    - whole groups change places, row by row in their order, if there are 7 groups or more. Groups
      change places with groups of their size, if there are 5 or more of each size; else with any
      group, whose rows are then read from its start for as long as needed, again from the start
      where it is shorter. Rows are then missing and repeated: `are_permutations` is False;
    - the samples of each group are shifted circularly, each group by a random number of rows, if
      there are fewer groups and their samples have an order.

    Orders are drawn at the first use, and kept if they take up to `KEPT` bytes.

    Parameters
    ----------
    samples : int or SampleStructure
        Number of samples, or their structure.
    n_permutations : int
        Number of orders.
    seed : int
        Random seed.

    Attributes
    ----------
    are_permutations : bool
        Whether every order holds each sample once.

    Raises
    ------
    TypeError, ValueError
        If `n_permutations` or `seed` is not an integer; if `n_permutations` is less than 1 or the
        seed is negative; if there is only one group and no order.

    Examples
    --------
    >>> pairs = SampleStructure.from_labels([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])
    >>> next(Orders(pairs, 9, seed=1).batches(1)).reshape(7, 2).tolist()
    [[10, 11], [0, 1], [2, 3], [8, 9], [4, 5], [12, 13], [6, 7]]
    """

    def __init__(self, samples: int | SampleStructure, n_permutations: int, seed: int) -> None:
        check_permutations(n_permutations)
        check_seed(seed)
        self.n_permutations, self.seed = n_permutations, seed
        self.are_permutations = True
        self._kept: Rows | None = None
        if isinstance(samples, int):
            self.n_samples = n = samples
            self._draw: Draw = lambda rng: rng.permutation(n)
            return
        self.n_samples, members = samples.n_samples, samples.members
        self._draw = lambda rng: _shuffled(members, rng)
        if shifts_time(samples):
            self._draw = lambda rng: _shifted(members, rng)
        elif len(members) == 1:
            raise ValueError(ONE_GROUP)
        elif not samples.is_independent:
            sizes, counts = np.unique([len(rows) for rows in members], return_counts=True)
            self.are_permutations = len(sizes) == 1 or counts.min() >= ENOUGH_OF_A_SIZE
            if self.are_permutations:
                by_size = [[rows for rows in members if len(rows) == size] for size in sizes]
                self._draw = lambda rng: _exchanged(by_size, rng)

    def batches(self, size: int) -> Iterator[Rows]:
        """Yield the orders, (b, n) indices with b up to `size`, always in the same sequence."""
        if 8 * self.n_samples * self.n_permutations > KEPT:
            drawn = self._drawn()
            while batch := list(islice(drawn, size)):
                yield np.array(batch)
            return
        kept = self._kept
        if kept is None:  # two threads may both draw them: they draw the same
            kept = self._kept = np.array(list(self._drawn()))
        for start in range(0, self.n_permutations, size):
            yield kept[start : start + size]

    def _drawn(self) -> Iterator[Rows]:
        rng = np.random.default_rng(self.seed)
        return (self._draw(rng) for _ in range(self.n_permutations))


def shifts_time(structure: SampleStructure) -> bool:
    """Return whether orders are shifts of time: of few groups whose samples have an order."""
    return structure.n_groups < ENOUGH_GROUPS and structure.order is not None


def possible_orders(structure: SampleStructure) -> float:
    """Return how many orders `Orders` chooses from: the inverse of the smallest p-value.

    Examples
    --------
    >>> possible_orders(SampleStructure.from_labels([0, 0, 1, 1, 2, 2]))
    6
    """
    if shifts_time(structure):
        return float(np.prod(np.bincount(structure.groups).astype(float)))
    return factorial(min(structure.n_groups, 20))


def check_permutations(n_permutations: Any) -> None:
    """Raise TypeError unless the number is an integer, and ValueError if it is less than 1."""
    if as_integer(n_permutations, "n_permutations") < 1:
        raise ValueError(f"n_permutations must be 1 or more, got {n_permutations}")


def rows_of_library(orders: Orders, like: Array) -> Iterator[Array]:
    """Yield the orders one by one, as (n,) indices of an array's library and on its device."""
    xp = array_namespace(like)
    for (order,) in orders.batches(1):
        yield xp.asarray(order, device=device(like))


def _exchanged(by_size: list[list[Rows]], rng: np.random.Generator) -> Rows:
    """Return an order in which groups change places with groups of their size."""
    order = np.empty(sum(len(rows) for groups in by_size for rows in groups), dtype=np.int64)
    for groups in by_size:
        for rows, other in zip(groups, rng.permutation(len(groups)), strict=True):
            order[rows] = groups[other]
    return order


def _shuffled(members: list[Rows], rng: np.random.Generator) -> Rows:
    """Return an order in which each group's rows are those of another, from its start."""
    order = np.empty(sum(map(len, members)), dtype=np.int64)
    for rows, other in zip(members, rng.permutation(len(members)), strict=True):
        order[rows] = np.resize(members[other], len(rows))
    return order


def _shifted(members: list[Rows], rng: np.random.Generator) -> Rows:
    """Return an order in which the rows of each group are shifted circularly."""
    order = np.empty(sum(map(len, members)), dtype=np.int64)
    for rows in members:
        order[rows] = np.roll(rows, rng.integers(len(rows)))
    return order
