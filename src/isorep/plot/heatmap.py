"""Heatmap: a layer-by-layer table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import numpy as np

from isorep.plot.axis import Quantity, Told, bounds, chosen, described

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_NUMBERS = 15
"""Layers a side up to which each cell carries its number."""

NOT_ABOVE_CHANCE = 0.05
"""Adjusted p-value over which a cell counts as no more alike than unrelated data."""

MOST_NAMES = 40
"""Layers a side up to which each has its name and the figure grows; past it, some go unnamed."""


def heatmap(
    table: xarray.Dataset,
    measure: str | None = None,
    *,
    quantity: Quantity | Told = "similarity",
    ax: Axes | None = None,
) -> Axes:
    """Draw a layer-by-layer table, one cell a pair of layers.

    The colours span the measure's whole range, so that two pictures of one measure can be compared;
    a range without end is cut at the greatest value. Layers run left to right and bottom to top in
    execution order. Cells that could not be computed are grey and hatched. Where the table tells
    chance (`isorep.compare` with ``chance=True``), cells that are not above it are hatched over
    their colour: those with ``p_adjusted`` over 0.05.

    Parameters
    ----------
    table : xarray.Dataset
        What `isorep.compare` returns.
    measure : str, optional
        Which of the table's measures; the first by default.
    quantity : {"similarity", "distance", "corrected", "calibrated"}
        Which direction to draw; or, of a table that tells them, the similarity corrected for the
        number of samples, or calibrated so that chance is 0.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        When the table is not that of `isorep.compare`, or does not hold the measure or quantity.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {f"conv{i}": np.random.default_rng(i).standard_normal((99, 5)) for i in range(3)}
    >>> ax = isorep.plot.heatmap(isorep.compare(a, a, measures="cka"))
    >>> ax.get_title()
    'cka similarity'
    """
    name, grid = chosen(table, measure, quantity, (*get_args(Quantity), *get_args(Told)))
    if grid.dims != ("x_layer", "y_layer"):
        raise ValueError(
            "expected the table of isorep.compare, over x_layer and y_layer; this one is over "
            f"{', '.join(map(str, grid.dims))}: see isorep.plot.clusters for isorep.pairwise and "
            "isorep.plot.dynamics for isorep.trajectory"
        )
    values = grid.to_numpy()
    rows, columns = values.shape

    if ax is None:
        from matplotlib import pyplot

        wide, high = (min(max(count, 4), MOST_NAMES) for count in (columns, rows))
        size = (2.6 + 0.52 * wide, 1.8 + 0.45 * high)
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    least, most = bounds(grid.attrs["range"], values)
    image = ax.imshow(
        np.ma.masked_invalid(values),
        # Light is alike in both directions.
        cmap="viridis_r" if quantity == "distance" else "viridis",
        vmin=least,
        vmax=most,
        origin="lower",
        aspect="equal" if rows == columns else "auto",
    )
    for i, j in np.argwhere(np.isnan(values)):
        _hatch(ax, int(j), int(i), "0.93")
    chance = f"{name}_p_adjusted"
    if chance in table:
        for i, j in np.argwhere((table[chance].to_numpy() > NOT_ABOVE_CHANCE) & ~np.isnan(values)):
            _hatch(ax, int(j), int(i), "none")
    if max(rows, columns) <= MOST_NUMBERS:
        digits = ".2f" if np.isfinite(grid.attrs["range"][1]) else ".3g"
        _write_numbers(ax, values, (least + most) / 2, digits, dark_is_low=quantity != "distance")
    # Names are shown as they are: a dollar sign in one is no formula.
    at, names = _some(table["y_layer"].to_numpy().tolist())
    ax.set_xticks(at, names, rotation=45, ha="right", parse_math=False)
    at, names = _some(table["x_layer"].to_numpy().tolist())
    ax.set_yticks(at, names, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    title = quantity if quantity in get_args(Quantity) else f"similarity, {quantity}"
    ax.set(xlabel="layer of y", ylabel="layer of x", title=f"{name} {title}")
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(image, ax=ax, label=_label(quantity, grid.attrs["units"], chance in table))
    return ax


def _some(names: Sequence[object]) -> tuple[range, list[str]]:
    """Choose which layers to name, evenly, and where they are."""
    at = range(0, len(names), -(-len(names) // MOST_NAMES))
    return at, [str(names[i]) for i in at]


def _label(quantity: str, units: str, told: bool) -> str:
    words = {"calibrated": "0 is chance, 1 is the same", "corrected": "corrected, 1 is the same"}
    label = words.get(quantity) or described(quantity, units)
    return f"{label}; hatched: chance" if told else label


def _hatch(ax: Axes, column: int, row: int, colour: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="0.6", hatch="///", lw=0
        )
    )


def _write_numbers(
    ax: Axes,
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    middle: float,
    digits: str,
    *,
    dark_is_low: bool,
) -> None:
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            on_dark = (value < middle) == dark_is_low
            ax.text(
                j,
                i,
                f"{value:{digits}}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if on_dark else "black",
            )
