"""Plan: in how many passes over the data a table is made, and in how much memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product

from isorep._utils.memory import readable

READ_TOGETHER = 128 * 10**6
"""Bytes of rows that are read or centred together at most: more would make nothing faster."""

MOST_ROWS = 8192
"""Rows that are read together at most."""

Widths = Mapping[str, int]
"""Name of each layer to its number of features."""


@dataclass(frozen=True)
class Pass:
    """What is gathered in one go through the data: moments of layers, and of pairs of them.

    Attributes
    ----------
    x, y : tuple of str
        Layers of the two networks, each of x paired with each of y.
    itself : bool
        Whether they are the same layers of one network, each pair needed once.
    n_bytes : int
        Memory at its peak.
    rows : int
        Rows that are taken in together.
    read : int
        Bytes that are read together at most: whole chunks, which may hold more rows.
    """

    x: tuple[str, ...]
    y: tuple[str, ...]
    itself: bool
    n_bytes: int
    rows: int
    read: int

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of layers, x before y."""
        if self.itself:
            return list(combinations_with_replacement(self.x, 2))
        return list(product(self.x, self.y))


@dataclass(frozen=True)
class Plan:
    """How a table is made within a budget of memory; ``print(plan)`` shows it.

    Attributes
    ----------
    memory : int
        The budget, bytes.
    n_bytes : int
        What is taken of it, at the peak.
    passes : tuple of Pass
        In order; none where all layers are read into memory.
    too_wide : mapping
        Pairs of layers that no pass can hold, and why. Their cells will be NaN.
    """

    memory: int
    n_bytes: int
    passes: tuple[Pass, ...] = ()
    too_wide: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __str__(self) -> str:
        taken = f"{readable(self.n_bytes)} of {readable(self.memory)}"
        if not self.passes:
            return f"all layers in memory, {taken}"
        n = len(self.passes)
        lines = [f"{n} {'pass' if n == 1 else 'passes'} over the data, at most {taken}"]
        for i, one in enumerate(self.passes, 1):
            pairs = len(one.pairs)
            sides = f"{_named(one.x)} among themselves"
            if not one.itself:
                sides = f"{_named(one.x)} with {_named(one.y)}"
            lines.append(
                f"  {i}: {pairs} {'pair' if pairs == 1 else 'pairs'}, {sides}: "
                f"{readable(one.n_bytes)}, {one.rows} rows at a time"
            )
        reasons = list(self.too_wide.values())
        lines += [f"  left out: {reason}" for reason in reasons[:3]]
        if len(reasons) > 3:
            lines.append(f"  ... and {len(reasons) - 3} more")
        return "\n".join(lines)


def make_plan(
    x: Widths, y: Widths | None, *, blocks: int, memory: int, inferred: bool = False
) -> Plan:
    """Cut a table of layers into passes that keep to a budget of memory.

    What does not fit is halved along its wider side until its parts do.

    Parameters
    ----------
    x, y : mapping of layer name to number of features
        Of the two networks; None for y where a network is compared with itself.
    blocks : int
        Parts in which moments are kept: 1, or as many as a jackknife leaves out in turn.
    memory : int
        The budget, bytes.
    inferred : bool
        Whether more is told of each pair than its similarity, which takes more.

    Raises
    ------
    ValueError
        When not a single pair of layers fits.

    Examples
    --------
    >>> print(make_plan({"conv": 512, "fc": 1024}, {"out": 100}, blocks=1, memory=400_000_000))
    1 pass over the data, at most 217 MB of 400 MB
      1: 2 pairs, conv, fc with out: 217 MB, 1910 rows at a time
    >>> wide = {"conv1": 512, "conv2": 512, "fc": 1024}
    >>> len(make_plan(wide, None, blocks=1, memory=160_000_000).passes)
    4
    """
    reading = min(READ_TOGETHER, memory // 8)
    passes: list[Pass] = []
    too_wide: dict[tuple[str, str], str] = {}

    def cut(xs: Widths, ys: Widths, itself: bool) -> None:
        needed = _moments_bytes(xs, ys, itself, blocks, inferred)
        if needed + 2 * reading <= memory:
            width = sum(xs.values()) + (0 if itself else sum(ys.values()))
            row = 16 * width  # as float64, and centred
            rows = max(1, min(MOST_ROWS, reading // row))
            taken = needed + rows * row + reading
            passes.append(Pass(tuple(xs), tuple(ys), itself, taken, rows, reading))
        elif len(xs) == len(ys) == 1:
            ((a, p), (b, q)) = (*xs.items(), *ys.items())
            too_wide[a, b] = (
                f"{a} with {b}, {p} and {q} features: second moments take "
                f"{readable(needed + 2 * reading)} and memory allows {readable(memory)}; reduce "
                "the layers to fewer features, or allow more"
            )
        elif itself:
            left, right = _halves(xs)
            cut(left, left, True)
            cut(right, right, True)
            cut(left, right, False)
        elif len(ys) == 1 or (len(xs) > 1 and sum(xs.values()) > sum(ys.values())):
            for half in _halves(xs):
                cut(half, ys, False)
        else:
            for half in _halves(ys):
                cut(xs, half, False)

    cut(x, x if y is None else y, y is None)
    if not passes:
        raise ValueError(f"no two layers fit into memory: {next(iter(too_wide.values()))}")
    return Plan(memory, max(one.n_bytes for one in passes), tuple(passes), too_wide)


def _moments_bytes(xs: Widths, ys: Widths, itself: bool, blocks: int, inferred: bool) -> int:
    """Return what a pass holds but for the rows that it reads."""
    p = list(xs.values())
    own = p if itself else [*p, *ys.values()]
    if itself:
        crossed = (sum(p) ** 2 - sum(width**2 for width in p)) // 2
    else:
        crossed = sum(p) * sum(ys.values())
    # Of each layer the basis of all samples, and where blocks are left out in turn a basis without
    # each of them, before the moments of the block can go.
    kept = 3 if blocks == 1 else 2 * blocks + 3
    # While a pair is finished: merged moments, what its decompositions take, and populations.
    work = (60 if inferred else 10) * max(own) ** 2
    return 8 * (kept * sum(width**2 for width in own) + blocks * crossed + work)


def _halves(widths: Widths) -> tuple[Widths, Widths]:
    """Cut layers, in their order, into two parts of about as many features."""
    names, total, half = list(widths), sum(widths.values()), 0
    at = 0
    while at < len(names) - 1 and (at == 0 or 2 * half < total):
        half += widths[names[at]]
        at += 1
    return {name: widths[name] for name in names[:at]}, {name: widths[name] for name in names[at:]}


def _named(layers: tuple[str, ...]) -> str:
    if len(layers) <= 3:
        return ", ".join(layers)
    return f"{layers[0]} ... {layers[-1]} ({len(layers)} layers)"
