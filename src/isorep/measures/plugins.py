"""Plugins: measures of other packages, found by their entry points and loaded when asked for."""

from __future__ import annotations

from isorep._utils.entry_points import EntryPoints
from isorep.measures.base import Measure

PLUGINS = EntryPoints("isorep.measures", "measure")
"""Entry points by which other packages add measures; their names are the measures'."""


def load_plugin(name: str) -> Measure:
    """Return the measure that an installed package has an entry point of this name for.

    Raises
    ------
    ImportError
        The package cannot be imported, or several packages have such an entry point.
    TypeError
        The entry point is no measure.
    """
    plugin = PLUGINS.load(name)
    row = getattr(plugin, "measure", plugin)
    if not isinstance(row, Measure) or row.name != name:
        raise TypeError(
            f"{PLUGINS.place(name)} is no measure of this name: the entry point should name what "
            "isorep.register returned"
        )
    return row
