"""Aligned sides: arrays as mappings, and tables with their samples in one order by their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from isorep.comparison.sides import as_layers, is_model
from isorep.model_files.specs import names_model
from isorep.representations.representations import Layers, Representations
from isorep.representations.sample_order import common_order
from isorep.representations.sample_table import has_dims, is_table, shared_sample_dim


def aligned_sides(sides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sides of a comparison, with mappings of tables as `Representations` in one order.

    An array is the layer "array", and a list of arrays are the layers "0", "1", and so on.

    The order is that of the first side that knows its samples and is no mapping of tables, else of
    the first mapping. Sides whose samples differ are left as they are, and so are all other sides.

    Parameters
    ----------
    sides : mapping of name to side
        Sides as `isorep.compare` takes them.

    Raises
    ------
    TypeError, ValueError
        If a table cannot be read, or it is unknown which dimension holds the samples; the error
        names the side.
    """
    mappings = {id(side): _as_mapping(side) for side in sides.values()}
    sides = {name: mappings[id(side)] for name, side in sides.items()}
    tables = {name: side for name, side in sides.items() if _has_tables(side)}
    if not tables:
        return dict(sides)
    # A dimension that both sides share holds the samples, also if one side alone has two.
    dim = shared_sample_dim(layer for side in tables.values() for layer in side.values())
    read: dict[int, Representations] = {}  # one object may be several sides
    for name, side in tables.items():
        if id(side) not in read:
            known_dim = dim if any(map(has_dims, side.values())) else None
            try:
                read[id(side)] = Representations.from_mapping(side, sample_dim=known_dim)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name}: {error}") from error
    ids = next(_known_ids(sides, read), None)
    for key, layers in read.items():
        order = None
        if ids is not None and layers.sample_ids is not None and layers.sample_ids != ids:
            order = common_order(ids, layers.sample_ids)
        if order is not None:
            read[key] = layers.take(order)
    return {name: read.get(id(side), side) for name, side in sides.items()}


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
    is_array = hasattr(side, "shape") and not isinstance(side, Mapping)
    return {"array": side} if is_array else side


def _has_tables(side: Any) -> bool:
    is_plain = isinstance(side, Mapping) and not isinstance(side, Layers)
    return is_plain and any(map(is_table, side.values()))
