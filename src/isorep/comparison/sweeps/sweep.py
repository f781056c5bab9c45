"""Sweep: what is to be compared with what, cut into tiles; how it is done is left to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, get_args

from isorep._utils.validation import check_name
from isorep.comparison.inputs import Label, check_same_samples, layers_of_all
from isorep.comparison.sweeps.network import Network
from isorep.comparison.table import Kind
from isorep.core.basis import Solver
from isorep.measures import Measure
from isorep.representations.representations import Layers

Precision = Literal["auto", "double", "single"]

ProductPrecision = Literal["double", "single"]
"""In what precision bases are multiplied."""

Region = tuple[int | slice, ...]
"""Where the cells of a tile are in the table."""

MANY_PAIRS = 1000
"""Pairs of networks a layer, over which "auto" multiplies in single precision."""

_EDGE = {"double": 16, "single": 64}
"""Layers on each side of a tile, at most: enough that a tile takes far longer than to write it."""

_SIDE = 2**28
"""Bytes that one side of a tile may hold, at four bytes a number."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Some layers of some networks against some of others: the least that is done or left undone.

    Attributes
    ----------
    number : int
        Place among the sweep's tiles.
    layer : int
    x, y : range
        Which of the sweep's sources.
    at, back : tuple of int and slice
        Cells of the table for x against y, and for y against x where those are wanted too.
    ranks : tuple of (variable, "x" or "y", cells)
        Where the ranks of a side go.
    """

    number: int
    layer: int
    x: range
    y: range
    at: Region
    back: Region | None
    ranks: tuple[tuple[str, Literal["x", "y"], Region], ...]

    @property
    def on_diagonal(self) -> bool:
        """Whether both sides are the same, so that a pair and its exchange are both in the tile."""
        return self.x == self.y

    @property
    def numbers(self) -> list[int]:
        """The sources that take part, each once, those that most tiles need first."""
        return list(dict.fromkeys([*self.y, *self.x]))


@dataclass(frozen=True)
class Sweep:
    """A table of comparisons before it is computed.

    Attributes
    ----------
    kind : str
        "pairwise" or "trajectory".
    sources : sequence of Network
    shapes : sequence of mapping of layer to (n, p)
        Of the sources.
    samples : tuple of str or None
        Ids of the samples, where any source knows them.
    layers : sequence of str
    measures : sequence of Measure
    solver : str
    precision : str
        "double" or "single".
    coords : mapping of dimension to labels
        The table's dimensions, in order.
    ranks : mapping of variable to dimensions
        The variables that tell ranks.
    tiles : sequence of Tile
        In an order that depends on nothing but the sweep.
    missing : sequence of (cells, str)
        Cells that no tile fills, with the reason.
    attrs : dict
        What else the table says of itself.
    """

    kind: Kind
    sources: Sequence[Network]
    shapes: Sequence[Mapping[str, tuple[int, int]]]
    samples: tuple[str, ...] | None
    layers: Sequence[str]
    measures: Sequence[Measure]
    solver: Solver
    precision: ProductPrecision
    coords: Mapping[str, Sequence[Label]]
    ranks: Mapping[str, tuple[str, ...]]
    tiles: Sequence[Tile]
    missing: Sequence[tuple[Region, str]] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each dimension."""
        return {name: len(labels) for name, labels in self.coords.items()}


def outlines(
    sources: Iterable[Network], layers: str | Sequence[str] | None
) -> tuple[list[str], list[dict[str, tuple[int, int]]], tuple[str, ...] | None]:
    """Look at each source once: the layers to compare, their shapes, and the samples if known.

    No more than two of them are looked at at a time, since the ids of the samples of hundreds of
    networks would not fit in memory either.

    Raises
    ------
    ValueError
        When the samples or their order differ between two sources, or one lacks a layer.
    """
    chosen: list[str] | None = None
    shapes: list[dict[str, tuple[int, int]]] = []
    witness: tuple[str, Layers[Any]] | None = None
    for source in sources:
        outline = source.outline()
        if witness is None:
            witness = (source.name, outline)
        else:
            check_same_samples({witness[0]: witness[1], source.name: outline})
            if witness[1].sample_ids is None and outline.sample_ids is not None:
                witness = (source.name, outline)
        # The first decides where nothing is asked for.
        chosen = layers_of_all(layers if chosen is None else chosen, {source.name: outline})
        shapes.append(
            {layer: (outline[layer].shape[0], outline[layer].shape[1]) for layer in chosen}
        )
    assert chosen is not None
    assert witness is not None
    return chosen, shapes, witness[1].sample_ids


def edge_of(
    count: int, shapes: Iterable[Mapping[str, tuple[int, int]]], precision: ProductPrecision
) -> int:
    """Return how many of `count` networks make the side of a tile: a power of two, at most 64.

    A few make several tiles nevertheless, for several cores; and large ones make small tiles. It
    must not depend on the machine, so that a sweep continued elsewhere has the same tiles.
    """
    largest = max(prod(shape) for found in shapes for shape in found.values())
    edge = min(_EDGE[precision], max(1, count // 4), max(1, _SIDE // (4 * largest)))
    return 1 << (edge.bit_length() - 1)


def cut(count: int, edge: int, first: int = 0) -> list[range]:
    """Cut `count` sources from the one numbered `first` into ranges of `edge`."""
    return [
        range(start, min(start + edge, first + count))
        for start in range(first, first + count, edge)
    ]


def precision_for(wanted: Precision, measures: Sequence[Measure], n_pairs: int) -> ProductPrecision:
    """Choose the precision of the products; see `isorep.pairwise`."""
    check_name("precision", wanted, get_args(Precision))
    by_samples = [measure.name for measure in measures if measure.requires != "moments"]
    if wanted == "single" and by_samples:
        raise ValueError(
            f"{', '.join(by_samples)} must read the samples, which single precision rounds: take "
            "precision='double', or measures of second moments only"
        )
    if wanted == "auto":
        return "single" if n_pairs > MANY_PAIRS and not by_samples else "double"
    return wanted
