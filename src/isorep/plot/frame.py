"""Frame: the axes that a figure is drawn into, and their parameters in docstrings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import cleandoc
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from isorep._utils.optional import import_optional
from isorep.plot.style import figure_width, sized

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_TICKS = 8
"""Largest number of ticks of a logarithmic axis."""

Drawing = TypeVar("Drawing", bound=Callable[..., object])

_SHARED_PARAMETERS = {
    "{measure}": """measure : str, optional
    Measure of the table to draw, named as in ``table.attrs["measures"]``; by default the first.""",
    "{ax}": """ax : matplotlib.axes.Axes, optional
    Axes to draw into; by default those of a new figure.

Returns
-------
matplotlib.axes.Axes
    The axes that the figure was drawn into.""",
}


def with_shared_parameters(function: Drawing) -> Drawing:
    """Replace ``{measure}`` and ``{ax}`` in a docstring by the parameters that figures share."""
    text = cleandoc(function.__doc__ or "")
    for placeholder, parameter in _SHARED_PARAMETERS.items():
        text = text.replace(placeholder, parameter)
    function.__doc__ = text
    return function


def axes_to_draw_into(ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches.

    Within `isorep.plot.style`, the new figure has the width of the style, and its height is in
    proportion.
    """
    if ax is None:
        styled = figure_width.get()
        if styled is not None:
            width, height = styled, height * styled / width
        pyplot = import_optional("matplotlib.pyplot", "plot")
        _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure that the axes belong to."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def style_lines(ax: Axes) -> None:
    """Give axes of lines a horizontal grid, and no frame at the top and on the right."""
    ax.grid(axis="y", color="0.9", linewidth=sized(0.8))
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def set_log_ticks(ax: Axes, positions: ArrayLike, labels: Sequence[str]) -> None:
    """Make the horizontal axis logarithmic, with ticks at up to eight of these positions.

    The greatest position has a tick, and each other one that has room left of the tick before.
    """
    from matplotlib.ticker import NullLocator

    places = np.log(np.asarray(positions, dtype=float))
    room = (places.max() - places.min()) / _MOST_TICKS
    shown: list[int] = []
    for i in np.argsort(-places).tolist():
        if not shown or places[shown[-1]] - places[i] >= room:
            shown.append(i)
    ax.set_xscale("log")
    ax.set_xticks([np.asarray(positions)[i] for i in shown[::-1]], [labels[i] for i in shown[::-1]])
    ax.xaxis.set_minor_locator(NullLocator())
