"""Prepare: a layer as a basis, and two of them coupled, or what keeps them from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap, couple
from isorep.representations.representations import Representations

Prepared = Basis | ValueError | TypeError
"""A prepared layer, or the error that says why it cannot be prepared."""

Coupled = Overlap | ValueError | TypeError
"""Two layers coupled, or the error that says why they cannot be compared."""


def prepare(layers: Representations, layer: str, name: str, solver: Solver) -> Prepared:
    """Prepare a layer of the network called `name`, or find what is wrong with it."""
    try:
        return Basis.from_array(
            layers[layer], solver=solver, dtype=layers.dtypes[layer], name=f"{name}[{layer!r}]"
        )
    except (TypeError, ValueError) as error:
        return error


def ranks(prepared: Iterable[Prepared]) -> list[int]:
    """Return the directions of each layer, 0 where it could not be prepared."""
    return [basis.rank if isinstance(basis, Basis) else 0 for basis in prepared]


def couple_prepared(
    x: Prepared, y: Prepared, by: Callable[[Basis, Basis], Overlap] | None = None
) -> Coupled:
    """Couple two layers, or find what keeps them from being compared.

    Bases that do not know their samples are coupled `by` what else is known of them.
    """
    if isinstance(x, Exception):
        return x
    if isinstance(y, Exception):
        return y
    if x.n_samples != y.n_samples:
        return ValueError(
            f"{x.n_samples} rows against {y.n_samples}: positions of different spatial sizes have "
            "no partners; reduce both layers by 'mean' instead of 'positions'"
        )
    try:
        return (by or couple)(x, y)
    except (TypeError, ValueError) as error:
        return error
