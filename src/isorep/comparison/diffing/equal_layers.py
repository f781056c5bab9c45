"""Equal layers: layers with the same values on both sides, of which one stands for all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.representations.representations import Representations


def fold_equal_layers(
    base: Representations,
    changed: Representations,
    pairs: Sequence[tuple[str, str]],
    kept: Collection[str],
) -> tuple[list[tuple[str, str]], dict[str, tuple[str, ...]]]:
    """Return one pair of layers for all pairs with the same values, and the names it stands for.

    A block and its last submodule have one output, and dropout in evaluation mode returns its
    input. The outermost name stands for the others, and of several the first that ran.

    Parameters
    ----------
    base, changed : Representations
        The two sides.
    pairs : sequence of (str, str)
        Layers of base and of changed.
    kept : collection of str
        Layers of base that are not folded into another.

    Returns
    -------
    pairs : list of (str, str)
        In the order of the argument.
    folded : dict of str to tuple of str
        Layers of base to the layers of base that they stand for.
    """
    groups: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    for pair in pairs:
        values = base[pair[0]], changed[pair[1]]
        unique = pair[0] in kept or any(array.size == 0 or np.ptp(array) == 0 for array in values)
        key = (pair,) if unique else tuple(_digest(array) for array in values)
        groups.setdefault(key, []).append(pair)
    chosen = {
        min(group, key=lambda pair: pair[0].count(".")): [name for name, _ in group]
        for group in groups.values()
    }
    folded = {
        name: tuple(other for other in names if other != name)
        for (name, _), names in chosen.items()
        if len(names) > 1
    }
    return [pair for pair in pairs if pair in chosen], folded


def _digest(array: NDArray[Any]) -> tuple[object, ...]:
    content = blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16)
    return array.shape, array.dtype.str, content.digest()
