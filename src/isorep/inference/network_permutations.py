"""Network permutations: exact tests for which the networks are the sample.

Pairs that share a network are not independent, so the tests relabel whole networks. A group is a
row of 0 and 1 over the networks, so that one matrix product evaluates a statistic for all
relabellings at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, permutations
from math import factorial, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import check_seed

Floats = NDArray[np.float64]

Statistic = Callable[..., Floats]
"""Members of each group, (m, N) of 0 and 1 for each of them -> values (m,)."""

MOST_LABELLINGS = 200_000
"""Largest number of labellings that are enumerated: all those of twice ten networks."""

DRAWS = 9_999
"""Number of labellings that are drawn if there are too many to enumerate."""

ROUNDING = 1e-12
"""Difference of two statistics, relative to the largest, that rounding may cause."""


class Exact(NamedTuple):
    """A permutation p-value, and the smallest one that this number of networks allows.

    Examples
    --------
    >>> import numpy as np
    >>> from isorep.inference import mean_between, permute_labels
    >>> far = np.array([[0, 1, 5, 5], [1, 0, 5, 5], [5, 5, 0, 1], [5, 5, 1, 0.0]])
    >>> exact = permute_labels(lambda a, b: mean_between(far, a, b), (2, 2))
    >>> round(exact.p_value, 3), round(exact.smallest, 3)
    (0.333, 0.167)
    """

    p_value: float
    smallest: float


def mean_within(distances: Floats, members: Floats) -> Floats:
    """Return the mean distance over the ordered pairs of different networks of a group, (m,).

    Parameters
    ----------
    distances : (N, N) array
        Distance from each network to each; the diagonal is ignored.
    members : (m, N) array of 0 and 1
        A group of at least two networks in each row.

    References
    ----------
    Morcos, Raghu and Bengio 2018, Insights on representational similarity in neural networks with
    canonical correlation, figure 3.

    Examples
    --------
    >>> distances = np.array([[0.0, 1.0, 9.0], [3.0, 0.0, 9.0], [9.0, 9.0, 0.0]])
    >>> mean_within(distances, np.array([[1.0, 1.0, 0.0]]))
    array([2.])
    """
    others = distances * (1 - np.eye(len(distances)))
    size = members.sum(axis=1)
    mean: Floats = total(others, members, members) / (size * (size - 1))
    return mean


def mean_between(distances: Floats, first: Floats, second: Floats) -> Floats:
    """Return the mean distance between two groups over all pairs in both orders, (m,).

    Parameters
    ----------
    distances : (N, N) array
        Distance from each network to each.
    first, second : (m, N) arrays of 0 and 1
        Two groups in each row.

    References
    ----------
    Morcos, Raghu and Bengio 2018, Insights on representational similarity in neural networks with
    canonical correlation, figure 3.

    Examples
    --------
    >>> distances = np.array([[0.0, 1.0], [3.0, 0.0]])
    >>> mean_between(distances, np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    array([2.])
    """
    both_orders = total(distances, first, second) + total(distances, second, first)
    mean: Floats = both_orders / (2 * first.sum(axis=1) * second.sum(axis=1))
    return mean


def total(distances: Floats, first: Floats, second: Floats) -> Floats:
    """Return the sum of distances from the first group to the second, for each row, (m,)."""
    sums: Floats = np.einsum("mi,mi->m", first @ distances, second)
    return sums


def observed_value(statistic: Statistic, sizes: Sequence[int]) -> float:
    """Return the statistic of the true groups: the networks of the first group come first.

    Parameters
    ----------
    statistic, sizes
        See `permute_labels`.

    References
    ----------
    See `permute_labels`.

    Examples
    --------
    >>> far = np.array([[0, 1, 5, 5], [1, 0, 5, 5], [5, 5, 0, 3], [5, 5, 3, 0.0]])
    >>> observed_value(lambda a, b: mean_within(far, b) - mean_within(far, a), (2, 2))
    2.0
    """
    labels = np.repeat(np.arange(len(sizes), dtype=np.int16), sizes)
    return float(statistic(*members_of(labels[None], len(sizes)))[0])


def permute_labels(
    statistic: Statistic,
    sizes: Sequence[int],
    *,
    two_sided: bool = False,
    symmetric: bool = False,
    seed: int = 0,
) -> Exact:
    """Test whether groups of networks differ.

    Under the null hypothesis that they do not, all ways to choose the networks of each group are
    equally likely. All of them are enumerated, up to 200,000; else 9,999 are drawn at random, and
    the observed one is added, which keeps the test valid.

    Parameters
    ----------
    statistic : callable
        Function of the members of each group, an (m, N) array of 0 and 1 for each group, that
        returns m values. They are large (in absolute value if `two_sided`) if the groups differ.
    sizes : sequence of int
        Number of networks in each group; the networks of the first group come first.
    two_sided : bool
        Test against a difference in either direction.
    symmetric : bool
        Whether the statistic stays the same if groups of the same size are swapped.
    seed : int
        Random seed of the draws.

    Returns
    -------
    Exact
        The p-value and the smallest possible p-value.

    References
    ----------
    Fisher 1935, The design of experiments. Phipson and Smyth 2010, Permutation p-values should
    never be zero.

    Examples
    --------
    With two networks in each group, the smallest possible p-value is 1/6:

    >>> far = np.array([[0, 1, 5, 5], [1, 0, 5, 5], [5, 5, 0, 3], [5, 5, 3, 0.0]])
    >>> exact = permute_labels(lambda a, b: mean_within(far, b) - mean_within(far, a), (2, 2))
    >>> round(exact.p_value, 3), round(exact.smallest, 3)
    (0.167, 0.167)
    """
    check_seed(seed)
    labels = labellings(tuple(sizes), seed)
    values = statistic(*members_of(labels, len(sizes)))
    alike = alike_labellings(sizes) if symmetric or two_sided else 1
    return exact_p_value(values, two_sided=two_sided, alike=alike)


def permute_order(
    statistic: Callable[[NDArray[np.int64]], float], n: int, *, seed: int = 0, draws: int = DRAWS
) -> Exact:
    """Test whether the order of n items matters.

    Under the null hypothesis that it does not, all n! orders are equally likely. If there are more
    than `draws` orders, that many are drawn at random, and the observed order is added to them,
    which keeps the test valid.

    Parameters
    ----------
    statistic : callable
        Function of an order (the numbers 0 to n - 1) that is large if the order matters.
    n : int
        Number of items.
    seed : int
        Random seed of the draws.
    draws : int
        Largest number of orders.

    References
    ----------
    Fisher 1935, The design of experiments. Phipson and Smyth 2010, Permutation p-values should
    never be zero.

    Examples
    --------
    >>> rising = np.array([1.0, 2.0, 4.0, 5.0])
    >>> exact = permute_order(lambda order: float(rising[order] @ np.arange(4)), 4)
    >>> round(exact.p_value * 24)
    1
    """
    observed = np.arange(n)
    if factorial(n) <= draws:
        orders = (np.array(order) for order in permutations(range(n)))  # the observed one is first
    else:
        random = np.random.default_rng(seed)
        orders = (observed if i == 0 else random.permutation(n) for i in range(draws + 1))
    return exact_p_value(np.array([statistic(order) for order in orders]))


@cache
def labellings(sizes: tuple[int, ...], seed: int) -> NDArray[np.int16]:
    """Return the group of each network in all labellings, or in those drawn: (m, N).

    The observed one comes first, in which the networks of the first group come first.

    Examples
    --------
    >>> labellings((2, 1), 0).tolist()
    [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    """
    observed = np.repeat(np.arange(len(sizes), dtype=np.int16), sizes)
    if n_labellings(sizes) <= MOST_LABELLINGS:
        labels = np.array(list(_all_labellings(sizes)), dtype=np.int16)
    else:
        random = np.random.default_rng(seed)
        labels = np.tile(observed, (DRAWS + 1, 1))
        labels[1:] = random.permuted(labels[1:], axis=1)
    labels.flags.writeable = False
    return labels


def n_labellings(sizes: Sequence[int]) -> int:
    """Return how many ways there are to choose groups of these sizes."""
    return factorial(sum(sizes)) // prod(map(factorial, sizes))


def alike_labellings(sizes: Sequence[int]) -> int:
    """Return how many labellings only swap groups of the same size.

    Examples
    --------
    >>> alike_labellings([3, 3, 2])
    2
    """
    return prod(map(factorial, Counter(sizes).values()))


def members_of(labels: NDArray[np.int16], n_groups: int) -> list[Floats]:
    """Return the members of each group, (m, N) of 0 and 1, for all labellings."""
    return [(labels == group).astype(np.float64) for group in range(n_groups)]


def exact_p_value(values: Floats, *, two_sided: bool = False, alike: int = 1) -> Exact:
    """Return the share of values as large as the observed one, which is the first.

    Parameters
    ----------
    values : (m,) array
        Statistic of each labelling.
    two_sided : bool
        Count absolute values.
    alike : int
        Number of labellings that give the same value, whatever the data.

    References
    ----------
    Fisher 1935, The design of experiments. Phipson and Smyth 2010, Permutation p-values should
    never be zero.

    Examples
    --------
    >>> exact_p_value(np.array([3.0, 1.0, -3.0, 2.0]), two_sided=True, alike=2)
    Exact(p_value=0.5, smallest=0.5)
    """
    if two_sided:
        values = np.abs(values)
    # The tolerance counts the observed value, and equal ones, in spite of rounding errors.
    # A pseudo-F is infinite if networks of a group are equal.
    tolerance = ROUNDING * float(np.max(np.abs(values), initial=1.0, where=np.isfinite(values)))
    extreme = int(np.sum(values >= values[0] - tolerance))
    return Exact(extreme / len(values), alike / len(values))


def _all_labellings(sizes: tuple[int, ...]) -> Iterator[list[int]]:
    def fill(places: tuple[int, ...], group: int) -> Iterator[dict[int, int]]:
        if group == len(sizes) - 1:
            yield dict.fromkeys(places, group)
            return
        for chosen in combinations(places, sizes[group]):
            others = tuple(place for place in places if place not in chosen)
            for labelling in fill(others, group + 1):
                yield {**dict.fromkeys(chosen, group), **labelling}

    n = sum(sizes)
    for labelling in fill(tuple(range(n)), 0):
        yield [labelling[place] for place in range(n)]
