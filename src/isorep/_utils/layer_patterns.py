"""Layer patterns: globs over the names of layers."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def as_patterns(layers: str | Iterable[str]) -> list[str]:
    """Return globs as a list, at least one."""
    patterns = [layers] if isinstance(layers, str) else list(layers)
    if not patterns:
        raise ValueError("no layer is selected: pass at least one name or glob, or '*' for all")
    return patterns


def patterns_of_each(
    layers: str | Iterable[str] | tuple[Iterable[str], ...], n: int
) -> list[list[str]]:
    """Return globs for each of `n` networks: a tuple of n lists has one list for each.

    Examples
    --------
    >>> patterns_of_each(("conv", "fc"), 2)
    [['conv', 'fc'], ['conv', 'fc']]
    >>> patterns_of_each((["h.*"], ["layers.*"]), 2)
    [['h.*'], ['layers.*']]
    """
    if (
        isinstance(layers, tuple)
        and len(layers) == n
        and not all(isinstance(x, str) for x in layers)
    ):
        return [as_patterns(of_one) for of_one in layers]
    return [as_patterns(layers)] * n  # type: ignore[arg-type]


def matches(name: str, pattern: str) -> bool:
    """Return whether a layer has this name in full, or one that the glob matches.

    Examples
    --------
    >>> matches("conv1", "conv*"), matches("conv[1]", "conv[1]")
    (True, True)
    """
    return name == pattern or fnmatchcase(name, pattern)


def matching(patterns: Iterable[str], layers: Iterable[str]) -> list[str]:
    """Return the layers that any pattern matches, with the later calls of such layers.

    A pattern that begins with "!" leaves out the layers that it matches.

    Examples
    --------
    >>> matching(["fc"], ["conv", "fc", "fc#2"]), matching(["!fc"], ["conv", "fc", "fc#2"])
    (['fc', 'fc#2'], ['conv'])
    """
    patterns = list(patterns)
    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    selected = [pattern for pattern in patterns if not pattern.startswith("!")]
    if excluded and not selected:
        selected = ["*"]
    return [
        layer
        for layer in layers
        if _matches_any(layer, selected) and not _matches_any(layer, excluded)
    ]


def _matches_any(layer: str, patterns: Iterable[str]) -> bool:
    names = [name for name in (layer, layer.rpartition("#")[0]) if name]
    return any(matches(name, pattern) for pattern in patterns for name in names)
