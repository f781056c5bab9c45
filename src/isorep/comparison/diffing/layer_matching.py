"""Layer matching: which layer of the changed model is which layer of the base."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Literal, NamedTuple

from isorep._utils.layer_patterns import matching, module_of
from isorep._utils.validation import unknown_name

LayerMap = Mapping[str, str] | Literal["order"]
"""Name or glob of the base to that of the changed model, or "order"."""

WRAPPERS = ("_orig_mod", "module")
"""Names that torch.compile and parallel training put into the names of layers."""

BODIES = ("base_model.model.", "model.", "body.", "backbone.")
"""Prefixes that adapters and models with a head put before the names of a body's layers."""


class LayerMatch(NamedTuple):
    """Pairs of layers, the layers without a partner, and how the names were matched.

    Attributes
    ----------
    pairs : list of (str, str)
        Layers of base and of changed, in the order of base.
    removed, added : list of str
        Layers that only base has, and that only changed has.
    notes : tuple of str
        What was ignored in the names, or that the order decided.
    """

    pairs: list[tuple[str, str]]
    removed: list[str]
    added: list[str]
    notes: tuple[str, ...] = ()


def match_layers(
    base: Sequence[str], changed: Sequence[str], layer_map: LayerMap | None = None
) -> LayerMatch:
    """Match layers by name, after the names that `layer_map` gives to layers of base.

    Names that are the same are matched first. For the others, the names of wrappers and a prefix
    that all layers of one side have are ignored, if that finds partners.

    Parameters
    ----------
    base, changed
        Names of the layers, in the order in which they ran.
    layer_map
        Names of base to names of changed. Globs with as many ``*`` on both sides map every layer
        that they match. "order" matches the i-th layer of base with the i-th of changed.

    Raises
    ------
    ValueError
        If a name or glob of the map is unknown, two layers have one partner, or the numbers of
        layers differ and the order decides.

    Examples
    --------
    >>> match_layers(["conv", "fc"], ["module.conv", "module.fc", "module"])
    LayerMatch(pairs=[('conv', 'module.conv'), ('fc', 'module.fc')], removed=[], added=['module'],
        notes=("names are matched without 'module.'",))
    >>> match_layers(["h.0.mlp", "out"], ["l.0.ff", "out"], {"h.*.mlp": "l.*.ff"}).pairs
    [('h.0.mlp', 'l.0.ff'), ('out', 'out')]
    """
    if layer_map == "order":
        return _by_order(base, changed)
    if isinstance(layer_map, str):
        raise ValueError(f"map must be a mapping of old to new names or 'order', got {layer_map!r}")
    partner = _mapped(base, changed, layer_map or {})
    taken = set(partner.values())
    partner |= {name: name for name in base if name not in partner and name in set(changed) - taken}
    notes = []
    unwrapped, wrappers = _unwrapped(_rest(base, partner), _rest(changed, partner.values()))
    partner |= unwrapped
    if unwrapped:
        notes.append(f"names are matched without {' and '.join(wrappers)}")
    by_prefix, prefix = _by_prefix(
        _rest(base, partner), _rest(changed, partner.values()), BODIES if partner else None
    )
    partner |= by_prefix
    if by_prefix:
        notes.append(f"names are matched without {prefix}")
    return LayerMatch(
        pairs=[(name, partner[name]) for name in base if name in partner],
        removed=_rest(base, partner),
        added=_rest(changed, partner.values()),
        notes=tuple(notes),
    )


def of_two_files(
    base: Sequence[str], changed: Sequence[str], names: tuple[str, str]
) -> LayerMatch | None:
    """Match the only layers of two files, if they are named after the files, else return None.

    Examples
    --------
    >>> of_two_files(["step1"], ["step2"], ("run/step1.npy", "run/step2.npy")).pairs
    [('step1', 'step2')]
    >>> of_two_files(["conv"], ["fc"], ("a.npz", "b.npz"))
    """
    stems = [PurePath(name).stem for name in names]
    if [*base, *changed] != stems or stems[0] == stems[1]:
        return None
    note = "each side has one layer: they are matched"
    return LayerMatch([(stems[0], stems[1])], [], [], (note,))


def changed_patterns(
    patterns: Sequence[str],
    base: Sequence[str],
    changed: Sequence[str],
    layer_map: LayerMap | None,
) -> list[str]:
    """Return globs that select, in `changed`, also the partners of the layers selected in base.

    Parameters
    ----------
    patterns
        Globs of the caller.
    base
        Layers of base that the globs select; a head stands for its module.
    changed
        All names that changed may have.
    """
    if layer_map == "order":
        return list(patterns)
    selected = matching(patterns, changed)
    modules = list(dict.fromkeys(module_of(name, base) for name in base))
    pairs = match_layers(modules, changed, layer_map).pairs
    return [*patterns, *(_as_glob(partner) for _, partner in pairs if partner not in selected)]


