"""Dynamics: the distance of each layer to the reference over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import check_name
from isorep.plot.axis import (
    InferredQuantity,
    Quantity,
    bounds,
    check_kind,
    display_name,
    inferred_values,
    label_of,
    select_variable,
)
from isorep.plot.frame import (
    axes_to_draw_into,
    set_log_ticks,
    style_lines,
    with_shared_parameters,
)
from isorep.plot.sequence import add_colour_key, ordered_colours
from isorep.plot.step_scale import Scale, is_geometric, log_positions
from isorep.plot.style import sized

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
    quantity: Quantity | InferredQuantity = "distance",
    scale: Scale = "auto",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per layer over the steps, dark for the first layer, light for the last.

    This is the view of figure 6. The axis spans the whole range of the measure, so that two
    pictures of one measure are comparable. If the range is infinite, it is cut at the greatest
    value. A cell that could not be computed is a gap.

    If the table was made with ``interval=True``, a band shows the 95 % confidence interval of the
    population value. The line of a quantity that is not corrected may leave it, if samples are few.
    If it was made with ``chance=True``, a dotted line shows the level of unrelated data. A dashed
    line is the ceiling, if `isorep.inference.with_ceilings` added it.

    Parameters
    ----------
    trajectory : xarray.Dataset
        Table of `isorep.trajectory`, of one run. Steps that are numbers are drawn to scale.
    {measure}
    quantity : {"distance", "similarity", "corrected", "calibrated"}
        Numbers to draw. "corrected" is the similarity corrected for finite-sample bias,
        "calibrated" the similarity rescaled so that chance is 0; the table must hold them.
    scale : {"auto", "linear", "log"}
        Axis of the steps. "auto" is logarithmic for steps that grow by factors, such as 1, 2, 5,
        10, 20, 50. Step 0 is drawn one gap left of the least other step.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If the table was not made by `isorep.trajectory` or lacks the measure or the quantity, if
        `quantity` or `scale` is unknown, or steps are not numbers from 0 and `scale` is "log".

    Examples
    --------
    >>> import numpy as np, isorep
    >>> end, noise = np.random.default_rng(0).standard_normal((2, 99, 4))
    >>> states = {epoch: {"lstm": end + (4 - epoch) * noise} for epoch in range(5)}
    >>> ax = isorep.plot.dynamics(isorep.trajectory(states))
    >>> ax.get_title()
    'PWCCA distance to step 4'
    """
    check_kind(trajectory, ["trajectory"], ("step", "layer"))
    name, grid = select_variable(
        trajectory, measure, quantity, (*get_args(Quantity), *get_args(InferredQuantity))
    )
    trajectory = trajectory.transpose("step", "layer", ...)
    grid = grid.transpose("step", "layer")
    values, steps = grid.to_numpy(), trajectory["step"].to_numpy()
    layers = trajectory["layer"].to_numpy().tolist()

    ax = axes_to_draw_into(ax, 6, 3.8)
    to_scale = steps.dtype.kind in "iuf"
    logarithmic = _is_logarithmic(steps, scale)
    positions = steps if to_scale else np.arange(len(steps))
    positions = log_positions(steps) if logarithmic else positions
    colours = ordered_colours(len(layers))
    for line, layer, colour in zip(values.T, layers, colours, strict=True):
        ax.plot(
            positions,
            line,
            color=colour,
            marker="o" if len(steps) <= MOST_MARKERS else "",
            markersize=sized(4),
            markeredgecolor="white",
            markeredgewidth=sized(0.5),
            label=layer,
            clip_on=False,  # a marker on the edge of the axes stays whole
        )
    low, high, chance = (
        None if quantity == "calibrated" else inferred_values(trajectory, name, key, quantity)
        for key in ("low", "high", "chance")
    )
    notes = []
    if low is not None and high is not None:
        notes.append("band: 95 % interval of the population value")
        for lower, upper, colour in zip(low.T, high.T, colours, strict=True):
            ax.fill_between(positions, lower, upper, color=colour, alpha=0.2, linewidth=0)
    if chance is not None and quantity != "corrected":
        notes.append("dotted: unrelated data")
        for line, colour in zip(chance.T, colours, strict=True):
            ax.plot(positions, line, color=colour, linestyle=":", linewidth=sized(1.2))
    ceilings = None
    if quantity != "calibrated":
        key = "corrected_ceiling" if quantity == "corrected" else "ceiling"
        ceilings = inferred_values(trajectory, name, key, quantity)
    if ceilings is not None:
        notes.append("dashed: ceiling")
        for ceiling, colour in zip(ceilings, colours, strict=True):
            ax.axhline(float(ceiling), color=colour, linestyle="--", linewidth=sized(1.2))
    if logarithmic:
        set_log_ticks(ax, positions, [str(step) for step in steps.tolist()])
    if not to_scale:
        ax.set_xticks(
            positions,
            steps.tolist(),
            rotation=45,
            ha="right",
            rotation_mode="anchor",
            parse_math=False,
        )
    least, greatest = bounds(grid.attrs["range"], values)
    if quantity == "calibrated":  # below chance it is negative
        least = min(least, float(np.nanmin(values, initial=least)))
    ax.set_ylim(least, greatest)
    style_lines(ax)
    reference = trajectory.attrs["reference"]
    end = "the reference" if reference == "given" else f"step {reference}"
    words = f"{quantity} similarity" if quantity in get_args(InferredQuantity) else quantity
    ax.set(
        xlabel="\n".join(["step", *notes]),
        ylabel=label_of(grid, words),
        title=f"{display_name(name)} {words} to {end}",
    )
    add_colour_key(ax, layers, colours, "layer")
    return ax


def _is_logarithmic(steps: NDArray[Any], scale: Scale) -> bool:
    check_name("scale", scale, get_args(Scale))
    if scale == "auto":
        return is_geometric(steps)
    if scale == "log" and (
        steps.dtype.kind not in "iuf" or not (steps >= 0).all() or not (steps > 0).any()
    ):
        raise ValueError(
            "scale='log' needs steps that are numbers from 0, got "
            f"{', '.join(map(str, steps[:4].tolist()))}; leave scale out"
        )
    return scale == "log"
