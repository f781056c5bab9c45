"""Curves: how the figures over time are drawn, a line for each layer or condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from xarray import DataArray

_MARKERS = "osD^vPX*"
_MOST_MARKED = 30


def colours(n: int) -> list[Any]:
    """Return n colours from dark to light, for things that have an order."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.85, n)))


def panels(titles: Sequence[str], *, rows: int = 1, share_y: bool = True) -> tuple[Figure, Any]:
    """Return a figure and its axes (rows, columns), a column for each title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.2 + 3.5 * len(titles), 0.9 + 2.8 * rows), layout="constrained")
    axes = figure.subplots(rows, len(titles), squeeze=False, sharey="row" if share_y else False)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize="medium")
    for ax in axes.flat:
        ax.grid(axis="y", color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def curves(
    ax: Axes, steps: ArrayLike, values: Mapping[str, ArrayLike], *, legend: bool = True
) -> None:
    """Draw the mean over networks of each of several curves, with a band of a standard deviation.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where.
    steps : (steps,) array
        What is on the horizontal axis.
    values : dict of label to (networks, steps) array
        In the order of their colours; markers say the same again for print without colour.
    legend : bool
        Whether the labels are shown.
    """
    at = np.asarray(steps, dtype=float)
    for (label, array), colour, marker in zip(
        values.items(), colours(len(values)), _MARKERS * len(values), strict=False
    ):
        seen = np.asarray(array, dtype=float)
        mean, spread = seen.mean(axis=0), seen.std(axis=0)
        ax.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        ax.plot(
            at,
            mean,
            color=colour,
            marker=marker,
            markevery=max(1, len(at) // _MOST_MARKED),
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            linewidth=1.4,
            label=label,
            clip_on=False,
        )
    if legend:
        ax.legend(frameon=False, fontsize="small")


def layer_curves(ax: Axes, distances: DataArray, *, legend: bool = True) -> None:
    """Draw a curve for each layer of distances over network, layer and something in order."""
    (along,) = set(distances.dims) - {"network", "layer"}
    ordered = distances.transpose("layer", "network", along)
    curves(
        ax,
        ordered[along],
        {str(one["layer"].item()): one for one in ordered},
        legend=legend,
    )


def caption(figure: Figure, *parts: str, notes: Sequence[str] = ()) -> None:
    """Write what there is to know about a figure under it; each note about data has its line."""
    lines = ["; ".join(parts), *(note for note in dict.fromkeys(notes) if note)]
    figure.supxlabel("\n".join(lines), fontsize="small", wrap=True)
