"""Colours of things that have an order: layers by depth, states by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colour = tuple[float, float, float, float]

MOST_ENTRIES = 8
"""Things up to which each has its line in a legend; more of them share a colour bar."""

_MOST_TICKS = 6


def ordered_colours(n: int, colormap: str = "viridis") -> list[Colour]:
    """Return n colours, dark to light in even steps, none too light for a white page."""
    from matplotlib import colormaps

    return [tuple(colour) for colour in colormaps[colormap](np.linspace(0, 0.9, n))]


def key(ax: Axes, labels: Sequence[object], colours: Sequence[Colour], title: str) -> None:
    """Say which colour is which: a legend of labelled lines, or a colour bar."""
    if len(labels) <= MOST_ENTRIES:
        named = [str(label) for label in labels]  # also those that begin with an underscore
        ax.legend(ax.lines[: len(named)], named, title=title, frameon=False, alignment="left")
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    edges = np.arange(len(labels) + 1) - 0.5
    mappable = ScalarMappable(BoundaryNorm(edges, len(labels)), ListedColormap(list(colours)))
    ticks = np.unique(np.linspace(0, len(labels) - 1, _MOST_TICKS).round().astype(int))
    figure = ax.get_figure()
    assert figure is not None
    bar = figure.colorbar(mappable, ax=ax, label=title, ticks=ticks)
    bar.ax.set_yticklabels([str(labels[i]) for i in ticks])
    bar.ax.tick_params(which="both", length=0)
    bar.outline.set_visible(False)
