"""Results: where the cells of finished tiles go, in memory or in a zarr store that outlives us."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from isorep._formats.lock import locked
from isorep._utils.atomic import new_folder, writing
from isorep.comparison.sweeps.sweep import Region, Sweep, Tile
from isorep.comparison.sweeps.tile import Cells
from isorep.comparison.table import (
    empty_arrays,
    make_table,
    nothing_compared,
    score_variables,
    table_attributes,
)

if TYPE_CHECKING:
    import xarray

_CHUNK = 64
"""Cells of a chunk along each dimension but that of layers: 32 kB of numbers."""

_RECORD = "isorep-sweep"
"""The group, beside the table, that says which sweep it is, and the file in it of what is done."""

_FINISHED = "finished"

_FORMAT = 1


class Results(Protocol):
    """A table that is filled tile by tile."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def has(self, tile: Tile) -> bool:
        """Tell whether a tile is finished."""
        ...

    def write(self, tile: Tile, cells: Cells) -> None:
        """Keep what a tile found."""
        ...

    def dataset(self) -> xarray.Dataset:
        """Return the table."""
        ...


class InMemory:
    """A table in memory."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._arrays = empty_arrays(list(sweep.sizes.values()), sweep.measures)
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
        """Say that nothing is finished before it is begun."""
        return False

    def write(self, tile: Tile, cells: Cells) -> None:
        """Keep what a tile found."""
        _write(tile, cells, self._arrays | self._ranks)

    def dataset(self) -> xarray.Dataset:
        """Return the table."""
        sweep = self._sweep
        ranks = {name: (dims, self._ranks[name]) for name, dims in sweep.ranks.items()}
        return make_table(
            sweep.kind, sweep.coords, self._arrays, sweep.measures, ranks, **sweep.attrs
        )


class InStore:
    """A table in a zarr store, with a list of the tiles that are finished.

    Only the process that runs the sweep writes to it. A tile's cells are written first and then its
    number is added to the list, so that a tile in the list is there; whatever a sweep that was
    killed left of other tiles is written anew.
    """

    def __init__(self, sweep: Sweep, path: Path) -> None:
        self._sweep, self._path = sweep, path
        self._open = ExitStack()

    def __enter__(self) -> Self:
        import zarr

        record = self._path / _RECORD
        self._open.enter_context(locked(record))
        self._file = self._open.enter_context((record / _FINISHED).open("a+b"))
        self._file.seek(0)
        *lines, unfinished = self._file.read().split(b"\n")
        self._file.truncate(self._file.tell() - len(unfinished))
        self._done = {int(line) for line in lines}
        self._arrays = dict(zarr.open_group(self._path, mode="r+").arrays())
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def has(self, tile: Tile) -> bool:
        """Tell whether a tile is finished."""
        return tile.number in self._done

    def write(self, tile: Tile, cells: Cells) -> None:
        """Write what a tile found, and that it is finished."""
        with writing(self._path):
            _write(tile, cells, self._arrays)
            self._file.write(b"%d\n" % tile.number)
            self._file.flush()

    def dataset(self) -> xarray.Dataset:
        """Open the table; its numbers are read when they are asked for.

        Raises
        ------
        ValueError
            When there is no number in it at all.
        """
        import xarray

        table: xarray.Dataset = xarray.open_zarr(self._path, chunks=None)
        names = list(score_variables(self._sweep.measures))
        if not any(_has_number(self._arrays[name]) for name in names):
            raise nothing_compared(table["reason"].to_numpy().ravel())
        return table


def in_store(sweep: Sweep, path: str | PathLike[str], digests: Sequence[str]) -> InStore:
    """Begin a store for a sweep at `path`, or go on with the one that is there.

    Raises
    ------
    ValueError
        When `path` is no name for a store, or holds something else, or another sweep.
    FileNotFoundError
        The folder to write into does not exist.
    """
    path = Path(os.path.realpath(path))
    if path.suffix.lower() != ".zarr":
        raise ValueError(f"cannot write {str(path)!r}: expected a name ending in .zarr")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {str(path)!r}: no folder {str(path.parent)!r}")
    identity = _identity(sweep, digests)
    if not path.exists():
        try:
            with new_folder(path, replace=False) as folder:
                _begin(folder, sweep, identity)
        except OSError:
            if not path.exists():
                raise  # otherwise another process has begun it just now
    _check_identity(path, identity)
    return InStore(sweep, path)


def n_finished(path: Path) -> int | None:
    """Return how many tiles are finished in the store at `path`; None: it is no sweep's."""
    try:
        return (path / _RECORD / _FINISHED).read_bytes().count(b"\n")
    except OSError:
        return None


def _write(tile: Tile, cells: Cells, arrays: Mapping[str, Any]) -> None:
    """Put the cells of a tile where they belong; the arrays are NumPy's or zarr's."""
    for there, region in ((cells.there, tile.at), (cells.back, tile.back)):
        if there is None or region is None:
            continue
        for name, found in there.items():
            _put(arrays[name], region, found)
    for name, side, region in tile.ranks:
        _put(arrays[name], region, cells.ranks[side])


