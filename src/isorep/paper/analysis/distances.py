"""Distances: every network of two groups against every other, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.comparison.pairwise import pairwise
from isorep.measures import svcca

if TYPE_CHECKING:
    import xarray

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
        Directions that hold 99 % of the variance, which are all that SVCCA looks at; empty where
        SVCCA was not computed.
    """

    layers: tuple[str, ...]
    networks: tuple[str, ...]
    groups: tuple[str, str]
    tables: Mapping[tuple[str, str, str], Floats]
    svcca_ranks: Mapping[str, NDArray[np.int64]]

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures, in the order they were asked for."""
        return tuple(dict.fromkeys(measure for measure, _, _ in self.tables))

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

    Parameters
    ----------
    representations : dict of network to (dict of layer to (n, p) array)
        All on the same samples; the first half of the networks is the first group.
    groups : (str, str)
        Names of the groups.
    measures : sequence of str
        Names in `isorep.MEASURES`.
    across : sequence of (str, str)
        Pairs of different layers to compare too, both ways round.
    """
    networks = tuple(representations)
    layers = tuple(representations[networks[0]])
    tables = _tables(
        pairwise(dict(representations.items()), measures=list(measures), progress=False),
        networks,
        networks,
    )
    for x_layer, y_layer in across:
        # Two layers of one network, as one layer of two networks.
        both: dict[str | float, Mapping[str, Any]] = {
            f"{name}/{number}": {"layer": representations[name][layer]}
            for number, layer in enumerate((x_layer, y_layer))
            for name in networks
        }
        found = pairwise(both, measures=list(measures), progress=False)
        names = [str(name) for name in both]
        half = len(networks)
        for x, y, rows, columns in (
            (x_layer, y_layer, names[:half], names[half:]),
            (y_layer, x_layer, names[half:], names[:half]),
        ):
            for (measure, _, _), table in _tables(found, rows, columns).items():
                tables[measure, x, y] = table
    svcca_ranks = {
        layer: np.array([svcca(one[layer], one[layer]).x_rank for one in representations.values()])
        for layer in layers
        if "svcca" in measures
    }
    return Distances(layers, networks, groups, tables, svcca_ranks)


def _tables(
    found: xarray.Dataset, rows: Sequence[str], columns: Sequence[str]
) -> dict[tuple[str, str, str], Floats]:
    """Return a table of distances for each measure and layer, with nothing on the diagonal.

    Raises
    ------
    ValueError
        When two networks could not be compared.
    """
    trouble = found["reason"].to_numpy()
    if (trouble != "").any():
        raise ValueError(f"networks could not be compared: {trouble[trouble != ''][0]}")
    tables = {}
    for measure in found.attrs["measures"]:
        chosen = found[f"{measure}_distance"].sel(x=list(rows), y=list(columns))
        for layer in found["layer"].to_numpy():
            table = chosen.sel(layer=layer).to_numpy().astype(np.float64)
            np.fill_diagonal(table, 0.0)
            tables[measure, str(layer), str(layer)] = table
    return tables
