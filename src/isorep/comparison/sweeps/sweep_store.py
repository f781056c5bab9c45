"""Sweep store: the table of a sweep in a zarr store, from which a killed sweep resumes."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import numpy as np

from isorep._formats.lock import locked
from isorep._formats.zarr_codecs import check_codecs
from isorep._utils.atomic import new_file, new_folder, writing
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.optional import import_optional
from isorep._utils.progress import counted
from isorep._utils.version import __version__, release_of
from isorep.comparison.grid import with_all_cells
from isorep.comparison.sweeps.results import filled, write_cells
from isorep.comparison.sweeps.stored_chunks import StoredChunks
from isorep.comparison.sweeps.sweep import Sweep
from isorep.comparison.sweeps.tile import Cells, Tile
from isorep.comparison.table import (
    cell_variables,
    inferred_variables,
    nothing_compared,
    score_variables,
    standardized_variable,
)

if TYPE_CHECKING:
    import xarray

_CHUNK = 64
"""Cells of a chunk along each dimension except that of layers: 32 kB of numbers."""

_RECORD = "isorep-sweep"
"""Group in the store that identifies the sweep."""

_FINISHED = "finished"
"""File in that group with a line for each finished tile: its number, the chunks of texts that it
wrote to (those of numbers follow from its cells), and a checksum of the line."""

_FORMAT = 2

_TEXTS = ("warnings", "reason")

_NULL = f"{_RECORD}/null"
"""Group with the standardized similarities, and the maxima of each tile, if there are any; see
`isorep.comparison.grid.Grid`."""

_MAXIMA = "null_maxima"


class SweepStore:
    """A table in a zarr store, with a list of the tiles that are finished.

    Only the process that runs the sweep writes to it. It adds a tile to the list when the cells of
    the tile are on the disk, so a tile in the list is complete. Chunks have checksums. A resumed
    sweep computes all other tiles, and those with a chunk that is missing or damaged.
    """

    def __init__(self, sweep: Sweep, path: Path) -> None:
        self._sweep, self._path = sweep, path
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        record = self._path / _RECORD
        self._resources.enter_context(locked(record))
        self._arrays = self._open_arrays()
        self._chunks = StoredChunks(self._path, self._arrays)
        self._chunks.remove_damaged()
        if not all(map(self._chunks.has, self._always())):
            _fill(self._arrays, self._sweep)
        self._finished = self._read_finished(record / _FINISHED)
        self._file = self._resources.enter_context((record / _FINISHED).open("ab"))
        return self

    def __exit__(self, *exception: object) -> None:
        self._resources.close()

    def _open_arrays(self) -> dict[str, Any]:
        """Open the arrays.

        Raises
        ------
        ValueError
            One of them is not as the sweep made it, so that cells would differ.
        """
        import zarr

        expected = zarr.create_group(zarr.storage.MemoryStore(), zarr_format=3)
        _create_arrays(expected, self._sweep)
        layouts = {name: _layout(array) for name, array in _arrays(expected).items()}
        for consolidated in (False, True):  # in the file of each array, and in that of the store
            try:
                check_codecs(self._path, metadata=("zarr.json",))
                # Otherwise a chunk of NaN would look the same as a lost chunk.
                with zarr.config.set({"array.write_empty_chunks": True}):
                    group = zarr.open_group(
                        self._path, mode="r+", zarr_format=3, use_consolidated=consolidated
                    )
                    arrays = _arrays(group)
                damaged = [
                    name
                    for name, layout in layouts.items()
                    if name not in arrays or _layout(arrays[name]) != layout
                ]
            except Exception as error:  # any, depending on the parser
                damaged = [str(error)]
            if damaged:
                raise ValueError(
                    f"cannot resume {str(self._path)!r}: its metadata are damaged "
                    f"({', '.join(damaged)}). Remove the store to start anew"
                )
        return arrays

    def has(self, tile: Tile) -> bool:
        """Return whether a tile is finished."""
        return tile.number in self._finished

    def write(self, tile: Tile, cells: Cells) -> None:
        """Write the cells of a tile and mark it as finished."""
        with writing(self._path):
            write_cells(tile, cells, self._arrays)
            if _MAXIMA in self._arrays:
                self._arrays[_MAXIMA][tile.number] = cells.null_maxima
            texts = {
                chunk
                for name, region, _ in filled(tile, cells)
                if name in _TEXTS
                for chunk in self._chunks.in_region(name, region)
            }
            self._chunks.sync(texts | set(self._numbers(tile)))
            line = " ".join([str(tile.number), *sorted(texts)]).encode()
            self._file.write(b"%s %08x\n" % (line, crc32(line)))
            self._file.flush()

    def _numbers(self, tile: Tile) -> Iterator[str]:
        """Yield the chunks of numbers that a tile writes to."""
        inputs = self._sweep.inputs
        for name in (*cell_variables(inputs.measures, inputs.inference), "n_samples"):
            for region in (tile.xy, tile.yx):
                if region is not None:
                    yield from self._chunks.in_region(name, region)
        if _MAXIMA in self._arrays:
            yield from self._chunks.in_region(_MAXIMA, (tile.number, slice(None), slice(None)))
        for name, _, region in tile.ranks:
            yield from self._chunks.in_region(name, region)

    def _always(self) -> Iterator[str]:
        """Yield the chunks that no tile writes to."""
        for name in self._sweep.coords:
            yield from self._chunks.of_array(name)
        for region, _ in self._sweep.missing:
            yield from self._chunks.in_region("reason", region)

    def _read_finished(self, path: Path) -> set[int]:
        """Return the finished tiles whose chunks are all there; forget the others, and say so."""
        tiles = {tile.number: tile for tile in self._sweep.tiles}
        whole = {}
        n_lines = 0
        for line, number, texts in _lines(path):
            n_lines += 1
            if number is None:
                continue
            if all(map(self._chunks.has, (*texts, *self._numbers(tiles[number])))):
                whole[number] = line
        if len(whole) < n_lines:
            n = n_lines - len(whole)
            warnings.warn(
                f"{str(self._path)!r} is damaged: {counted(n, 'finished tile')} cannot be read, "
                "and will be computed again",
                stacklevel=stacklevel_of_caller(),
            )
        with new_file(path) as file:
            file.writelines(line + b"\n" for line in whole.values())
        return set(whole)

    def dataset(self) -> xarray.Dataset:
        """Open the table; xarray reads its numbers when they are used.

        Raises
        ------
        ValueError
            If all numbers are NaN.
        """
        import xarray

        if _MAXIMA in self._arrays:
            with writing(self._path):
                self._write_p_values()
        table: xarray.Dataset = xarray.open_zarr(self._path, chunks=None, zarr_format=3)
        names = score_variables(self._sweep.inputs.measures)
        if not any(_has_number(self._arrays[name]) for name in names):
            raise nothing_compared(table["reason"].to_numpy().ravel())
        return table

    def _write_p_values(self) -> None:
        """Write the p-values that need all cells of the table."""
        inputs = self._sweep.inputs
        names = cell_variables(inputs.measures, inputs.inference)
        null_maxima = self._arrays[_MAXIMA][...].max(axis=0)
        complete = with_all_cells(
            {name: self._arrays[name][...] for name in names},
            inputs.measures,
            inputs.inference,
            null_maxima,
        )
        for name in complete.keys() - set(names):
            self._arrays[name][...] = complete[name]


def check_name_of_store(path: Path) -> None:
    """Raise ValueError if a path does not end in .zarr."""
    if path.suffix.lower() != ".zarr":
        raise ValueError(f"cannot write {str(path)!r}: expected a name ending in .zarr")


def open_sweep_store(
    sweep: Sweep, path: str | PathLike[str], fingerprints: Sequence[str]
) -> SweepStore:
    """Create the store of a sweep at `path`, or resume it.

    Parameters
    ----------
    sweep
        The sweep.
    path
        Path of the store, ending in .zarr.
    fingerprints
        Fingerprints of the sweep's networks.

    Raises
    ------
    ValueError
        If `path` does not end in .zarr, or something else or another sweep is there.
    FileNotFoundError
        If the folder to write into does not exist.
    """
    path = Path(os.path.realpath(path))
    check_name_of_store(path)
    import_optional("zarr", "store")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {str(path)!r}: no folder {str(path.parent)!r}")
    identity = _identity(sweep, fingerprints)
    if not path.exists():
        try:
            with new_folder(path, replace=False) as folder:
                _create(folder, sweep, identity)
        except OSError:
            if not path.exists():
                raise  # otherwise another process has created it in the meantime
    _check_identity(path, identity)
    return SweepStore(sweep, path)


def n_finished(path: Path) -> int | None:
    """Return the number of finished tiles in the store at `path`, or None if it is not a sweep."""
    try:
        return (path / _RECORD / _FINISHED).read_bytes().count(b"\n")
    except OSError:
        return None


def check_whole(path: Path, table: xarray.Dataset) -> None:
    """Raise ValueError if the store of a sweep lacks cells; accept any store of another table.

    A chunk that is not there reads as NaN, 0 or "", so that the table alone does not show it.

    Parameters
    ----------
    path
        Path of the store.
    table
        The table that was read from it.
    """
    import zarr

    record = path / _RECORD
    if not record.is_dir():
        return
    if absent := {"reason", *table.attrs.get("measures", ())} - set(map(str, table.variables)):
        raise ValueError(
            f"the sweep {str(path)!r} is damaged: it has no array {min(absent)!r}. Delete the "
            "store, and run the sweep again"
        )
    group = zarr.open_group(path, mode="r", zarr_format=3, use_consolidated=False)
    chunks = StoredChunks(path, dict(group.arrays()))
    lines = list(_lines(record / _FINISHED))
    lost = {text for _, _, texts in lines for text in texts if not chunks.has(text)}
    damaged_lines = any(number is None for _, number, _ in lines)
    explained = table["reason"] != ""
    for name in set(map(str, table.variables)) - set(_TEXTS):
        # Cells that are not compared, such as steps that a run lacks, may have no chunk.
        is_cell = table[name].dims == explained.dims
        for chunk, region in chunks.regions(name):
            if not chunks.has(chunk) and not (is_cell and explained.values[region].all()):
                lost.add(chunk)
    empty = ~explained & table[table.attrs["measures"]].to_dataarray().isnull().any("variable")
    if lost or damaged_lines or empty.any():
        first = f", such as {min(lost)}" if lost else ""
        raise ValueError(
            f"the sweep {str(path)!r} is unfinished or damaged; cells without a value: "
            f"{int(empty.sum())} of {empty.size}; missing files of the store: {len(lost)}{first}. "
            "Run the sweep again with the same inputs and store: it computes what is missing"
        )


def _lines(path: Path) -> Iterator[tuple[bytes, int | None, list[str]]]:
    """Yield the lines of finished tiles: each line, the tile's number, and its chunks of texts.

    The number of a damaged line is None.
    """
    *lines, _ = path.read_bytes().split(b"\n")  # a killed process may leave half a line
    for line in lines:
        about, _, checksum = line.rpartition(b" ")
        if checksum == b"%08x" % crc32(about):
            number, *texts = about.decode().split()
            yield line, int(number), texts
        else:
            yield line, None, []


def _identity(sweep: Sweep, fingerprints: Sequence[str]) -> dict[str, Any]:
    """Return all that a sweep must have in common with a store to resume it."""
    inputs = sweep.inputs
    samples = blake2b(repr(inputs.sample_ids).encode(errors="surrogatepass"), digest_size=16)
    versions = {
        row.label: [row.version, row.symmetric, *row.similarity_range]
        for row in inputs.measures
        if row.version
    }
    tiles = [(t.layer, t.x.start, t.x.stop, t.y.start, t.y.stop) for t in sweep.tiles]
    return {
        "format": _FORMAT,
        **sweep.identity_attrs,
        "isorep_version": release_of(__version__),
        **inputs.inference.used,
        **({"versions": versions} if versions else {}),
        "solver": inputs.solver,
        "coords": {name: list(labels) for name, labels in sweep.coords.items()},
        "tiles": blake2b(repr(tiles).encode(), digest_size=16).hexdigest(),
        "samples": samples.hexdigest(),
        "data": dict(zip((n.name for n in inputs.networks), fingerprints, strict=True)),
    }


def _create(folder: Path, sweep: Sweep, identity: Mapping[str, Any]) -> None:
    """Write the empty table of a sweep."""
    import zarr

    group = zarr.open_group(folder, mode="a", zarr_format=3, attributes=sweep.table_attrs)
    group.create_group(_RECORD, attributes={"sweep": dict(identity)})
    _create_arrays(group, sweep)
    _fill(_arrays(group), sweep)
    with warnings.catch_warnings():
        # xarray warns if the consolidated metadata are missing.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(folder)
    (folder / _RECORD / _FINISHED).touch()


def _create_arrays(group: Any, sweep: Sweep) -> None:
    from zarr.codecs import ZstdCodec

    def create(
        name: str, dims: Sequence[str], dtype: Any, fill: Any, attributes: Any, group: Any = group
    ) -> None:
        shape = [sweep.sizes[dim] for dim in dims]
        group.create_array(
            name,
            shape=shape,
            chunks=tuple(
                1 if dim == "layer" and len(dims) > 1 else min(length, _CHUNK)
                for dim, length in zip(dims, shape, strict=True)
            ),
            dtype=dtype,
            compressors=[ZstdCodec(level=0, checksum=True)],
            fill_value=fill,
            dimension_names=dims,
            attributes=attributes,
        )

    dims = list(sweep.coords)
    measures, inference = sweep.inputs.measures, sweep.inputs.inference
    variables = score_variables(measures) | inferred_variables(measures, inference)
    for name, attributes in variables.items():
        create(name, dims, "float64", np.nan, attributes)
    if inference.names:
        create("n_significant", dims, "float64", np.nan, {})
    if inference.chance:
        null = group.create_group(_NULL)
        for measure in measures:
            create(standardized_variable(measure), dims, "float64", np.nan, {}, null)
        null.create_array(
            _MAXIMA,
            shape=(len(sweep.tiles), len(measures), inference.n_draws),
            chunks=(1, len(measures), inference.n_draws),
            dtype="float64",
            compressors=[ZstdCodec(level=0, checksum=True)],
            fill_value=np.nan,
        )
    for name, rank_dims in sweep.ranks.items():
        create(name, rank_dims, "int64", 0, {})
    create("n_samples", dims, "int64", 0, {})
    for name in _TEXTS:
        create(name, dims, "str", "", {})
    for name, labels in sweep.coords.items():
        is_text = isinstance(labels[0], str)
        dtype = "str" if is_text else np.array(labels).dtype
        create(name, [name], dtype, "" if is_text else 0, {})


def _arrays(group: Any) -> dict[str, Any]:
    """Return the arrays of a store by name, those of the table and those of `_NULL`."""
    return dict(group.arrays()) | (dict(group[_NULL].arrays()) if _NULL in group else {})


def _fill(arrays: Mapping[str, Any], sweep: Sweep) -> None:
    """Write what no tile writes: labels, and reasons of cells that are not compared."""
    for name, labels in sweep.coords.items():
        arrays[name][...] = np.array(labels, dtype=object if isinstance(labels[0], str) else None)
    for region, text in sweep.missing:
        arrays["reason"][region] = text


def _layout(array: Any) -> tuple[Any, ...]:
    """Return how the numbers of an array are stored."""
    codecs = array.metadata.to_dict()["codecs"]
    return array.shape, array.chunks, array.dtype, repr(array.fill_value), codecs


def _check_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Raise ValueError if the store at `path` is not of the same sweep."""
    try:
        stored = json.loads((path / _RECORD / "zarr.json").read_bytes())["attributes"]["sweep"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(
            f"cannot write {str(path)!r}: the path exists and is not an isorep sweep. Remove it or "
            "choose another name"
        ) from None
    # Through JSON, like the stored identity, which makes lists of tuples.
    expected = json.loads(json.dumps(identity))
    for difference in _differences(stored, expected):
        raise ValueError(
            f"cannot resume {str(path)!r}: {difference}. Choose another name for this sweep, or "
            "remove the store to start anew"
        )


_SWITCHES = ("correct", "interval", "chance")
"""Parts of an identity that are missing if they are False."""

_UNNAMED = ("tiles", "samples", "data")
"""Parts of an identity whose differences have no short description."""


def _differences(stored: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Describe how the identity in a store differs from that of the sweep."""
    # Tiles depend on the options, which say more.
    for name in sorted({**expected, **stored}, key=_UNNAMED.__contains__):
        value: Any = expected.get(name, False if name in _SWITCHES else None)
        before: Any = stored.get(name, False if name in _SWITCHES else None)
        if before == value:
            continue
        if name == "data" and isinstance(before, dict) and before.keys() == value.keys():
            changed = [network for network in value if before[network] != value[network]]
            yield (
                f"the data or groups of {', '.join(changed[:3])}"
                + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
                + " changed since it was started"
            )
        elif name == "versions":
            versions, others = value or {}, before or {}
            changed = [x for x in {**versions, **others} if versions.get(x) != others.get(x)]
            yield (
                f"the function of measure {', '.join(changed)}, or what it is registered with, "
                "changed since it was started"
            )
        elif name in _UNNAMED:
            yield "it has other networks, samples or layers"
        elif name == "coords" and isinstance(before, dict):
            (dim, labels), *_ = [(d, v) for d, v in value.items() if before.get(d) != v] or [
                (", ".join(before), value)
            ]
            yield f"it has {dim} {_short(before.get(dim))}, but this sweep has {_short(labels)}"
        else:
            yield (
                f"it was started with {name.replace('_', ' ')} {before!r}, but this sweep has "
                f"{value!r}"
            )


def _short(labels: Any) -> str:
    text = json.dumps(labels)
    return text if len(text) <= 80 else f"{text[:60]} ... ({len(labels)})"


def _has_number(array: Any) -> bool:
    """Return whether an array has a number, read by chunks as it may not fit in memory."""
    counts = [-(-n // chunk) for n, chunk in zip(array.shape, array.chunks, strict=True)]
    return any(not np.isnan(array.blocks[index]).all() for index in np.ndindex(*counts))