def _put(array: Any, region: Region, found: np.ndarray[Any, Any]) -> None:
    if found.dtype == object and not found.any():  # texts, all empty, as the array is at first
        return
    lengths = [part.stop - part.start for part in region if isinstance(part, slice)]
    array[region] = found.reshape(lengths)


def _identity(sweep: Sweep, digests: Sequence[str]) -> dict[str, Any]:
    """Return what two sweeps must have in common to be one."""
    samples = blake2b(repr(sweep.samples).encode(errors="surrogatepass"), digest_size=16)
    tiles = [(t.layer, t.x.start, t.x.stop, t.y.start, t.y.stop) for t in sweep.tiles]
    return {
        "format": _FORMAT,
        **table_attributes(sweep.kind, sweep.measures),
        "solver": sweep.solver,
        "precision": sweep.precision,
        "coords": {name: list(labels) for name, labels in sweep.coords.items()},
        "attrs": dict(sweep.attrs),
        "tiles": blake2b(repr(tiles).encode(), digest_size=16).hexdigest(),
        "samples": samples.hexdigest(),
        "data": dict(zip((source.name for source in sweep.sources), digests, strict=True)),
    }


def _begin(folder: Path, sweep: Sweep, identity: Mapping[str, Any]) -> None:
    """Write an empty table, to be filled."""
    import zarr

    group = zarr.open_group(
        folder,
        mode="w",
        zarr_format=3,
        attributes={**table_attributes(sweep.kind, sweep.measures), **sweep.attrs},
    )

    def create(name: str, dims: Sequence[str], dtype: Any, fill: Any, attributes: Any) -> Any:
        shape = [sweep.sizes[dim] for dim in dims]
        return group.create_array(
            name,
            shape=shape,
            chunks=tuple(
                1 if dim == "layer" and len(dims) > 1 else min(length, _CHUNK)
                for dim, length in zip(dims, shape, strict=True)
            ),
            dtype=dtype,
            fill_value=fill,
            dimension_names=dims,
            attributes=attributes,
        )

    dims = list(sweep.coords)
    for name, attributes in score_variables(sweep.measures).items():
        create(name, dims, "float64", np.nan, attributes)
    for name, rank_dims in sweep.ranks.items():
        create(name, rank_dims, "int64", 0, {})
    create("n_samples", dims, "int64", 0, {})
    create("warnings", dims, "str", "", {})
    reason = create("reason", dims, "str", "", {})
    for region, text in sweep.missing:
        reason[region] = text
    for name, labels in sweep.coords.items():
        named = isinstance(labels[0], str)
        held = np.array(labels, dtype=object if named else None)
        create(name, [name], "str" if named else held.dtype, "" if named else 0, {})[...] = held
    group.create_group(_RECORD, attributes={"sweep": dict(identity)})
    with warnings.catch_warnings():
        # xarray reads it, and warns where it is missing.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(folder)
    (folder / _RECORD / _FINISHED).touch()


def _check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Make sure that the store at `path` is that of the same sweep."""
    try:
        told = json.loads((path / _RECORD / "zarr.json").read_bytes())["attributes"]["sweep"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"cannot write {str(path)!r}: something is there that is no sweep of isorep's; remove "
            "it or choose another name"
        ) from None
    # Through JSON, as the store has gone: tuples are lists, and 1.0 is a number.
    wanted = json.loads(json.dumps(identity))
    for difference in _differences(told, wanted):
        raise ValueError(
            f"cannot go on with {str(path)!r}: {difference}. Choose another name for this sweep, "
            "or remove the store to begin anew"
        )


def _differences(told: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        held = told.get(name)
        if held == value:
            continue
        if name == "data" and isinstance(held, dict) and held.keys() == value.keys():
            changed = [network for network in value if held[network] != value[network]]
            yield (
                f"since it was begun the data of {', '.join(changed[:3])}"
                + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
                + " changed"
            )
        elif name in ("data", "samples", "tiles"):
            yield "it is of other networks, samples or layers"
        elif name == "coords" and isinstance(held, dict):
            (dim, labels), *_ = [(d, v) for d, v in value.items() if held.get(d) != v] or [
                (", ".join(held), value)
            ]
            yield f"it holds {dim} {_short(held.get(dim))}, and these are {_short(labels)}"
        else:
            yield f"it was begun with {name.replace('_', ' ')} {held!r}, and this is with {value!r}"


def _short(labels: Any) -> str:
    text = json.dumps(labels)
    return text if len(text) <= 80 else f"{text[:60]} ... ({len(labels)})"


def _has_number(array: Any) -> bool:
    """Look for a number chunk by chunk, since the table may not fit in memory."""
    counts = [-(-n // chunk) for n, chunk in zip(array.shape, array.chunks, strict=True)]
    return any(not np.isnan(array.blocks[index]).all() for index in np.ndindex(*counts))
