"""Results: the table of a sweep while it is filled, and the one that is in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from isorep.comparison.grid import with_all_cells
from isorep.comparison.sweeps.sweep import Sweep
from isorep.comparison.sweeps.tile import Cells, Region, Tile
from isorep.comparison.table import empty_arrays, make_table

if TYPE_CHECKING:
    import xarray


class Results(Protocol):
    """A table that is filled tile by tile."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def has(self, tile: Tile) -> bool:
        """Return whether a tile is finished."""
        ...

    def write(self, tile: Tile, cells: Cells) -> None:
        """Add the cells of a tile."""
        ...

    def dataset(self) -> xarray.Dataset:
        """Return the table."""
        ...


class ResultsInMemory:
    """A table in memory."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        inputs = sweep.inputs
        self._arrays = empty_arrays(list(sweep.sizes.values()), inputs.measures, inputs.inference)
        self._null_maxima = np.full((len(inputs.measures), inputs.inference.n_draws), -np.inf)
        self._ranks = {
            name: np.zeros([sweep.sizes[dim] for dim in dims], dtype=np.int64)
            for name, dims in sweep.ranks.items()
        }
        for region, reason in sweep.missing:
            self._arrays["reason"][region] = reason

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def has(self, tile: Tile) -> bool:
        """Return False, since a sweep in memory starts empty."""
        return False

    def write(self, tile: Tile, cells: Cells) -> None:
        """Add the cells of a tile."""
        write_cells(tile, cells, self._arrays | self._ranks)
        np.maximum(self._null_maxima, cells.null_maxima, out=self._null_maxima)

    def dataset(self) -> xarray.Dataset:
        """Return the table."""
        sweep, inputs = self._sweep, self._sweep.inputs
        ranks = {name: (dims, self._ranks[name]) for name, dims in sweep.ranks.items()}
        return make_table(
            sweep.coords,
            with_all_cells(self._arrays, inputs.measures, inputs.inference, self._null_maxima),
            inputs.measures,
            ranks,
            sweep.table_attrs,
            inputs.inference,
        )


def write_cells(tile: Tile, cells: Cells, arrays: Mapping[str, Any]) -> None:
    """Write the cells of a tile into the table's arrays, which are NumPy's or zarr's."""
    for name, region, values in filled(tile, cells):
        _put(arrays[name], region, values)


def filled(tile: Tile, cells: Cells) -> Iterator[tuple[str, Region, NDArray[Any]]]:
    """Yield the variables that a tile fills, with cells of the table and values.

    Empty texts are left out, since the table has them already.
    """
    for variables, region in ((cells.xy, tile.xy), (cells.yx, tile.yx)):
        if variables is None or region is None:
            continue
        for name, values in variables.items():
            if values.dtype != object or values.any():
                yield name, region, values
    for name, side, region in tile.ranks:
        yield name, region, cells.ranks[side]


def _put(array: Any, region: Region, values: NDArray[Any]) -> None:
    lengths = [part.stop - part.start for part in region if isinstance(part, slice)]
    array[region] = values.reshape(lengths)
