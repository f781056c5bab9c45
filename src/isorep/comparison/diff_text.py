"""Diff text: the parts of a `Diff` as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isorep.comparison.diff_result import Diff, LayerDiff

_MOST_REASONS = 3
"""Number of reasons that a text shows."""


def diff_text(diff: Diff, most: int | None = None) -> str:
    """Return a table of the layers, most changed first, with notes below."""
    import pandas

    shown = diff.layers[:most]
    marks = [diff_mark(diff, layer) for layer in shown]
    width = max(map(len, marks), default=0)
    frame = pandas.DataFrame(diff_columns(diff, shown), index=[layer.layer for layer in shown])
    frame[""] = [mark.ljust(width) for mark in marks]
    frame.columns.name = "layer"
    table = frame.to_string(float_format=" {:.4f}".format, na_rep="nan")
    lines = [line.rstrip() for line in table.splitlines()]
    if len(shown) < len(diff.layers):
        lines.append(f"... and {len(diff.layers) - len(shown)} less changed")
    lines += diff_reasons([layer for layer in shown if isnan(layer.similarity)])
    return "\n".join([*lines, *diff_notes(diff)])


def diff_summary(diff: Diff) -> str:
    """Return one line that says how many layers are below the threshold."""
    return (
        f"{diff.measure} similarity of {len(diff.below)} of {len(diff.layers)} layers is below "
        f"{diff.fail_below}:"
    )


def diff_columns(diff: Diff, layers: Sequence[LayerDiff]) -> dict[str, list[float]]:
    """Return the numbers to show for `layers`, by the name of their column."""
    names = ["similarity"]
    if f"{diff.measure}_low" in diff.table:
        names += ["low", "high", "raw", "chance"]
    return {name: [getattr(layer, name) for layer in layers] for name in names}


def diff_mark(diff: Diff, layer: LayerDiff) -> str:
    """Return the text to show after a layer's numbers."""
    marks = [f"below {diff.fail_below}"] if layer.below else []
    lost = layer.base_rank - layer.changed_rank
    if lost > 0 and layer.changed_rank:
        marks.append(f"{lost} of {layer.base_rank} directions lost")
    return ", ".join(marks)


def diff_reasons(layers: Iterable[LayerDiff]) -> list[str]:
    """Return why `layers` should be read with care: each distinct reason once, up to three."""
    layers_of: dict[str, list[str]] = {}
    for layer in layers:
        if layer.reason:
            layers_of.setdefault(layer.reason, []).append(layer.layer)
    lines = [f"{shortened(names)}: {reason}" for reason, names in layers_of.items()]
    more = len(lines) - _MOST_REASONS
    return lines[:_MOST_REASONS] + ([f"... and {more} more reasons"] if more > 0 else [])


def diff_notes(diff: Diff) -> list[str]:
    """Return the lines below the table, about layers that are not in it."""
    others = {
        "only in base": diff.removed,
        "only in changed": diff.added,
        "constant on both sides": diff.dead,
    }
    return [f"{where}: {', '.join(names)}" for where, names in others.items() if names]


def shortened(layers: Sequence[str]) -> str:
    """Return names of layers as text, the first four of them."""
    return ", ".join(layers[:4]) + (f" and {len(layers) - 4} more" if len(layers) > 4 else "")
