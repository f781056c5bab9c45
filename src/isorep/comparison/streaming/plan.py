"""Plan: how many passes over the data a table takes, and how much memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product

from isorep._utils.memory import readable

READ_TOGETHER = 128 * 10**6
"""Most bytes of rows that are read or centred together; more would not be faster."""

MOST_ROWS = 8192
"""Most rows that are read together."""

Widths = Mapping[str, int]
"""Name of layer to number of features."""


@dataclass(frozen=True)
class Pass:
    """One pass over the data, which accumulates moments of layers and of pairs of layers.

    Attributes
    ----------
    x, y : tuple of str
        Layers of the two networks; each of x is paired with each of y.
    same : bool
        Whether x and y are the same layers of one network. Each pair is then taken once.
    n_bytes : int
        Peak memory.
    rows : int
        Rows that are accumulated together.
    read : int
        Most bytes that are read together, in whole chunks, which may hold more rows.
    """

    x: tuple[str, ...]
    y: tuple[str, ...]
    same: bool
    n_bytes: int
    rows: int
    read: int

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of layers, x before y."""
        if self.same:
            return list(combinations_with_replacement(self.x, 2))
        return list(product(self.x, self.y))


@dataclass(frozen=True)
class Plan:
    """How a table is made within a memory limit; ``print(plan)`` shows it.

    Attributes
    ----------
    memory : int
        Memory limit, bytes.
    n_bytes : int
        Peak memory, bytes.
    passes : tuple of Pass
        Passes over the data, in order; empty if all layers are read into memory.
    too_wide : mapping
        Pair of layers that no pass can hold to the reason. Their cells will be NaN.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((100, 3))
    >>> plan = isorep.compare({"layer": x}, {"layer": x}, plan_only=True)
    >>> plan.passes, plan.too_wide
    ((), {})
    """

    memory: int
    n_bytes: int
    passes: tuple[Pass, ...] = ()
    too_wide: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __str__(self) -> str:
        memory = f"{readable(self.n_bytes)} of {readable(self.memory)}"
        if not self.passes:
            return f"all layers in memory, {memory}"
        n = len(self.passes)
        lines = [f"{n} {'pass' if n == 1 else 'passes'} over the data, at most {memory}"]
        for i, step in enumerate(self.passes, 1):
            pairs = len(step.pairs)
            sides = f"{_named(step.x)} among themselves"
            if not step.same:
                sides = f"{_named(step.x)} with {_named(step.y)}"
            lines.append(
                f"  {i}: {pairs} {'pair' if pairs == 1 else 'pairs'}, {sides}: "
                f"{readable(step.n_bytes)}, {step.rows} rows at a time"
            )
        reasons = list(self.too_wide.values())
        lines += [f"  left out: {reason}" for reason in reasons[:3]]
        if len(reasons) > 3:
            lines.append(f"  ... and {len(reasons) - 3} more")
        return "\n".join(lines)


def make_plan(
    x: Widths, y: Widths | None, *, blocks: int, memory: int, inferred: bool = False
) -> Plan:
    """Cut a table of layers into passes that keep to a memory limit.

    A table that does not fit is halved along its wider side until its parts fit.

    Parameters
    ----------
    x, y : mapping of layer name to number of features
        The two networks; y is None for a network with itself.
    blocks : int
        Blocks of rows: 1, or the number that a jackknife leaves out in turn.
    memory : int
        Memory limit, bytes.
    inferred : bool
        Whether more than its similarity is inferred for each pair, which takes more memory.

    Raises
    ------
    ValueError
        When no pair of layers fits.

    Examples
    --------
    >>> print(make_plan({"conv": 512, "fc": 1024}, {"out": 100}, blocks=1, memory=400_000_000))
    1 pass over the data, at most 206.76 MiB of 381.47 MiB
      1: 2 pairs, conv, fc with out: 206.76 MiB, 1910 rows at a time
    >>> wide = {"conv1": 512, "conv2": 512, "fc": 1024}
    >>> len(make_plan(wide, None, blocks=1, memory=160_000_000).passes)
    4
    """
    reading = min(READ_TOGETHER, memory // 8)
    passes: list[Pass] = []
    too_wide: dict[tuple[str, str], str] = {}

    def cut(xs: Widths, ys: Widths, same: bool) -> None:
        needed = _moments_bytes(xs, ys, same, blocks, inferred)
        if needed + 2 * reading <= memory:
            width = sum(xs.values()) + (0 if same else sum(ys.values()))
            row_bytes = 16 * width  # once as float64, once centred
            rows = max(1, min(MOST_ROWS, reading // row_bytes))
            n_bytes = needed + rows * row_bytes + reading
            passes.append(Pass(tuple(xs), tuple(ys), same, n_bytes, rows, reading))
        elif len(xs) == len(ys) == 1:
            ((a, p), (b, q)) = (*xs.items(), *ys.items())
            too_wide[a, b] = (
                f"{a} with {b}, {p} and {q} features: second moments take "
                f"{readable(needed + 2 * reading)} and memory= allows {readable(memory)}; reduce "
                "the layers to fewer features, or allow more"
            )
        elif same:
            first, second = _halves(xs)
            cut(first, first, True)
            cut(second, second, True)
            cut(first, second, False)
        elif len(ys) == 1 or (len(xs) > 1 and sum(xs.values()) > sum(ys.values())):
            for half in _halves(xs):
                cut(half, ys, False)
        else:
            for half in _halves(ys):
                cut(xs, half, False)

    cut(x, x if y is None else y, y is None)
    if not passes:
        raise ValueError(f"no two layers fit into memory: {next(iter(too_wide.values()))}")
    return Plan(memory, max(step.n_bytes for step in passes), tuple(passes), too_wide)


def _moments_bytes(xs: Widths, ys: Widths, same: bool, blocks: int, inferred: bool) -> int:
    """Return the bytes that a pass holds beside the rows that it reads."""
    x_widths, y_widths = list(xs.values()), list(ys.values())
    widths = x_widths if same else [*x_widths, *y_widths]
    if same:
        cross = (sum(x_widths) ** 2 - sum(width**2 for width in x_widths)) // 2
    else:
        cross = sum(x_widths) * sum(y_widths)
    # Each layer has a basis of all rows and, with several blocks, a basis without each block; these
    # exist before the moments of the blocks are freed.
    matrices = 3 if blocks == 1 else 2 * blocks + 3
    # Finishing a pair takes merged moments, decompositions and, for inference, populations.
    work = (60 if inferred else 10) * max(widths) ** 2
    return 8 * (matrices * sum(width**2 for width in widths) + blocks * cross + work)


def _halves(widths: Widths) -> tuple[Widths, Widths]:
    """Cut layers, in their order, into two parts of about the same number of features."""
    names, total, width, cut = list(widths), sum(widths.values()), 0, 0
    while cut < len(names) - 1 and (cut == 0 or 2 * width < total):
        width += widths[names[cut]]
        cut += 1
    first, second = names[:cut], names[cut:]
    return {name: widths[name] for name in first}, {name: widths[name] for name in second}


def _named(layers: tuple[str, ...]) -> str:
    if len(layers) <= 3:
        return ", ".join(layers)
    return f"{layers[0]} ... {layers[-1]} ({len(layers)} layers)"
