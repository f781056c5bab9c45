"""Dynamics: how each layer approaches the reference over time (figure 6's view)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isorep.plot.axis import Quantity, bounds, chosen, described
from isorep.plot.sequence import key, ordered_colours

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_MARKERS = 30
"""Steps up to which each is marked."""


def dynamics(
    trajectory: xarray.Dataset,
    measure: str | None = None,
    *,
    quantity: Quantity = "distance",
    ax: Axes | None = None,
) -> Axes:
    """Draw a line for each layer over the steps, dark to light from the first layer to the last.

    The axis spans the measure's whole range, so that two pictures of one measure can be compared; a
    range without end is cut at the greatest value. A cell that could not be computed is a gap.

    Parameters
    ----------
    trajectory : xarray.Dataset
        What `isorep.trajectory` returns. Numbers as steps are drawn to scale.
    measure : str, optional
        Which of the table's measures; the first by default.
    quantity : {"distance", "similarity"}
        Which direction to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When the table is no trajectory or lacks the measure, or `quantity` is neither direction.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> end, noise = np.random.default_rng(0).standard_normal((2, 99, 4))
    >>> states = {epoch: {"lstm": end + (4 - epoch) * noise} for epoch in range(5)}
    >>> ax = isorep.plot.dynamics(isorep.trajectory(states))
    >>> ax.get_title()
    'pwcca distance to step 4'
    """
    if set(trajectory.sizes) != {"step", "layer"}:
        raise ValueError(
            "expected the table of isorep.trajectory, over step and layer; this one is over "
            f"{', '.join(map(str, trajectory.sizes))}"
        )
    name, grid = chosen(trajectory, measure, quantity)
    grid = grid.transpose("step", "layer")
    values, steps = grid.to_numpy(), trajectory["step"].to_numpy()
    layers = trajectory["layer"].to_numpy().tolist()

    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(6, 3.8), layout="constrained")
    to_scale = steps.dtype.kind in "iuf"
    at = steps if to_scale else np.arange(len(steps))
    colours = ordered_colours(len(layers))
    for line, layer, colour in zip(values.T, layers, colours, strict=True):
        ax.plot(
            at,
            line,
            color=colour,
            marker="o" if len(steps) <= MOST_MARKERS else "",
            markersize=4,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=layer,
            # Not clipped: a marker on the bound of the axis stays whole.
            clip_on=False,
        )
    if not to_scale:
        ax.set_xticks(at, steps.tolist(), rotation=45, ha="right", rotation_mode="anchor")
    ax.set_ylim(bounds(grid.attrs["range"], values))
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    reference = trajectory.attrs["reference"]
    end = "the reference" if reference == "given" else f"step {reference}"
    ax.set(
        xlabel="step",
        ylabel=described(quantity, grid.attrs["units"]),
        title=f"{name} {quantity} to {end}",
    )
    key(ax, layers, colours, "layer")
    return ax
