"""Matched sides: the representations that a table compared, checked against its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import unknown_name
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.complete_samples import complete_samples
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple
from isorep.core.prepare import Prepared, prepare
from isorep.measures.registry import measure_named
from isorep.representations.representations import Representations
from isorep.representations.row_positions import RowPositions
from isorep.representations.sample_order import common_order

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-3
"""Largest difference between a table's similarity and the recomputed one."""

MAX_CHECKED = 4
"""Number of cells at which the table is compared with the representations."""

_NO_MATCH = "a and b do not match this table"
_PASS_THESE = (
    "pass the representations that isorep.compare compared, in the same order, and with the "
    "groups= and order= that it got: Representations.from_mapping(a, groups=...)"
)


@dataclass(frozen=True, eq=False)
class MatchedSides:
    """Both sides of a table, with the samples that were compared, in one order.

    Attributes
    ----------
    x, y : Representations
        The two sides; one object if a network is compared with itself.
    x_layers, y_layers : list of str
        Layers of the table.
    places : (n_samples,) int64 array
        Place of each sample among all samples of `a`.
    n_of_a : int
        Number of samples of `a`.
    prepared : dict
        Bases of layers, or why they have none, by side and layer.
    """

    x: Representations
    y: Representations
    x_layers: list[str]
    y_layers: list[str]
    places: NDArray[np.int64]
    n_of_a: int
    prepared: dict[tuple[int, str], Prepared] = field(default_factory=dict)

    @classmethod
    def from_sides(
        cls, table: xarray.Dataset, measure: str, a: Mapping[str, Any], b: Mapping[str, Any]
    ) -> MatchedSides:
        """Read the sides that `isorep.compare` compared, and check some cells of the table.

        Parameters
        ----------
        table : xarray.Dataset
            Table of `isorep.compare`, or a selection of its layers.
        measure : str
            Measure of the table that is computed again.
        a, b : Representations or mapping of layer name to array
            Representations that `isorep.compare` compared.

        Raises
        ------
        ValueError
            If `a` or `b` lacks a layer of the table, their samples differ, or they do not match the
            numbers of the table.
        """
        table = table.transpose("x_layer", "y_layer")
        x_layers, y_layers = (table[dim].to_numpy().tolist() for dim in ("x_layer", "y_layer"))
        sides, _, _ = aligned_sides({"a": a, "b": b})
        x, y = sides.values()
        kept = None
        if table.attrs.get("n_omitted"):
            x, y, kept = complete_samples(x, y, (x_layers, y_layers), None)
        is_one = y is x
        x = Representations.from_mapping(x)
        y = x if is_one else Representations.from_mapping(y)
        x.check_same_samples(y)
        _check_layers(x_layers, x, "a")
        _check_layers(y_layers, y, "b")
        places = np.arange(x.n_samples) if kept is None else np.flatnonzero(kept)
        n_of_a = x.n_samples if kept is None else len(kept)
        if sides["a"] is not a and isinstance(sides["a"], Representations):
            # Tables were brought into one order.
            ids, before = sides["a"].sample_ids, aligned_sides({"a": a})[0]["a"].sample_ids
            order = None if ids is None else common_order(ids, before)
            places = places if order is None else order[places]
        matched = cls(x, y, x_layers, y_layers, places, n_of_a)
        # The most similar cell may compare a layer with itself, so it cannot reveal swapped sides.
        cells = np.argwhere(table["n_samples"].to_numpy() > 0)
        similarities = table[measure].to_numpy()[tuple(cells.T)]
        cells = cells[np.argsort(-similarities, kind="stable")]
        checked = cells[:: -(-len(cells) // MAX_CHECKED) or 1].tolist()
        for cell, overlap in matched.overlaps([(i, j) for i, j in checked]):
            _check_match(table, measure, cell, overlap)
        return matched

    def overlaps(
        self, cells: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], Overlap]]:
        """Yield each cell and its overlap. Each layer is prepared once, when first needed.

        Raises
        ------
        ValueError
            If a layer cannot be compared.
        """
        prepared = self.prepared

        def basis(side: Representations, layer: str, name: str) -> Basis:
            key = id(side), layer
            if key not in prepared:
                prepared[key] = prepare(side, layer, name, "auto")
            layer_basis = prepared[key]
            if isinstance(layer_basis, Exception):
                raise ValueError(f"{_NO_MATCH}: {layer_basis}") from layer_basis
            return layer_basis

        for i, j in cells:
            x, y = basis(self.x, self.x_layers[i], "a"), basis(self.y, self.y_layers[j], "b")
            yield (i, j), couple(x, y)

    def positions(self, cell: tuple[int, int]) -> RowPositions | None:
        """Return what the rows of a cell stand for, if they are known positions of samples."""
        x_layer, y_layer = self.x_layers[cell[0]], self.y_layers[cell[1]]
        known = self.x.row_positions.get(x_layer)
        return self.y.row_positions.get(y_layer) if known is None else known


def _check_match(
    table: xarray.Dataset, measure: str, cell: tuple[int, int], overlap: Overlap
) -> None:
    """Raise ValueError if the overlap has another similarity than the cell of the table."""
    i, j = cell
    x_layer, y_layer = table["x_layer"].to_numpy()[i], table["y_layer"].to_numpy()[j]
    n_samples = int(table["n_samples"].to_numpy()[cell])
    if n_samples != overlap.n_samples:
        raise ValueError(
            f"{_NO_MATCH}: ({x_layer}, {y_layer}) has {n_samples} samples in the table, "
            f"{overlap.n_samples} in a and b; {_PASS_THESE}"
        )
    similarity = float(table[measure].to_numpy()[cell])
    if isnan(similarity):  # this measure does not apply to the cell
        return
    recomputed = measure_named(measure)(overlap).similarity
    if not abs(similarity - recomputed) <= TOLERANCE:
        raise ValueError(
            f"{_NO_MATCH}: {measure} at ({x_layer}, {y_layer}) is {similarity:.4f} in the table, "
            f"{recomputed:.4f} recomputed; {_PASS_THESE}"
        )


def _check_layers(layers: Sequence[str], side: Representations, name: str) -> None:
    for layer in layers:
        if layer not in side:
            raise ValueError(unknown_name(f"layer of {name}", str(layer), side))
