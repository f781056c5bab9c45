"""Subspaces: the directions of a layer that settle in training, and those that do not (figure 1).

Section 3.1 of the paper. The canonical correlations of a layer with its final state show how many
of its directions have settled. Of the directions that a layer has early in training, CCA finds some
again half-way through training (S) and others not (B). Each set is then a representation of its
own, and is compared with the layer at later steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import isorep

Floats = NDArray[np.float64]
Step = TypeVar("Step", bound="str | float")


class Subspaces(NamedTuple):
    """The most and the least correlated variates of a layer, (n, k) each.

    They are orthonormal in the samples in which they were chosen.
    """

    stable: Floats
    unstable: Floats


def coefficients(states: Mapping[Step, Mapping[str, Any]], layer: str) -> Floats:
    """Return the sorted canonical correlations of a layer at each step with its last state.

    Parameters
    ----------
    states : dict of step to (dict of layer to (n, p) array)
        States in order.
    layer : str
        Name of the layer.

    Returns
    -------
    (steps, c) array
        Descending in each row; c is the rank of the last state. A state of lower rank is padded
        with zeros.
    """
    arrays = [layers[layer] for layers in states.values()]
    last = isorep.Basis.from_array(arrays[-1], name=f"{layer} at the last step")
    correlations = np.zeros((len(arrays), last.rank))
    for row, array in zip(correlations, arrays, strict=True):
        rho = isorep.overlap(array, last).correlations
        row[: rho.shape[0]] = rho
    return correlations


def halves(
    states: Mapping[Step, Mapping[str, Any]],
) -> tuple[dict[Step, dict[str, Any]], dict[Step, dict[str, Any]]]:
    """Return the states of the first half of the samples, and of the second half."""
    first: dict[Step, dict[str, Any]] = {}
    second: dict[Step, dict[str, Any]] = {}
    for step, layers in states.items():
        middles = {layer: (array, len(array) // 2) for layer, array in layers.items()}
        first[step] = {layer: array[:middle] for layer, (array, middle) in middles.items()}
        second[step] = {layer: array[middle:] for layer, (array, middle) in middles.items()}
    return first, second


def split(
    states: Mapping[Step, Mapping[str, Any]],
    layer: str,
    early: Step,
    later: Step,
    k: int,
    *,
    judged: Mapping[Step, Mapping[str, Any]] | None = None,
) -> Subspaces:
    """Return the directions of a layer that CCA finds again later, and those that it does not.

    These are the k canonical variates of the layer at `early` with the largest correlations with
    the layer at `later`, and the k with the smallest.

    Parameters
    ----------
    states : dict of step to (dict of layer to (n, p) array)
        States in which the directions are chosen.
    layer : str
        Name of the layer.
    early, later : step
        Steps of the layer that is split, and of the layer that it is compared with.
    k : int
        Number of directions in each set.
    judged : dict of step to (dict of layer to (m, p) array), optional
        States of other samples, for which the variates are returned. In the samples in which they
        were chosen, the most correlated ones are correlated also by chance.

    Raises
    ------
    ValueError
        If there are fewer than 2 k variates, so that both sets would share some.
    """
    coupled = isorep.overlap(states[early][layer], states[later][layer])
    variates = np.asarray(coupled.x_variates)
    if not 1 <= k <= variates.shape[1] // 2:
        raise ValueError(
            f"{layer} has {variates.shape[1]} canonical variates, so k must be from 1 to "
            f"{variates.shape[1] // 2} to keep both sets apart; got {k}"
        )
    if judged is not None:
        array = np.asarray(judged[early][layer], dtype=np.float64)
        variates = (array - array.mean(axis=0)) @ np.asarray(coupled.x_directions)
    return Subspaces(variates[:, :k], variates[:, -k:])


def drift(
    subspace: Any, states: Mapping[Step, Mapping[str, Any]], layer: str, measure: str = "cca"
) -> Floats:
    """Return the distance of a set of variates, as a representation, to a layer at each step."""
    basis = isorep.Basis.from_array(subspace, name="subspace")
    return np.array(
        [
            isorep.MEASURES[measure](isorep.overlap(basis, layers[layer])).distance
            for layers in states.values()
        ]
    )


def first_at_least(values: Sequence[float] | Floats, threshold: float) -> int:
    """Return the index of the first value that reaches a threshold."""
    reached = np.flatnonzero(np.asarray(values) >= threshold)
    if not len(reached):
        raise ValueError(f"no value reaches {threshold}; the largest is {np.max(values)}")
    return int(reached[0])
