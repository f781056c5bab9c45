"""Label agreement: whether networks say the same of their samples: groups, order and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from isorep.representations.representations import Layers
from isorep.representations.sample_structure import first_contradiction

_KINDS = ("groups", "order", "labels")


class LabelAgreement:
    """The groups, order and labels of the networks of a comparison, which may not contradict.

    Networks with the same ones are held once, so that hundreds of networks take little memory.

    Examples
    --------
    >>> from isorep import Representations
    >>> agreement = LabelAgreement()
    >>> agreement.add("a", Representations({"fc": [[1.0], [2.0]]}, labels=["cat", "dog"]))
    >>> agreement.add("b", Representations({"fc": [[1.0], [2.0]]}, labels=["dog", "cat"]))
    Traceback (most recent call last):
    ...
    ValueError: a and b have different labels: row 0 has 'cat' in a and 'dog' in b. Bring the rows
    of both into one order; if they are in one order, leave out the labels of one
    """

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[str, NDArray[Any]]]] = {kind: [] for kind in _KINDS}

    def add(self, name: str, layers: Layers[Any]) -> None:
        """Add a network; its number of samples must be that of the others.

        Raises
        ------
        ValueError
            If what the network says of a sample contradicts another network.
        """
        for kind, known in self._known.items():
            values: NDArray[Any] | None = getattr(layers, kind)
            if values is None or any(_are_equal(values, others) for _, others in known):
                continue
            for other_name, others in known:
                _check(kind, (other_name, others), (name, values))
            known.append((name, values))


def check_same_labels(networks: Mapping[str, Layers[Any]]) -> None:
    """Raise ValueError if the groups, order or labels of two networks contradict each other.

    Values that are the same set must be equal in each row. Otherwise groups and labels may be parts
    of the other's, and orders may be in other units.
    """
    agreement = LabelAgreement()
    for name, layers in networks.items():
        agreement.add(name, layers)


def _check(kind: str, x: tuple[str, NDArray[Any]], y: tuple[str, NDArray[Any]]) -> None:
    (name, values), (other_name, others) = x, y
    rows, other_rows = _plain(values), _plain(others)
    if set(rows) == set(other_rows):
        differing = (i for i in range(len(rows)) if rows[i] != other_rows[i])
        if (row := next(differing, None)) is None:
            return
    elif kind == "order":
        pair = _swapped_rows(values, others)
        if pair is None:
            return
        before, after = pair
        _refuse(
            kind,
            name,
            other_name,
            f"row {before} is before row {after} in {name} ({rows[before]!r} and "
            f"{rows[after]!r}) and after it in {other_name} ({other_rows[before]!r} and "
            f"{other_rows[after]!r})",
        )
    elif (row := first_contradiction(_codes(rows), _codes(other_rows))) is None:
        return
    _refuse(
        kind,
        name,
        other_name,
        f"row {row} has {rows[row]!r} in {name} and {other_rows[row]!r} in {other_name}",
    )


def _refuse(kind: str, name: str, other_name: str, where: str) -> NoReturn:
    if kind == "labels":
        remedy = "leave out the labels of one"
    else:
        remedy = f"pass {kind}= with one value for each row, which is then that of both"
    raise ValueError(
        f"{name} and {other_name} have different {kind}: {where}. Bring the rows of both into one "
        f"order; if they are in one order, {remedy}"
    )


def _are_equal(values: NDArray[Any], others: NDArray[Any]) -> bool:
    return values is others or (
        values.dtype == others.dtype and bool(np.array_equal(values, others))
    )


def _plain(values: NDArray[Any]) -> list[Any]:
    """Return values as Python objects that compare; NaN, which equals nothing, becomes None."""
    return [None if value != value else value for value in values.tolist()]


def _codes(rows: list[Any]) -> NDArray[np.int64]:
    """Return the number of each row's value, from 0 in the order of their first rows."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in rows], dtype=np.int64)


def _swapped_rows(values: NDArray[Any], others: NDArray[Any]) -> tuple[int, int] | None:
    """Return two rows of which the first is before the second in `values` and after in `others`."""
    ranks, other_ranks = (np.unique(x, return_inverse=True)[1] for x in (values, others))
    rows = np.lexsort((other_ranks, ranks))
    sorted_ranks = other_ranks[rows]
    highest = np.maximum.accumulate(sorted_ranks)
    swapped = np.flatnonzero(sorted_ranks < highest)
    if len(swapped) == 0:
        return None
    after = int(swapped[0])
    before = int(np.flatnonzero(sorted_ranks[:after] == highest[after])[0])
    return int(rows[before]), int(rows[after])
