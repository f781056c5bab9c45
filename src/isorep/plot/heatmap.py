"""Heatmap: a layer-by-layer table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isorep.plot._axis import Quantity, bounds, chosen, described

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_NUMBERS = 15
"""Layers a side up to which each cell carries its number."""

MOST_NAMES = 40
"""Layers a side up to which each has its name and the figure grows; past it, some go unnamed."""


def heatmap(
    table: xarray.Dataset,
    measure: str | None = None,
    *,
    quantity: Quantity = "similarity",
    ax: Axes | None = None,
) -> Axes:
    """Draw a layer-by-layer table, one cell a pair of layers.

    The colours span the measure's whole range, so that two pictures of one measure can be compared;
    a range without end is cut at the greatest value. Layers run left to right and bottom to top in
    execution order. Cells that could not be computed are hatched.

    Parameters
    ----------
    table : xarray.Dataset
        What `isorep.compare` returns.
    measure : str, optional
        Which of the table's measures; the first by default.
    quantity : {"similarity", "distance"}
        Which direction to draw.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When the table does not hold the measure, or `quantity` is neither direction.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {f"conv{i}": np.random.default_rng(i).standard_normal((99, 5)) for i in range(3)}
    >>> ax = isorep.plot.heatmap(isorep.compare(a, a, measures="cka"))
    >>> ax.get_title()
    'cka similarity'
    """
    name, grid = chosen(table, measure, quantity)
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
        cmap="viridis" if quantity == "similarity" else "viridis_r",
        vmin=least,
        vmax=most,
        origin="lower",
        aspect="equal" if rows == columns else "auto",
    )
    for i, j in np.argwhere(np.isnan(values)):
        _hatch(ax, int(j), int(i))
    if max(rows, columns) <= MOST_NUMBERS:
        digits = ".2f" if np.isfinite(grid.attrs["range"][1]) else ".3g"
        _write_numbers(ax, values, (least + most) / 2, digits, dark_is_low=quantity == "similarity")
    # Names are shown as they are: a dollar sign in one is no formula.
    at, names = _some(table["y_layer"].to_numpy().tolist())
    ax.set_xticks(at, names, rotation=45, ha="right", parse_math=False)
    at, names = _some(table["x_layer"].to_numpy().tolist())
    ax.set_yticks(at, names, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="layer of y", ylabel="layer of x", title=f"{name} {quantity}")
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(image, ax=ax, label=described(quantity, grid.attrs["units"]))
    return ax


def _some(names: Sequence[object]) -> tuple[range, list[str]]:
    """Choose which layers to name, evenly, and where they are."""
    at = range(0, len(names), -(-len(names) // MOST_NAMES))
    return at, [str(names[i]) for i in at]


def _hatch(ax: Axes, column: int, row: int) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5), 1, 1, facecolor="0.93", edgecolor="0.6", hatch="///", lw=0
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
