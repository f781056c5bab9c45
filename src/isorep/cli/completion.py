"""Completion: words that the Tab key offers for measures and layers.

A shell runs isorep to get them, so a function here is fast or returns nothing, and never fails.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

_LARGEST_READ = 2**26
"""Bytes of the largest file that is read whole for the names of its layers."""

_SLOW = (".pt", ".pth")
"""Suffixes of files that PyTorch reads, which takes seconds to import."""


def complete_measure(incomplete: str) -> list[tuple[str, str]]:
    """Return the measures whose names begin so, with their descriptions."""
    from isorep.measures.plugins import PLUGINS
    from isorep.measures.registry import MEASURES

    described = {name: row.description for name, row in MEASURES.items()}
    described |= {name: "of an installed package" for name in PLUGINS.names if name not in MEASURES}
    return [(name, text) for name, text in described.items() if name.startswith(incomplete)]


def complete_layer(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the layers whose names begin so, of the files that the command line names."""
    names: dict[str, None] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the command will issue them
        # Words before an option that still lacks its value are in args.
        for path in _paths([*ctx.params.values(), ctx.args]):
            names |= dict.fromkeys(_layers(path))
    return [name for name in names if name.startswith(incomplete) and name.isprintable()]


def _paths(values: Iterable[Any]) -> Iterator[Path]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _paths(value)
        elif isinstance(value, str | Path) and Path(value).exists():
            yield Path(value)


def _layers(path: Path) -> list[str]:
    from isorep._formats.formats import find_format
    from isorep.storage import open_or_load

    try:
        known = find_format(path)
        if known is None or path.suffix.lower() in _SLOW:
            return []
        if known.open is None and path.stat().st_size > _LARGEST_READ:
            return []
        return [*open_or_load(path)]
    except Exception:  # a damaged file, or a library that is missing: the command will say so
        return []
