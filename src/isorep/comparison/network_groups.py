"""Network groups: the group of each network, and the pairs within and between groups."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import Any

BETWEEN = "between groups"
"""Name of the pairs of networks of different groups."""


def group_of_each(groups: Mapping[Any, Hashable], networks: Sequence[Any]) -> list[Any]:
    """Return the group of each network; names of networks are compared as strings.

    Raises
    ------
    TypeError
        If `groups` is not a mapping.
    ValueError
        If a network has no group.

    Examples
    --------
    >>> group_of_each({"seed0": "true", 1: "random"}, ["1", "seed0"])
    ['random', 'true']
    """
    if not isinstance(groups, Mapping):
        raise TypeError(
            f"expected groups as a mapping of network to group, got {type(groups).__name__}"
        )
    group_by_name = {str(network): group for network, group in groups.items()}
    for network in networks:
        if str(network) not in group_by_name:
            raise ValueError(
                f"network {str(network)!r} has no group; groups= has only {list(group_by_name)}"
            )
    return [group_by_name[str(network)] for network in networks]


def pairs_by_group(group_of: Sequence[Hashable]) -> dict[str, list[tuple[int, int]]]:
    """Return the ordered pairs of different networks within each group and between groups.

    Raises
    ------
    ValueError
        If a group has the name of the pairs between groups.

    Examples
    --------
    >>> pairs_by_group(["true", "true", "random"])
    {'true': [(0, 1), (1, 0)], 'random': [], 'between groups': [(0, 2), (1, 2), (2, 0), (2, 1)]}
    """
    names = [str(group) for group in group_of]
    if BETWEEN in names:
        raise ValueError(
            f"a group cannot have the name {BETWEEN!r}, which stands for the pairs of networks of "
            "different groups; rename the group"
        )
    pairs: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    if len(pairs) > 1:
        pairs[BETWEEN] = []
    for i, j in product(range(len(names)), repeat=2):
        if i != j:
            pairs[names[i] if names[i] == names[j] else BETWEEN].append((i, j))
    return pairs
