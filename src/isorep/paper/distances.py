"""Distances: every network of two groups against every other, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.basis import Basis
from isorep.measures import MEASURES
from isorep.overlap import overlap

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between networks: the first half of them is one group, the second half another.

    Attributes
    ----------
    layers : tuple of str
        In execution order.
    networks : tuple of str
        Names of the 2n networks, in the order of the rows and columns.
    groups : (str, str)
        Names of the two groups.
    tables : dict of (measure, x_layer, y_layer) to (2n, 2n) array
        ``[i, j]`` is the distance of network i's `x_layer` from network j's `y_layer`, with
        projection weights from i. Holds every layer against itself, and the pairs of different
        layers that were asked for. The diagonal, a network against itself, is 0.
    svcca_ranks : dict of layer to (2n,) array
        Directions that hold 99 % of the variance, which are all that SVCCA looks at.
    """

    layers: tuple[str, ...]
    networks: tuple[str, ...]
    groups: tuple[str, str]
    tables: Mapping[tuple[str, str, str], Floats]
    svcca_ranks: Mapping[str, NDArray[np.int64]]

    @property
    def group_size(self) -> int:
        """Networks in each group, n."""
        return len(self.networks) // 2

    def at(self, measure: str, x_layer: str, y_layer: str | None = None) -> Floats:
        """Return the table of a measure at a layer, or between two layers."""
        return self.tables[measure, x_layer, x_layer if y_layer is None else y_layer]

    def group_of(self, i: int, j: int) -> str:
        """Name the group of an ordered pair: one of the two, or "inter"."""
        n = self.group_size
        return self.groups[i // n] if i // n == j // n else "inter"

    def pairs(self, measure: str) -> dict[str, Floats]:
        """Return, for each group and for "inter", (ordered pairs, layers) distances."""
        n = self.group_size
        stack = np.stack([self.at(measure, layer) for layer in self.layers], axis=-1)
        different = ~np.eye(n, dtype=bool)
        return {
            self.groups[0]: stack[:n, :n][different],
            self.groups[1]: stack[n:, n:][different],
            "inter": np.concatenate(
                [block.reshape(-1, len(self.layers)) for block in (stack[:n, n:], stack[n:, :n])]
            ),
        }


def all_pairs(
    representations: Mapping[str, Mapping[str, Any]],
    groups: tuple[str, str],
    *,
    measures: Sequence[str],
    across: Sequence[tuple[str, str]] = (),
) -> Distances:
    """Compare every network with every other, both ways round.

    Each layer of each network is prepared once.

    Parameters
    ----------
    representations : dict of network to (dict of layer to (n, p) array)
        All on the same samples; the first half of the networks is the first group.
    groups : (str, str)
        Names of the groups.
    measures : sequence of str
        Names in `isorep.MEASURES`.
    across : sequence of (str, str)
        Pairs of different layers to compare too.
    """
    networks = tuple(representations)
    layers = tuple(representations[networks[0]])
    bases = {
        layer: [
            Basis.from_array(representations[network][layer], name=f"{layer} of {network}")
            for network in networks
        ]
        for layer in layers
    }
    tables: dict[tuple[str, str, str], Floats] = {}
    for x_layer, y_layer in [*((layer, layer) for layer in layers), *across]:
        for measure in measures:
            tables[measure, x_layer, y_layer] = np.zeros((len(networks), len(networks)))
        for i, x in enumerate(bases[x_layer]):
            for j, y in enumerate(bases[y_layer]):
                if i == j:
                    continue
                coupled = overlap(x, y)
                for measure in measures:
                    found = MEASURES[measure](coupled).distance
                    tables[measure, x_layer, y_layer][i, j] = found
    svcca_ranks = {
        layer: np.array([MEASURES["svcca"](overlap(x, x)).x_rank for x in prepared])
        for layer, prepared in bases.items()
    }
    return Distances(layers, networks, groups, tables, svcca_ranks)
