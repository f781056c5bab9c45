"""Sequence: colours of things that have an order, such as layers and steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isorep.plot.frame import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colour = tuple[float, float, float, float]

MOST_ENTRIES = 8
"""Largest number of entries in a legend; more entries get a colour bar."""

_MOST_TICKS = 6


def ordered_colours(n: int, colormap: str = "viridis") -> list[Colour]:
    """Return n colours in even steps from dark to light; all are visible on white."""
    from matplotlib import colormaps

    return [tuple(colour) for colour in colormaps[colormap](np.linspace(0, 0.9, n))]


def add_colour_key(
    ax: Axes, labels: Sequence[object], colours: Sequence[Colour], title: str
) -> None:
    """Add a legend of the lines, or a colour bar if there are many."""
    if len(labels) <= MOST_ENTRIES:
        # Matplotlib leaves out labels that begin with an underscore unless they are passed.
        texts = [str(label) for label in labels]
        ax.legend(ax.lines[: len(texts)], texts, title=title, frameon=False, alignment="left")
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    edges = np.arange(len(labels) + 1) - 0.5
    mappable = ScalarMappable(BoundaryNorm(edges, len(labels)), ListedColormap(list(colours)))
    ticks = np.unique(np.linspace(0, len(labels) - 1, _MOST_TICKS).round().astype(int))
    bar = figure_of(ax).colorbar(mappable, ax=ax, label=title, ticks=ticks)
    bar.ax.set_yticklabels([str(labels[i]) for i in ticks])
    bar.ax.tick_params(which="both", length=0)
    bar.outline.set_visible(False)
