"""Prepare layers and couple them, with errors as values: a bad layer affects only its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap, couple
from isorep.core.single_basis import ProductPrecision, single_basis
from isorep.core.unwhitened_basis import unwhitened_basis
from isorep.representations.representations import Representations

Prepared = Basis | ValueError | TypeError
"""A prepared layer, or the error that explains why it cannot be prepared."""

Coupled = Overlap | ValueError | TypeError
"""The overlap of two layers, or the error that explains why they cannot be compared."""


def prepare(
    layers: Representations,
    layer: str,
    name: str,
    solver: Solver,
    *,
    principal: bool = False,
    precision: ProductPrecision = "double",
    whitened: bool = True,
) -> Prepared:
    """Return the basis of a layer of network `name`, or the error.

    With `principal`, its axes are those of PCA from the start. `precision` is that of its products.
    Measures of products alone do not need it `whitened`.
    """
    if precision == "single":
        prepare_array = single_basis
    else:
        prepare_array = Basis.from_array if whitened else unwhitened_basis
    try:
        basis = prepare_array(
            layers[layer], solver=solver, dtype=layers.dtypes[layer], name=f"{name}[{layer!r}]"
        )
        axes = basis.principal if principal else basis.axes
        return replace(basis, axes=axes, structure=layers.structure(layer))
    except (TypeError, ValueError) as error:
        return error


def ranks(prepared: Iterable[Prepared]) -> list[int]:
    """Return the rank of each layer; 0 for an error."""
    return [basis.rank if isinstance(basis, Basis) else 0 for basis in prepared]


def couple_prepared(
    x: Prepared, y: Prepared, by: Callable[[Basis, Basis], Overlap] | None = None
) -> Coupled:
    """Return the overlap of two layers, or the error.

    Parameters
    ----------
    x, y : Basis or error
        The prepared layers.
    by : callable, optional
        Function that couples two bases; by default `couple`, which needs their samples.
    """
    if isinstance(x, Exception):
        return x
    if isinstance(y, Exception):
        return y
    if x.n_samples != y.n_samples:
        return ValueError(
            f"the layers have {x.n_samples} and {y.n_samples} rows: positions of different spatial "
            "sizes cannot be paired; reduce both layers by 'mean' instead of 'positions'"
        )
    try:
        return (by or couple)(x, y)
    except (TypeError, ValueError) as error:
        return error
