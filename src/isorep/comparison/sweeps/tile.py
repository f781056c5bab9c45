"""What a worker does: prepare one layer, or compare the prepared layers of a tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isorep._utils.parallel import one_thread
from isorep.comparison.grid import Grid
from isorep.comparison.sweeps.network import Network
from isorep.comparison.sweeps.row import BatchedOverlap
from isorep.comparison.sweeps.sweep import ProductPrecision, Tile
from isorep.core.basis import Basis, Solver
from isorep.core.prepare import Coupled, Prepared, couple_prepared, ranks
from isorep.measures.registry import measure_named


@dataclass(frozen=True)
class Cells:
    """What a tile found.

    Attributes
    ----------
    there : mapping of variable to (x, y) array
        x against y.
    back : mapping of variable to (y, x) array, or None
        y against x, where wanted.
    ranks : mapping of "x" and "y" to (x,) and (y,) array
        Directions of each layer.
    """

    there: Mapping[str, NDArray[Any]]
    back: Mapping[str, NDArray[Any]] | None
    ranks: Mapping[str, NDArray[np.int64]]


def prepare_layer(
    source: Network, layer: str, solver: Solver, precision: ProductPrecision
) -> Prepared:
    """Read and prepare a layer, or find what is wrong with it.

    A store that is damaged costs its own cells; that it cannot be read at all, which another try
    may mend, is an OSError.
    """
    with one_thread():
        try:
            array, dtype = source.read(layer)
            name = f"{source.name}[{layer!r}]"
            basis = Basis.from_array(array, solver=solver, dtype=dtype, name=name)
        except (TypeError, ValueError) as error:
            return error
        if precision == "double":
            return basis
        q = basis.q
        xp = array_namespace(q)
        # The entries of Q are O(1/sqrt n): rounding them moves a correlation by 1e-6 at most.
        return replace(basis, factor=xp.astype(q, xp.float32), rotation=None)


def compare_layers(
    tile: Tile, prepared: Sequence[Prepared], measures: Sequence[str], precision: ProductPrecision
) -> Cells:
    """Compare the layers of a tile; `prepared` holds those of ``tile.numbers``, in that order."""
    by_number = dict(zip(tile.numbers, prepared, strict=True))
    xs, ys = [by_number[i] for i in tile.x], [by_number[j] for j in tile.y]
    grid = Grid((2, len(xs), len(ys)), [measure_named(name) for name in measures])
    with one_thread():
        for i, j, coupled in _couplings(tile, xs, ys, precision):
            mirror = (1, i, j) if tile.back else None
            if tile.on_diagonal:  # the pairs below it are met above it
                mirror = (0, j, i) if i != j else None
            grid.fill((0, i, j), coupled, mirror=mirror)
    arrays = grid.arrays()
    return Cells(
        there={name: array[0] for name, array in arrays.items()},
        back={name: array[1].T for name, array in arrays.items()} if tile.back else None,
        ranks={"x": np.array(ranks(xs)), "y": np.array(ranks(ys))},
    )


def _couplings(
    tile: Tile, xs: Sequence[Prepared], ys: Sequence[Prepared], precision: ProductPrecision
) -> Iterator[tuple[int, int, Coupled]]:
    columns = BatchedOverlap(ys) if precision == "single" else None
    for i, x in enumerate(xs):
        first = i if tile.on_diagonal else 0
        itself = tile.y.index(tile.x[i]) if tile.x[i] in tile.y else None
        row = {} if columns is None else columns.couple(x, first, itself)
        for j in range(first, len(ys)):
            yield i, j, row.pop(j) if j in row else couple_prepared(x, ys[j])
