"""Plugins: measures of other packages, found by their entry points and loaded when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from isorep.measures.base import Measure

_ENTRY_POINTS = "isorep.measures"
"""Group of entry points by which other packages add measures; their names are the measures'."""


def plugin_names() -> list[str]:
    """Return the names of the measures that installed packages have entry points for."""
    return list(_entries())


def load_plugin(name: str) -> Measure:
    """Return the measure that an installed package has an entry point of this name for.

    Raises
    ------
    ImportError
        The package cannot be imported.
    TypeError
        The entry point is no measure.
    """
    entry = _entries()[name]
    package = entry.dist.name if entry.dist else "of an unknown name"
    place = f"the measure {name} = {entry.value!r} of the package {package}"
    try:
        plugin = entry.load()
    except Exception as error:  # a broken package can raise anything
        raise ImportError(
            f"{place} cannot be imported: {type(error).__name__}: {error}; repair or remove the "
            "package"
        ) from error
    row = getattr(plugin, "measure", plugin)
    if not isinstance(row, Measure) or row.name != name:
        raise TypeError(
            f"{place} is no measure of this name: the entry point should name what isorep.register "
            "returned"
        )
    return row


@cache
def _entries() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_ENTRY_POINTS)}
