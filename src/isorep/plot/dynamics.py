"""Dynamics: the distance of each layer to the reference over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isorep.plot.axis import Quantity, bounds, check_kind, label_of, select_variable
from isorep.plot.frame import axes_to_draw_into, style_lines, with_shared_parameters
from isorep.plot.sequence import add_colour_key, ordered_colours

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_MARKERS = 30
"""Largest number of steps at which each step has a marker."""


@with_shared_parameters
def dynamics(
    trajectory: xarray.Dataset,
    measure: str | None = None,
    *,
    quantity: Quantity = "distance",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per layer over the steps, dark for the first layer, light for the last.

    This is the view of figure 6. The axis spans the whole range of the measure, so that two
    pictures of one measure are comparable. If the range is infinite, it is cut at the greatest
    value. A cell that could not be computed is a gap.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Table of `isorep.trajectory`, of one run. Steps that are numbers are drawn to scale.
    {measure}
    quantity : {"distance", "similarity"}
        Numbers to draw.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If the table was not made by `isorep.trajectory` or lacks the measure, or if `quantity` is
        unknown.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> end, noise = np.random.default_rng(0).standard_normal((2, 99, 4))
    >>> states = {epoch: {"lstm": end + (4 - epoch) * noise} for epoch in range(5)}
    >>> ax = isorep.plot.dynamics(isorep.trajectory(states))
    >>> ax.get_title()
    'pwcca distance to step 4'
    """
    check_kind(trajectory, ["trajectory"], ("step", "layer"))
    name, grid = select_variable(trajectory, measure, quantity)
    grid = grid.transpose("step", "layer")
    values, steps = grid.to_numpy(), trajectory["step"].to_numpy()
    layers = trajectory["layer"].to_numpy().tolist()

    ax = axes_to_draw_into(ax, 6, 3.8)
    to_scale = steps.dtype.kind in "iuf"
    positions = steps if to_scale else np.arange(len(steps))
    colours = ordered_colours(len(layers))
    for line, layer, colour in zip(values.T, layers, colours, strict=True):
        ax.plot(
            positions,
            line,
            color=colour,
            marker="o" if len(steps) <= MOST_MARKERS else "",
            markersize=4,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=layer,
            clip_on=False,  # a marker on the edge of the axes stays whole
        )
    if not to_scale:
        ax.set_xticks(
            positions,
            steps.tolist(),
            rotation=45,
            ha="right",
            rotation_mode="anchor",
            parse_math=False,
        )
    ax.set_ylim(bounds(grid.attrs["range"], values))
    style_lines(ax)
    reference = trajectory.attrs["reference"]
    end = "the reference" if reference == "given" else f"step {reference}"
    ax.set(xlabel="step", ylabel=label_of(grid, quantity), title=f"{name} {quantity} to {end}")
    add_colour_key(ax, layers, colours, "layer")
    return ax
