"""Shard names: what the names of files say of them: parts of a layer, or layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_OF = re.compile(r"(?:^|[-_.])(\d+)[-_]?of[-_]?(\d+)(?=$|[-_.])", re.IGNORECASE)
_WORD = re.compile(
    r"(?:^|[-_.])(?:shard|part|chunk|batch|split)[-_.]?(\d+)(?=$|[-_.])", re.IGNORECASE
)
_LAYER = re.compile(
    r"(^|[^a-z])(layers?|blocks?|blk|stage|conv|fc|linear|dense|hidden|hidden_states?|resid|mlp|"
    r"attn|attention|relu|pool|norm|bn|h)[^a-z0-9]*\d+",
    re.IGNORECASE,
)


class Shard(NamedTuple):
    """The part that a file has of a layer.

    Attributes
    ----------
    layer : str
        Name of the file without the number of the part.
    number : int
        Number of the part.
    total : int or None
        Number of parts, if the name says it, as in "00001-of-00004".
    """

    layer: str
    number: int
    total: int | None = None

    @classmethod
    def from_name(cls, stem: str) -> Shard | None:
        """Read the name of a file without its suffix; None if it does not say that it is a part.

        Examples
        --------
        >>> Shard.from_name("model-00001-of-00004"), Shard.from_name("shard_3_conv1")
        (Shard(layer='model', number=1, total=4), Shard(layer='conv1', number=3, total=None))
        >>> Shard.from_name("conv1")
        """
        match = _OF.search(stem) or _WORD.search(stem)
        if match is None:
            return None
        layer = (stem[: match.start()] + stem[match.end() :]).strip("-_.")
        total = int(match[2]) if match.re is _OF else None
        return cls(layer, int(match[1]), total)


def shards_of_layers(stems: Sequence[str]) -> dict[str, list[str]] | None:
    """Return the files of each layer, in the order of their numbers; None if no name has one.

    Raises
    ------
    ValueError
        If a part is missing or occurs twice, or some names alone are those of parts.

    Examples
    --------
    >>> shards_of_layers(["part10", "part9", "part8", *(f"part{i}" for i in range(8))])[""][-2:]
    ['part9', 'part10']
    """
    shards = {stem: Shard.from_name(stem) for stem in stems}
    others = [stem for stem, shard in shards.items() if shard is None]
    if len(others) == len(stems):
        return None
    if others:
        raise ValueError(
            f"its files have names of parts and other names, such as {others[0]!r}: put them into "
            "folders of their own"
        )
    layers: dict[str, list[tuple[Shard, str]]] = {}
    for stem, shard in shards.items():
        assert shard is not None
        layers.setdefault(shard.layer, []).append((shard, stem))
    for parts in layers.values():
        parts.sort()
        _check_complete([shard for shard, _ in parts])
    return {layer: [stem for _, stem in parts] for layer, parts in layers.items()}


def _check_complete(shards: Sequence[Shard]) -> None:
    numbers = [shard.number for shard in shards]
    first = min(numbers[0], 1)
    n = shards[0].total or numbers[-1] + 1 - first
    expected = list(range(first, first + n))
    if numbers != expected:
        wrong = sorted(set(expected) ^ set(numbers)) or [
            number for number in numbers if numbers.count(number) > 1
        ]
        missing = wrong[0] in expected and wrong[0] not in numbers
        of_layer = f" of {shards[0].layer!r}" if shards[0].layer else ""
        raise ValueError(
            f"part {wrong[0]}{of_layer} is " + ("missing" if missing else "there but not expected")
        )


def are_numbered(stems: Iterable[str]) -> bool:
    """Return whether names differ in one number alone and do not say that they are layers.

    Examples
    --------
    >>> are_numbered(["acts0", "acts1"]), are_numbered(["layer0", "layer1"])
    (True, False)
    >>> are_numbered(["conv1", "fc2"])
    False
    """
    stems = list(stems)
    patterns = {tuple(re.split(r"\d+", stem)) for stem in stems}
    return len(stems) > 1 and len(patterns) == 1 and not any(map(_LAYER.search, stems))


def rows_alone_differ(shapes: Sequence[Mapping[str, tuple[int, ...]]]) -> bool | None:
    """Return whether files hold parts of the same arrays, by the shapes of these.

    True if some have other numbers of rows, and nothing else differs; None if all shapes are equal,
    so that they may be parts or layers.
    """
    if all(x == shapes[0] for x in shapes):
        return None
    features = [{name: shape[1:] for name, shape in x.items()} for x in shapes]
    return all(x == features[0] for x in features)
