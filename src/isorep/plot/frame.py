"""Frame: the axes that a figure is drawn into, and their parameters in docstrings."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import TYPE_CHECKING, TypeVar

from isorep._utils.optional import import_optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    """Return `ax`, or the axes of a new figure of this size in inches."""
    if ax is None:
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
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
