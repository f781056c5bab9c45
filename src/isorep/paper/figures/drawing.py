"""Drawing: the axes, curves and captions that figures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from isorep.paper.analysis.state_distances import STEP_MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from xarray import DataArray, Dataset

_MARKERS = "osD^vPX*"
_MOST_MARKED = 30


def colours(n: int) -> list[Any]:
    """Return n colours from dark to light, for ordered things."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.85, n)))


def panels(titles: Sequence[str], *, rows: int = 1, share_y: bool = True) -> tuple[Figure, Any]:
    """Return a figure and its axes (rows, columns), with a column for each title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.2 + 3.5 * len(titles), 0.9 + 2.8 * rows), layout="constrained")
    axes = figure.subplots(rows, len(titles), squeeze=False, sharey="row" if share_y else False)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize="medium")
    for ax in axes.flat:
        tidy(ax)
    return figure, axes


def tidy(ax: Axes, *, grid: Literal["both", "y"] = "y") -> None:
    """Give axes the style of all figures: a light grid, and no frame at the top and the right."""
    ax.grid(axis=grid, color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def letter(ax: Axes, text: str, **options: Any) -> None:
    """Write the letter of a panel above its axes."""
    ax.set_title(text, loc="left", fontweight="bold", **options)


def curves(
    ax: Axes, steps: ArrayLike, values: Mapping[str, ArrayLike], *, legend: bool = True
) -> None:
    """Draw the mean over networks of each curve, with a band of one standard deviation.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw on.
    steps : (steps,) array
        Positions on the horizontal axis.
    values : dict of label to (networks, steps) array
        Curves, from dark to light. Markers distinguish them in print without colour.
    legend : bool
        Show the labels.
    """
    positions = np.asarray(steps, dtype=float)
    for (label, array), colour, marker in zip(
        values.items(), colours(len(values)), _MARKERS * len(values), strict=False
    ):
        networks = np.asarray(array, dtype=float)
        mean, spread = networks.mean(axis=0), networks.std(axis=0)
        ax.fill_between(
            positions, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0
        )
        ax.plot(
            positions,
            mean,
            color=colour,
            marker=marker,
            markevery=max(1, len(positions) // _MOST_MARKED),
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
    """Draw a curve for each layer of distances over network, layer and a third dimension."""
    (steps,) = set(distances.dims) - {"network", "layer"}
    by_layer = distances.transpose("layer", "network", steps)
    curves(
        ax,
        by_layer[steps],
        {str(layer["layer"].item()): layer for layer in by_layer},
        legend=legend,
    )


def step_curves(
    tables: Mapping[str, Dataset],
    draw: Callable[[Axes, DataArray, bool], None],
    *,
    titles: Sequence[str],
    xlabel: str,
    legend: str = "cca",
) -> Figure:
    """Draw distances to the last step: a row for each table, a column for each measure.

    Parameters
    ----------
    tables : dict of model's name to xarray.Dataset
        ``<measure>_distance`` over step and other dimensions.
    draw : callable
        Called as ``draw(axes, distances, show the legend)`` for each panel.
    titles : sequence of str
        Title of each row.
    xlabel : str
        Label of the horizontal axes.
    legend : str
        Measure whose panels have the legend.
    """
    figure, axes = panels(list(STEP_MEASURES.values()), rows=len(tables), share_y=False)
    for row, title, table in zip(axes, titles, tables.values(), strict=True):
        for ax, measure in zip(row, STEP_MEASURES, strict=True):
            draw(ax, table[f"{measure}_distance"], measure == legend)
            ax.set_xticks(range(0, table.sizes["step"], 5))
            ax.set_ylim(bottom=0)
        row[0].set_ylim(0, 1)
        row[0].set_ylabel(f"{title}\n\ndistance to the last step")
    for ax in axes[-1]:
        ax.set_xlabel(xlabel)
    network_caption(figure, tables, "Euclidean distance over the norm of the last states")
    return figure


def network_caption(figure: Figure, tables: Mapping[str, Dataset], *parts: str) -> None:
    """Write a caption with the number of networks and the notes about the texts."""
    number = next(iter(tables.values())).sizes["network"]
    caption(
        figure,
        f"mean and standard deviation over {number} networks",
        *parts,
        notes=[table.attrs["note"] for table in tables.values()],
    )


def caption(figure: Figure, *parts: str, notes: Sequence[str] = ()) -> None:
    """Write a caption under a figure; each note about the data has its own line."""
    lines = ["; ".join(parts), *(note for note in dict.fromkeys(notes) if note)]
    figure.supxlabel("\n".join(lines), fontsize="small", wrap=True)
