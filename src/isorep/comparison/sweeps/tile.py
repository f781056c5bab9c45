"""Tile: a block of a sweep's pairs, and how a worker prepares and compares its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isorep._utils.parallel import one_thread
from isorep.comparison.grid import Grid
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.sweeps.batched_overlap import BatchedOverlap
from isorep.comparison.sweeps.network import Network
from isorep.core.basis import Basis, Solver
from isorep.core.prepare import Coupled, Prepared, couple_prepared, ranks
from isorep.core.single_basis import ProductPrecision
from isorep.measures.registry import measure_named

Region = tuple[int | slice, ...]
"""Index of a tile's cells in the table."""

_MAX_EDGE = {"double": 16, "single": 64}
"""Maximal number of networks on each side of a tile. Computing such a tile takes far longer than
writing it."""

_MAX_EDGE_INFERRED = 4
"""As `_MAX_EDGE`, if more than similarities is computed, which takes seconds a pair."""

_MAX_SIDE_BYTES = 2**28
"""Maximal size of one side of a tile, at four bytes a number."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One layer of some networks against the same layer of others, computed as a unit.

    Attributes
    ----------
    number : int
        Index of the tile in the sweep.
    layer : int
        Index of the layer.
    x, y : range
        Indices of the networks on the two sides.
    xy, yx : tuple of int and slice
        Cells of the table for x against y, and for y against x (None if the sweep has no such
        cells, or they are the same).
    ranks : tuple of (variable, "x" or "y", cells)
        Cells of the table for the ranks of a side.
    """

    number: int
    layer: int
    x: range
    y: range
    xy: Region
    yx: Region | None
    ranks: tuple[tuple[str, Literal["x", "y"], Region], ...]

    @property
    def on_diagonal(self) -> bool:
        """Whether both sides are the same networks, so that the tile has each pair twice."""
        return self.x == self.y

    @property
    def networks(self) -> list[int]:
        """Indices of the networks in the tile, each once, first those that more tiles need."""
        return list(dict.fromkeys([*self.y, *self.x]))


@dataclass(frozen=True)
class Cells:
    """The results of a tile.

    Attributes
    ----------
    xy : mapping of variable to (x, y) array
        Cells for x against y.
    yx : mapping of variable to (y, x) array, or None
        Cells for y against x, if the tile has a region for them.
    ranks : mapping of "x" and "y" to (x,) and (y,) array
        Rank of each layer.
    null_maxima : (n_measures, n_permutations) array
        See `isorep.comparison.grid.Grid`.
    """

    xy: Mapping[str, NDArray[Any]]
    yx: Mapping[str, NDArray[Any]] | None
    ranks: Mapping[str, NDArray[np.int64]]
    null_maxima: NDArray[np.float64]


def tile_edge(
    count: int,
    shapes: Iterable[Mapping[str, tuple[int, int]]],
    precision: ProductPrecision,
    inferred: bool = False,
) -> int:
    """Return the number of networks on a side of a tile, a power of two up to 64.

    Few networks still make several tiles, to use several cores, and large layers make small tiles.
    The result does not depend on the machine, so that a sweep resumed elsewhere has the same tiles.
    """
    largest = max(prod(shape) for layers in shapes for shape in layers.values())
    most = _MAX_EDGE_INFERRED if inferred else _MAX_EDGE[precision]
    edge = min(most, max(1, count // 4), max(1, _MAX_SIDE_BYTES // (4 * largest)))
    return 1 << (edge.bit_length() - 1)


def tile_sides(count: int, edge: int, first: int = 0) -> list[range]:
    """Cut `count` networks, from index `first` on, into ranges of up to `edge`."""
    return [
        range(start, min(start + edge, first + count))
        for start in range(first, first + count, edge)
    ]


def prepare_layer(
    network: Network, layer: str, solver: Solver, precision: ProductPrecision
) -> Prepared:
    """Read and prepare a layer, or return the error that prevents it.

    Raises
    ------
    OSError
        If the store cannot be read, since another try may succeed. A damaged store makes only the
        cells of this layer NaN.
    """
    with one_thread():
        try:
            read = network.read_layer(layer)
            name = f"{network.name}[{layer!r}]"
            basis = Basis.from_array(read.array, solver=solver, dtype=read.dtype, name=name)
            basis = replace(basis, structure=read.structure)
        except (TypeError, ValueError) as error:
            return error
        if precision == "double":
            return basis
        q = basis.q
        xp = array_namespace(q)
        # The entries of Q are O(1/sqrt n): rounding them moves a correlation by 1e-6 at most.
        return basis.with_factor(xp.astype(q, xp.float32))


def compare_layers(
    tile: Tile,
    prepared: Sequence[Prepared],
    labels: Sequence[str],
    precision: ProductPrecision,
    inference: InferenceOptions,
) -> Cells:
    """Compare the layers of a tile.

    Parameters
    ----------
    tile
        The tile.
    prepared
        The prepared layers of ``tile.networks``, in that order.
    labels
        Labels of the measures, which are less to send to a worker than the measures.
    precision
        Precision of the products.
    inference
        What to infer for each cell.
    """
    by_network = dict(zip(tile.networks, prepared, strict=True))
    xs, ys = [by_network[i] for i in tile.x], [by_network[j] for j in tile.y]
    shape = 2, len(xs), len(ys)
    grid = Grid(shape, [measure_named(label) for label in labels], inference)
    with one_thread():
        for i, j, coupled in _couplings(tile, xs, ys, precision):
            mirror = (1, i, j) if tile.yx else None
            if tile.on_diagonal:  # each pair is coupled above the diagonal only
                mirror = (0, j, i) if i != j else None
            grid.fill((0, i, j), coupled, mirror=mirror, same=tile.x[i] == tile.y[j])
    arrays = grid.cells()
    return Cells(
        xy={name: array[0] for name, array in arrays.items()},
        yx={name: array[1].T for name, array in arrays.items()} if tile.yx else None,
        ranks={"x": np.array(ranks(xs)), "y": np.array(ranks(ys))},
        null_maxima=grid.null_maxima,
    )


def _couplings(
    tile: Tile, xs: Sequence[Prepared], ys: Sequence[Prepared], precision: ProductPrecision
) -> Iterator[tuple[int, int, Coupled]]:
    """Couple the pairs of a tile, on its diagonal each pair once."""
    columns = BatchedOverlap(ys) if precision == "single" else None
    for i, x in enumerate(xs):
        first = i if tile.on_diagonal else 0
        x_place = tile.y.index(tile.x[i]) if tile.x[i] in tile.y else None
        row = {} if columns is None else columns.couple(x, first, x_place)
        for j in range(first, len(ys)):
            yield i, j, row.pop(j) if j in row else couple_prepared(x, ys[j])
