"""Subspaces: which part of a layer settles, whatever the kind of network (figure 1).

Section 3.1 of the paper. A layer's canonical correlations with its own final state say how many of
its directions have settled. And of the directions that a layer has early on, those that CCA finds
again half-way through training (S) are told from those that it does not (B), and each set is taken
as a representation of its own and followed on.
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
    """The most and the least correlated variates of a layer, (n, k) each, orthonormal."""

    stable: Floats
    unstable: Floats


def coefficients(states: Mapping[Step, Mapping[str, Any]], layer: str) -> Floats:
    """Return the sorted canonical correlations of a layer at each step with its last state.

    Parameters
    ----------
    states : dict of step to (dict of layer to (n, p) array)
        In order.
    layer : str
        Which layer.

    Returns
    -------
    (steps, c) array
        Descending along each row; c is the rank of the last state, and a state of lower rank has
        zeros for what it lacks.
    """
    arrays = [layers[layer] for layers in states.values()]
    last = isorep.Basis.from_array(arrays[-1], name=f"{layer} at the last step")
    found = np.zeros((len(arrays), last.rank))
    for row, array in zip(found, arrays, strict=True):
        rho = isorep.overlap(array, last).correlations
        row[: rho.shape[0]] = rho
    return found


def split(
    states: Mapping[Step, Mapping[str, Any]], layer: str, early: Step, later: Step, k: int
) -> Subspaces:
    """Tell the directions of a layer that are found again from those that are not.

    Of the canonical variates of the layer at `early`, against the layer at `later`, the k with the
    largest correlations, and the k with the smallest.

    Raises
    ------
    ValueError
        When there are fewer than 2 k variates, so that some would be in both.
    """
    coupled = isorep.overlap(states[early][layer], states[later][layer])
    variates = np.asarray(coupled.x_variates)
    if not 1 <= k <= variates.shape[1] // 2:
        raise ValueError(
            f"{layer} has {variates.shape[1]} canonical variates: k must be from 1 to "
            f"{variates.shape[1] // 2}, so that no variate is both stable and unstable; got {k}"
        )
    return Subspaces(variates[:, :k], variates[:, -k:])


def drift(
    subspace: Any, states: Mapping[Step, Mapping[str, Any]], layer: str, measure: str = "cca"
) -> Floats:
    """Return the distance of a set of variates, as a representation, to a layer at each step."""
    own = isorep.Basis.from_array(subspace, name="subspace")
    return np.array(
        [
            isorep.MEASURES[measure](isorep.overlap(own, layers[layer])).distance
            for layers in states.values()
        ]
    )


def first_at_least(values: Sequence[float] | Floats, threshold: float) -> int:
    """Return the index of the first value that reaches a threshold."""
    reached = np.flatnonzero(np.asarray(values) >= threshold)
    if not len(reached):
        raise ValueError(f"no value reaches {threshold}; the largest is {np.max(values)}")
    return int(reached[0])
