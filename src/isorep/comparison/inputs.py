"""Inputs: networks and steps by name, the layers that all of them have, and their samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from isorep._utils.validation import unknown_name
from isorep.representations.representations import Layers

Label = str | int | float
"""What a network or a step is called."""


def labelled(what: str, given: Mapping[Label, Any]) -> dict[Label, Any]:
    """Return networks or steps by plain labels, at least one.

    Raises
    ------
    TypeError
        When they are no mapping, or the labels are not all strings or all numbers.
    ValueError
        When there are none.
    """
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what} must be a mapping of name to Representations, got {type(given).__name__}"
        )
    if not given:
        raise ValueError(f"{what} holds nothing to compare: expected name -> Representations")
    if not any(all(isinstance(name, kind) for name in given) for kind in (str, Real)):
        raise TypeError(
            f"the names in {what} must all be strings or all be numbers, got {list(given)}"
        )
    return {plain(name): network for name, network in given.items()}


def plain(name: Label) -> Label:
    """Return a label that prints as the number it is, also where NumPy made it."""
    label: Label = name.item() if isinstance(name, np.generic) else name
    return label


def check_same_samples(all_representations: Mapping[str, Layers[Any]]) -> None:
    """Make sure that row i is the same sample in all of them; the names are for the error."""
    # Whoever knows the samples speaks for all: agreeing with it is agreeing with each other.
    name, witness = next(
        (item for item in all_representations.items() if item[1].sample_ids is not None),
        next(iter(all_representations.items())),
    )
    for other_name, other in all_representations.items():
        witness.check_same_samples(other, name, other_name)


def layers_of_all(
    layers: str | Sequence[str] | None, all_representations: Mapping[str, Layers[Any]]
) -> list[str]:
    """Return the layers to compare, by default those of the first; every one must have them."""
    first = next(iter(all_representations.values()))
    chosen = [layers] if isinstance(layers, str) else list(first if layers is None else layers)
    if not chosen:
        raise ValueError("no layer to compare: pass at least one name, or None for all")
    for name, representations in all_representations.items():
        for layer in chosen:
            if layer not in representations:
                raise ValueError(unknown_name(f"layer of {name}", str(layer), representations))
    return chosen