def _as_glob(name: str) -> str:
    """Return a glob that matches only this name; other than a name, it may match no layer."""
    return "".join(f"[{c}]" if c in "*?[" or i == 0 else c for i, c in enumerate(name))


def _rest(names: Sequence[str], taken: Iterable[str]) -> list[str]:
    taken = set(taken)
    return [name for name in names if name not in taken]


def _by_order(base: Sequence[str], changed: Sequence[str]) -> LayerMatch:
    if len(base) != len(changed):
        raise ValueError(
            f"map='order' needs as many layers on both sides, but base has {len(base)} and changed "
            f"{len(changed)}: select them with layers=(of_base, of_changed)"
        )
    pairs = list(zip(base, changed, strict=True))
    return LayerMatch(pairs, [], [], ("layers are matched by the order in which they ran",))


def _mapped(
    base: Sequence[str], changed: Sequence[str], layer_map: Mapping[str, str]
) -> dict[str, str]:
    """Return the partners that the map gives; names in full come before globs."""
    partner: dict[str, str] = {}
    for old, new in sorted(layer_map.items(), key=lambda item: "*" in item[0]):
        if old.count("*") != new.count("*"):
            raise ValueError(
                f"map {old!r} to {new!r}: expected as many * on both sides, got {old.count('*')} "
                f"and {new.count('*')}"
            )
        form = re.compile("(.*)".join(map(re.escape, old.split("*"))))
        found = False
        for name in base:
            module = module_of(name, base)
            match = form.fullmatch(module)
            if match is None or name in partner:
                continue
            texts = iter(match.groups())
            target = "".join(next(texts) if c == "*" else c for c in new) + name[len(module) :]
            if target in changed:
                found = True
                _check_free(partner, name, target)
                partner[name] = target
            elif "*" not in old:
                raise ValueError(unknown_name("layer of changed", target, changed))
        if not found and not any(form.fullmatch(module_of(name, base)) for name in base):
            raise ValueError(unknown_name("layer of base", old, base))
        if not found and not any(form.fullmatch(name) for name in partner):
            raise ValueError(unknown_name("layer of changed", new, changed))
    return partner


def _check_free(partner: Mapping[str, str], name: str, target: str) -> None:
    for other, taken in partner.items():
        if taken == target:
            raise ValueError(
                f"map gives {other!r} and {name!r} of base the same layer {target!r} of changed"
            )


def _unwrapped(base: Sequence[str], changed: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Match names that are the same without the names of wrappers; also return these, quoted."""
    by_key: dict[str, str] = {}
    for name in changed:
        by_key.setdefault(_without_wrappers(name), name)
    partner: dict[str, str] = {}
    for name in base:
        key = _without_wrappers(name)
        if key in by_key:
            partner[name] = by_key.pop(key)
    parts = {part for pair in partner.items() for name in pair for part in name.split(".")}
    return partner, [repr(f"{wrapper}.") for wrapper in WRAPPERS if wrapper in parts]


def _without_wrappers(name: str) -> str:
    """Return a name without the names of wrappers; in full if nothing else would be left."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS) or name


def _by_prefix(
    base: Sequence[str], changed: Sequence[str], known: Sequence[str] | None
) -> tuple[dict[str, str], str]:
    """Match names after the most common prefix of one side; also return it, with its side.

    If `known` is given, only these prefixes count. Nothing is matched if two prefixes are as
    common.
    """
    best: dict[str, str] = {}
    text = ""
    for side, longer, shorter in (("changed", changed, base), ("base", base, changed)):
        long = {_without_wrappers(name): name for name in reversed(longer)}
        short = {_without_wrappers(name): name for name in reversed(shorter)}
        counts = Counter(
            name[: -len(end)] for name in long for end in short if name.endswith(f".{end}")
        )
        (prefix, count), (_, next_count) = [*counts.most_common(2), ("", 0), ("", 0)][:2]
        if count > max(next_count, len(best)) and (known is None or prefix in known):
            pairs = {short[end]: long[prefix + end] for end in short if prefix + end in long}
            best = pairs if side == "changed" else {b: a for a, b in pairs.items()}
            text = f"{prefix!r} in {side}"
    return best, text
