"""Inputs: checks of several networks or steps: their names, layers and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from isorep._utils.layer_patterns import matching, unmatched
from isorep._utils.validation import unknown_name
from isorep.representations.label_agreement import check_same_labels
from isorep.representations.representations import Layers

Label = str | int | float
"""Name of a network, or number or name of a step."""


def labelled(argument: str, networks: Mapping[Label, Any]) -> dict[Label, Any]:
    """Return networks or steps with plain labels, at least one.

    Parameters
    ----------
    argument
        Name of the argument, for errors.
    networks
        Label to network.

    Raises
    ------
    TypeError
        When `networks` is not a mapping, or its labels are neither all strings nor all numbers.
    ValueError
        When it is empty.
    """
    if not isinstance(networks, Mapping):
        raise TypeError(
            f"{argument} must be a mapping of name to Representations, got "
            f"{type(networks).__name__}"
        )
    if not networks:
        raise ValueError(f"{argument} is empty: expected a mapping of name to Representations")
    if not any(all(isinstance(label, kind) for label in networks) for kind in (str, Real)):
        raise TypeError(
            f"the names in {argument} must all be strings or all be numbers, got {list(networks)}"
        )
    return {plain(label): network for label, network in networks.items()}


def plain(label: Label) -> Label:
    """Return a label as a Python string or number, also if it is a NumPy scalar."""
    python_label: Label = label.item() if isinstance(label, np.generic) else label
    return python_label


def check_same_samples(all_representations: Mapping[str, Layers[Any]]) -> None:
    """Raise ValueError unless row i is the same sample in all networks; errors name them.

    Their groups, order and labels must not contradict each other.
    """
    # If all agree with a network that knows its sample ids, they agree with each other.
    name, witness = next(
        (item for item in all_representations.items() if item[1].sample_ids is not None),
        next(iter(all_representations.items())),
    )
    for other_name, other in all_representations.items():
        witness.check_same_samples(other, name, other_name)
    check_same_labels(all_representations)


def layers_of_all(
    layers: str | Sequence[str] | None, all_representations: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return the layers to compare, by default those of the first network.

    Names that the first network lacks are globs over its layers.

    Raises
    ------
    ValueError
        When there is no layer, or a network lacks one.
    """
    first = next(iter(all_representations.values()))
    selected = [layers] if isinstance(layers, str) else list(first if layers is None else layers)
    if not selected:
        raise ValueError("no layer to compare: pass at least one name, or None for all")
    if not all(layer in first for layer in selected):
        patterns, selected = selected, unmatched(selected, first) or matching(selected, first)
        if not selected:
            raise ValueError(f"layers= leaves out every layer: {', '.join(patterns)}")
    for name, representations in all_representations.items():
        for layer in selected:
            if layer not in representations:
                raise ValueError(unknown_name(f"layer of {name}", str(layer), representations))
    return selected
