"""Complete samples: the samples of a comparison without those that have NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.layer_patterns import patterns_of_each
from isorep._utils.memory import memory_budget, readable
from isorep.comparison.sides import (
    as_layers,
    is_model,
    is_same_path,
    select_layers,
    with_structure,
)
from isorep.representations.label_agreement import check_same_labels
from isorep.representations.missing_values import kept_samples, samples_with_nan
from isorep.representations.representations import Layers, Representations


def complete_samples(
    a: Any,
    b: Any,
    layers: Any,
    memory: str | float | None,
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
) -> tuple[Representations, Representations, NDArray[np.bool_]]:
    """Return the selected layers of both sides without the samples that have NaN in any of them.

    Layers that have NaN in every sample are kept: their cells say why they are NaN.

    Parameters
    ----------
    a, b, layers, memory, groups, order
        See `isorep.compare`. Stores are read into memory.

    Returns
    -------
    Representations, Representations, (n_samples,) bool array
        Both sides, with their groups and order, and whether each sample was kept.

    Raises
    ------
    ValueError
        If a side is a model, the layers do not fit into memory, the samples differ, or fewer than
        2 samples are left.
    """
    for name, side in (("a", a), ("b", b)):
        if is_model(side):
            raise ValueError(
                f"nan_policy='omit' is for activations, and {name} is a model: capture it with "
                "isorep.capture and compare the capture"
            )
    of_a, of_b = patterns_of_each(layers, 2)
    same = (b is a or is_same_path(a, b)) and of_a == of_b
    opened = [select_layers(as_layers(a), of_a, "a")]
    if not same:
        opened.append(select_layers(as_layers(b), of_b, "b"))
    needed, budget = sum(map(_size, opened)), memory_budget(memory)
    if needed > budget:
        raise ValueError(
            f"nan_policy='omit' reads the samples into memory, which takes {readable(needed)}, and "
            f"memory= allows {readable(budget)}: select fewer layers or allow more"
        )
    x = Representations.from_mapping(opened[0])
    y = x if same else Representations.from_mapping(opened[1])
    x.check_same_samples(y)
    if groups is not None or order is not None:
        x = with_structure(x, groups, order)
        y = x if same else with_structure(y, groups, order)
    check_same_labels({"a": x, "b": y})
    x, y, kept = without_nan(x, y, x, y)
    return x, x if same else y, kept


def without_nan(
    x: Representations, y: Representations, x_selected: Layers[Any], y_selected: Layers[Any]
) -> tuple[Representations, Representations, NDArray[np.bool_]]:
    """Return both sides without the samples that have NaN in a selected layer, and which are kept.

    Layers that have NaN in every sample remove none.

    Raises
    ------
    ValueError
        If fewer than 2 samples are left.
    """
    missing = samples_with_nan(x_selected) | samples_with_nan(y_selected)
    rows = kept_samples(missing)
    if missing.any():
        x, y = x.take(rows), y.take(rows)
    return x, y, ~missing


def _size(layers: Layers[Any]) -> int:
    return sum(x.shape[0] * x.shape[1] * x.dtype.itemsize for x in layers.values())
