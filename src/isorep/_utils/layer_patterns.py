"""Layer patterns: globs over the names of layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
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
    """Return the layers that any pattern matches, with the later calls and heads of such layers.

    A pattern that begins with "!" leaves out the layers that it matches.

    Examples
    --------
    >>> matching(["fc"], ["conv", "fc", "fc#2"]), matching(["!fc"], ["conv", "fc", "fc#2"])
    (['fc', 'fc#2'], ['conv'])
    >>> matching(["attention"], ["attention.head0", "attention.head1", "fc"])
    ['attention.head0', 'attention.head1']
    """
    patterns, layers = list(patterns), dict.fromkeys(layers)
    excluded = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    selected = {pattern for pattern in patterns if not pattern.startswith("!")}
    if excluded and not selected:
        selected = {"*"}
    is_selected, is_excluded = map(_matcher, (selected, excluded))
    return [
        layer
        for layer in layers
        if is_selected(names := {layer, module_of(layer, layers)}) and not is_excluded(names)
    ]


def unmatched(patterns: Iterable[str], layers: Iterable[str]) -> list[str]:
    """Return the patterns that select or leave out no layer, without their "!".

    Examples
    --------
    >>> unmatched(["conv*", "!fc2", "!fc"], ["conv", "fc"])
    ['fc2']
    """
    names = dict.fromkeys(layers)
    bare = [pattern if pattern in names else pattern.removeprefix("!") for pattern in patterns]
    return [pattern for pattern in bare if pattern not in names and not matching([pattern], names)]


def module_of(layer: str, layers: Collection[str]) -> str:
    """Return the name of the module of a layer: without the number of its call and of its head.

    A name that ends in ".head0" is that of a module if another of the layers has the rest of it.

    Examples
    --------
    >>> layers = ["fc#2", "attention.head0", "decoder", "decoder.head0"]
    >>> [module_of(layer, layers) for layer in layers]
    ['fc', 'attention', 'decoder', 'decoder.head0']
    """
    name = layer.rpartition("#")[0] or layer
    whole, dot, head = name.rpartition(".")
    return whole if dot and re.fullmatch(r"head\d+", head) and whole not in layers else name


def _matcher(patterns: set[str]) -> Callable[[set[str]], bool]:
    """Return a function that says whether any pattern matches one of several names."""
    globs = [pattern for pattern in patterns if re.search(r"[*?\[]", pattern)]

    def matches_any(names: set[str]) -> bool:
        return not names.isdisjoint(patterns) or any(
            fnmatchcase(name, pattern) for pattern in globs for name in names
        )

    return matches_any
