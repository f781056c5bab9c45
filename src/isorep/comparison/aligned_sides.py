"""Aligned sides: arrays as mappings, and tables with their samples in one order by their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, Literal

from isorep._utils.arrays import ArrayLike
from isorep.comparison.sides import as_layers, is_file, is_model
from isorep.model_files.specs import names_model
from isorep.representations.activation_file import ActivationFile
from isorep.representations.array_selection import ReadOptions
from isorep.representations.representations import Layers, Representations
from isorep.representations.sample_order import common_order
from isorep.representations.sample_table import (
    has_coordinate,
    has_dims,
    is_table,
    shared_sample_dim,
)


def aligned_sides(
    sides: Mapping[str, Any],
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
) -> tuple[dict[str, Any], ArrayLike | None, ArrayLike | None]:
    """Return the sides of a comparison, with mappings of tables as `Representations` in one order.

    An array is the layer "array", and a list of arrays are the layers "0", "1", and so on. Also
    returned are the groups and the order of the samples. A string is the name of a coordinate of
    the first side that has it, and of an array in every file: the files are returned with that
    option.

    The order is that of the first side that knows its samples and is no mapping of tables, else of
    the first mapping. Sides whose samples differ are left as they are, and so are all other sides.

    Parameters
    ----------
    sides : mapping of name to side
        Sides as `isorep.compare` takes them.
    groups, order : (n_samples,) array-like or str, optional
        Group and time of each sample, or the names of coordinates and arrays.

    Raises
    ------
    TypeError, ValueError
        If a table cannot be read, or it is unknown which dimension holds the samples; the error
        names the side. If no side has such a coordinate.
    """
    mappings = {id(side): _as_mapping(side) for side in sides.values()}
    sides = {name: mappings[id(side)] for name, side in sides.items()}
    tables = {name: side for name, side in sides.items() if _has_tables(side)}
    sides, groups = _with_array_of_files("groups", groups, sides, tables)
    sides, order = _with_array_of_files("order", order, sides, tables)
    named = {
        key: value
        for key, value in (("groups", groups), ("order", order))
        if isinstance(value, str)
    }
    holders = {key: _holder(key, name, tables) for key, name in named.items()}
    if not tables:
        return dict(sides), groups, order
    # A dimension that both sides share holds the samples, also if one side alone has two.
    dim = shared_sample_dim(layer for side in tables.values() for layer in side.values())
    read: dict[int, Representations] = {}  # one object may be several sides
    for name, side in tables.items():
        if id(side) not in read:
            known_dim = dim if any(map(has_dims, side.values())) else None
            coordinates = {key: named[key] for key in named if holders[key] is side}
            try:
                read[id(side)] = Representations.from_mapping(
                    side, sample_dim=known_dim, **coordinates
                )
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name}: {error}") from error
    ids = next(_known_ids(sides, read), None)
    for key, layers in read.items():
        rows = None
        if ids is not None and layers.sample_ids is not None and layers.sample_ids != ids:
            rows = common_order(ids, layers.sample_ids)
        if rows is not None:
            read[key] = layers.take(rows)
    if "groups" in named:
        groups = read[id(holders["groups"])].groups
    if "order" in named:
        order = read[id(holders["order"])].order
    return {name: read.get(id(side), side) for name, side in sides.items()}, groups, order


def _with_array_of_files(
    key: Literal["groups", "order"],
    value: ArrayLike | str | None,
    sides: Mapping[str, Any],
    tables: Mapping[str, Any],
) -> tuple[Mapping[str, Any], ArrayLike | str | None]:
    """Return files that read an array of this name as `key`, and the value for other sides."""
    if not isinstance(value, str) or not any(map(is_file, sides.values())):
        return sides, value
    option: ReadOptions = {"groups": value} if key == "groups" else {"order": value}
    read = {
        name: ActivationFile.from_path(side, **option) if is_file(side) else side
        for name, side in sides.items()
    }
    known = any(has_coordinate(layer, value) for side in tables.values() for layer in side.values())
    return read, value if known else None


def _holder(key: str, name: str, tables: Mapping[str, Any]) -> Any:
    """Return the first side that has a coordinate."""
    for side in tables.values():
        if any(has_coordinate(layer, name) for layer in side.values()):
            return side
    raise ValueError(
        f"{key}={name!r} is a coordinate of no side: expected the name of a coordinate of xarray, "
        "a level of a pandas index, a column of AnnData's obs or, for sides given by their paths, "
        "an array in the files; or one value for each sample"
    )


def _known_ids(
    sides: Mapping[str, Any], read: Mapping[int, Representations]
) -> Iterator[tuple[str, ...]]:
    """Yield the sample ids of the sides that know them, those of mappings of tables last."""
    for side in sides.values():
        if id(side) in read or is_model(side) or names_model(side):
            continue
        if isinstance(side, Layers | str | PathLike):
            ids = as_layers(side).sample_ids
            if ids is not None:
                yield ids
    yield from (x.sample_ids for x in read.values() if x.sample_ids is not None)


def _as_mapping(side: Any) -> Any:
    """Return an array or a list of arrays as a mapping; return other sides unchanged."""
    if isinstance(side, list | tuple):
        if side and all(hasattr(array, "shape") for array in side):
            return {str(i): array for i, array in enumerate(side)}
        return {"array": side}
    is_array = is_table(side) or (hasattr(side, "shape") and not isinstance(side, Mapping))
    return {"array": side} if is_array else side


def _has_tables(side: Any) -> bool:
    is_plain = isinstance(side, Mapping) and not isinstance(side, Layers)
    return is_plain and any(map(is_table, side.values()))
