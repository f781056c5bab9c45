"""Orders: random orders of samples that keep the samples of a group together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from math import factorial, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import as_integer, check_seed
from isorep.representations.sample_structure import SampleStructure

KEPT = 2**26
"""Largest size in bytes of random orders that are kept for the next pair."""

ENOUGH_GROUPS = 7
"""Groups whose orders, 7! = 5,040, are enough for a p-value."""

ENOUGH_OF_A_SIZE = 5
"""Groups of each size from which on groups change places only with groups of their size."""

FEWEST_OF_SIMILAR_SIZE = 7
"""Smallest number of groups of similar size that change places where sizes are too different."""

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
      change places with groups of their size, if there are 5 or more of each size; else with groups
      of similar size, whose rows are then read from the start for as long as needed, and back again
      from the end where the group is shorter: so a position meets the same position of another
      group, or one near it. Rows are then missing and repeated: `are_permutations` is False;
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
    all_move : bool
        Whether no group stays in its place, and shifts of time are by a quarter of it or more. Such
        orders show how large overlaps by chance are, also if the sides are related.

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

    def __init__(
        self,
        samples: int | SampleStructure,
        n_permutations: int,
        seed: int,
        all_move: bool = False,
    ) -> None:
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
        if shifts_time(samples):
            self._draw = lambda rng: _shifted(members, all_move, rng)
            return
        if len(members) == 1:
            raise ValueError(ONE_GROUP)
        sizes, counts = np.unique([len(rows) for rows in members], return_counts=True)
        self.are_permutations = len(sizes) == 1 or counts.min() >= ENOUGH_OF_A_SIZE
        if self.are_permutations:
            alike = [[rows for rows in members if len(rows) == size] for size in sizes]
        else:
            alike = _of_similar_size(members)
        self._draw = lambda rng: _exchanged(alike, all_move, rng)

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


def _of_similar_size(members: list[Rows]) -> list[list[Rows]]:
    """Return the groups by size, cut into parts of which each is about the root of their number."""
    by_size = sorted(members, key=len)
    n_parts = max(1, len(by_size) // max(FEWEST_OF_SIMILAR_SIZE, isqrt(len(by_size))))
    ends = [len(by_size) * i // n_parts for i in range(n_parts + 1)]
    return [by_size[start:stop] for start, stop in pairwise(ends)]


def _exchanged(alike: list[list[Rows]], all_move: bool, rng: np.random.Generator) -> Rows:
    """Return an order in which each group's rows are those of a group that is alike."""
    order = np.empty(sum(len(rows) for groups in alike for rows in groups), dtype=np.int64)
    for groups in alike:
        others = rng.permutation(len(groups))
        if all_move:
            others = _next_in_cycle(others)
        for rows, other in zip(groups, others, strict=True):
            order[rows] = _stretched(groups[other], len(rows))
    return order


def _next_in_cycle(cycle: Rows) -> Rows:
    """Return for each number the one that follows it in a cycle of all numbers."""
    following = np.empty_like(cycle)
    following[cycle] = np.roll(cycle, -1)
    return following


def _stretched(rows: Rows, n: int) -> Rows:
    """Return n rows: the first ones, or there and back again.

    Examples
    --------
    >>> _stretched(np.array([7, 8, 9]), 5).tolist()
    [7, 8, 9, 9, 8]
    """
    return np.resize(np.concatenate([rows, rows[::-1]]), n) if len(rows) < n else rows[:n]


def _shifted(members: list[Rows], far: bool, rng: np.random.Generator) -> Rows:
    """Return an order in which the rows of each group are shifted circularly.

    If they move far, it is by a quarter of their time or more.
    """
    order = np.empty(sum(map(len, members)), dtype=np.int64)
    for rows in members:
        least = len(rows) // 4 if far else 0
        order[rows] = np.roll(rows, rng.integers(least, len(rows) - least))
    return order
