"""Profile: a similarity along the layers of a model, one line for each layer of the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from isorep.plot.axis import (
    CEILING_WORDS,
    CeilingQuantity,
    InferredQuantity,
    Quantity,
    bounds,
    check_kind,
    display_name,
    inferred_values,
    label_of,
    select_variable,
    side_labels,
)
from isorep.plot.frame import axes_to_draw_into, style_lines, with_shared_parameters
from isorep.plot.heatmap import ceiling_variable
from isorep.plot.sequence import add_colour_key, ordered_colours
from isorep.plot.style import sized

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


@with_shared_parameters
def profile(
    table: xarray.Dataset,
    measure: str | None = None,
    *,
    quantity: Quantity | InferredQuantity | CeilingQuantity = "similarity",
    ax: Axes | None = None,
) -> Axes:
    """Draw a similarity over the layers of x, one line for each layer of y, with its ceiling.

    This is how models are compared with brain areas: layers of the model from left to right, a line
    for each area. The ceiling of an area (see `isorep.inference.with_ceilings`) is a dashed line of
    the same colour, with its interval as a band. Bars are 95 % intervals, if the table has them.
    The axis spans the whole range of the measure, from 0.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.compare`.
    {measure}
    quantity : {"similarity", "distance", "corrected", "calibrated", "of_ceiling", \
"corrected_of_ceiling"}
        Numbers to draw; see `isorep.plot.heatmap`.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If the table is of another kind, or lacks the measure or the quantity.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((99, 5))
    >>> model = {f"conv{i}": np.tanh(x * i) for i in range(1, 4)}
    >>> ax = isorep.plot.profile(isorep.compare(model, {"V4": x}, measures="cka"))
    >>> ax.get_title()
    'CKA similarity'
    """
    check_kind(table, ["compare"], ("x_layer", "y_layer"))
    name, grid = select_variable(
        table,
        measure,
        quantity,
        (*get_args(Quantity), *get_args(InferredQuantity), *CEILING_WORDS),
    )
    table = table.transpose("x_layer", "y_layer", ...)
    values = grid.transpose("x_layer", "y_layer").to_numpy()
    areas = table["y_layer"].to_numpy().tolist()
    layers = table["x_layer"].to_numpy().tolist()

    ax = axes_to_draw_into(ax, 2.6 + 0.4 * min(max(len(layers), 6), 30), 3.8)
    positions = np.arange(len(layers))
    colours = ordered_colours(len(areas))
    for line, area, colour in zip(values.T, areas, colours, strict=True):
        ax.plot(
            positions,
            line,
            color=colour,
            marker="o",
            markersize=sized(5),
            markeredgecolor="white",
            markeredgewidth=sized(0.5),
            label=area,
            clip_on=False,
        )
    notes = []
    low, high = (
        inferred_values(table, name, key, quantity)
        if quantity in ("similarity", "distance", "corrected")
        else None
        for key in ("low", "high")
    )
    if low is not None and high is not None:
        notes.append("bars: 95 % interval of the population value")
        for lower, upper, colour in zip(low.T, high.T, colours, strict=True):
            ax.vlines(positions, lower, upper, color=colour, linewidth=sized(1.2))
    ceiling = ceiling_variable(name, quantity)
    if ceiling in table:
        notes.append("dashed: ceiling, with its interval")
        for i, colour in enumerate(colours):
            ax.axhline(
                table[ceiling].to_numpy()[i], color=colour, linestyle="--", linewidth=sized(1.2)
            )
            ends = [table[f"{ceiling}_{end}"].to_numpy()[i] for end in ("low", "high")]
            if np.isfinite(ends).all():
                ax.axhspan(*ends, color=colour, alpha=0.12, linewidth=0)
    elif quantity in CEILING_WORDS:
        ax.axhline(1, color="0.4", linestyle="--", linewidth=sized(1.2))
    ax.set_xticks(positions, [str(x) for x in layers], rotation=45, ha="right", parse_math=False)
    least, greatest = bounds(grid.attrs["range"], values)
    finite = values[np.isfinite(values)]
    ax.set_ylim(min(max(least, 0.0), float(finite.min(initial=0.0))), greatest)
    style_lines(ax)
    words = f"{quantity} similarity" if quantity in get_args(InferredQuantity) else quantity
    words = CEILING_WORDS.get(quantity, words)
    x_name, y_name = side_labels(table)
    ax.set_xlabel("\n".join([f"layer of {x_name}", *notes]), parse_math=False)
    ax.set_ylabel(label_of(grid, words))
    ax.set_title(f"{display_name(name)} {words}")
    add_colour_key(ax, areas, colours, f"layer of {y_name}")
    return ax
