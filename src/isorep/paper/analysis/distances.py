"""Distances: all pairs of networks of two groups, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between networks; the first half of the networks is one group, the second another.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers in execution order.
    networks : tuple of str
        Names of the 2n networks in the order of the rows and columns.
    groups : (str, str)
        Names of the two groups.
    tables : dict of (measure, x_layer, y_layer) to (2n, 2n) array
        ``[i, j]`` is the distance of network i's `x_layer` from network j's `y_layer`, with
        projection weights from i. There is a table for each layer, and for each requested pair of
        different layers. The diagonal (a network and itself) is 0.
    svcca_ranks : dict of layer to (2n,) array
        Number of directions with 99 % of the variance, which SVCCA keeps; empty without SVCCA.
    """

    layers: tuple[str, ...]
    networks: tuple[str, ...]
    groups: tuple[str, str]
    tables: Mapping[tuple[str, str, str], Floats]
    svcca_ranks: Mapping[str, NDArray[np.int64]]

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures, in the requested order."""
        return tuple(dict.fromkeys(measure for measure, _, _ in self.tables))

    @property
    def group_size(self) -> int:
        """Number of networks in each group, n."""
        return len(self.networks) // 2

    def at(self, measure: str, x_layer: str, y_layer: str | None = None) -> Floats:
        """Return the table of a measure at a layer, or between two layers."""
        return self.tables[measure, x_layer, x_layer if y_layer is None else y_layer]

    def group_of(self, i: int, j: int) -> str:
        """Return the group of an ordered pair: one of the two, or "inter"."""
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
    """Compare all pairs of networks in both orders.

    Parameters
    ----------
    representations : dict of network to (dict of layer to (n, p) array)
        Representations of the same samples; the first half of the networks is the first group.
    groups : (str, str)
        Names of the groups.
    measures : sequence of str
        Names in `isorep.MEASURES`.
    across : sequence of (str, str)
        Pairs of different layers to compare too, in both orders.
    """
    networks = tuple(representations)
    layers = tuple(representations[networks[0]])
    tables = _tables(
        isorep.pairwise(dict(representations.items()), measures=list(measures), progress=False),
        networks,
        networks,
    )
    for x_layer, y_layer in across:
        # `pairwise` compares the same layer of two networks, so each layer becomes a network.
        both: dict[str | float, Mapping[str, Any]] = {
            f"{name}/{number}": {"layer": representations[name][layer]}
            for number, layer in enumerate((x_layer, y_layer))
            for name in networks
        }
        table = isorep.pairwise(both, measures=list(measures), progress=False)
        names = [str(name) for name in both]
        half = len(networks)
        for x, y, rows, columns in (
            (x_layer, y_layer, names[:half], names[half:]),
            (y_layer, x_layer, names[half:], names[:half]),
        ):
            for (measure, _, _), distances in _tables(table, rows, columns).items():
                tables[measure, x, y] = distances
    svcca_ranks = {
        layer: np.array(
            [isorep.svcca(array[layer], array[layer]).x_rank for array in representations.values()]
        )
        for layer in layers
        if "svcca" in measures
    }
    return Distances(layers, networks, groups, tables, svcca_ranks)


def _tables(
    table: xarray.Dataset, rows: Sequence[str], columns: Sequence[str]
) -> dict[tuple[str, str, str], Floats]:
    """Return the distances for each measure and layer, with 0 on the diagonal.

    Raises
    ------
    ValueError
        If two networks could not be compared.
    """
    reasons = table["reason"].to_numpy()
    if (reasons != "").any():
        raise ValueError(f"networks could not be compared: {reasons[reasons != ''][0]}")
    tables = {}
    for measure in table.attrs["measures"]:
        selected = table[f"{measure}_distance"].sel(x=list(rows), y=list(columns))
        for layer in table["layer"].to_numpy():
            distances = selected.sel(layer=layer).to_numpy().astype(np.float64)
            np.fill_diagonal(distances, 0.0)
            tables[measure, str(layer), str(layer)] = distances
    return tables
