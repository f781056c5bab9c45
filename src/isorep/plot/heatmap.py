"""Heatmap: a layer-by-layer table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from isorep.plot.axis import (
    CEILING_WORDS,
    CeilingQuantity,
    InferredQuantity,
    Quantity,
    bounds,
    check_kind,
    display_name,
    label_of,
    select_variable,
    side_labels,
)
from isorep.plot.frame import axes_to_draw_into, figure_of, with_shared_parameters
from isorep.plot.style import letters

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MOST_NUMBERS = 15
"""Largest number of layers per side at which each cell shows its number."""

NOT_ABOVE_CHANCE = 0.05
"""Adjusted p-value above which a cell does not differ from unrelated data."""

_SMALLEST_LETTERS = 4
"""Points below which numbers are not written."""

_PART_OF_FIGURE = 0.75
"""Share of the room of axes that the cells have; names and the colour bar have the rest."""

CEILING_GAP = 0.4
"""Distance of the row of ceilings from the layers, in cells."""

MOST_NAMES = 40
"""Largest number of layers per side at which each layer is named and the figure still grows."""


@with_shared_parameters
def heatmap(
    table: xarray.Dataset,
    measure: str | None = None,
    *,
    quantity: Quantity | InferredQuantity | CeilingQuantity = "similarity",
    ax: Axes | None = None,
) -> Axes:
    """Draw a layer-by-layer table, one cell for each pair of layers.

    The colours span the whole range of the measure, so that two pictures of one measure are
    comparable. If the range is infinite, it is cut at the greatest value. Layers are in execution
    order, from left to right and from bottom to top. Cells that could not be computed are grey and
    hatched. If the table was made with ``chance=True``, cells that are not above chance
    (``p_adjusted`` over 0.05) are hatched over their colour. If it has ceilings (see
    `isorep.inference.with_ceilings`), the row above the similarities shows them.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.compare`, or `Diff.grid` of `isorep.diff`, whose numbers are on the
        diagonal.
    {measure}
    quantity : {"similarity", "distance", "corrected", "calibrated", "of_ceiling", \
"corrected_of_ceiling"}
        Numbers to draw. "corrected" is the similarity corrected for finite-sample bias,
        "calibrated" the similarity rescaled so that chance is 0, "of_ceiling" the similarity as a
        share of its ceiling; the table must hold them.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If the table is of another kind, or lacks the measure or the quantity.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {f"conv{i}": np.random.default_rng(i).standard_normal((99, 5)) for i in range(3)}
    >>> ax = isorep.plot.heatmap(isorep.compare(a, a, measures="cka"))
    >>> ax.get_title()
    'CKA similarity'
    """
    check_kind(table, ["compare", "diff"], ("x_layer", "y_layer"))
    name, grid = select_variable(
        table,
        measure,
        quantity,
        (*get_args(Quantity), *get_args(InferredQuantity), *CEILING_WORDS),
    )
    values = grid.to_numpy()
    rows, columns = values.shape

    width, height = (min(max(count, 4), MOST_NAMES) for count in (columns, rows))
    ax = axes_to_draw_into(ax, 2.6 + 0.52 * width, 1.8 + 0.45 * height)
    low, high = bounds(grid.attrs["range"], values)
    image = ax.imshow(
        np.ma.masked_invalid(values),
        # Light means similar for every quantity.
        cmap="viridis_r" if quantity == "distance" else "viridis",
        vmin=low,
        vmax=high,
        origin="lower",
        aspect="equal" if rows == columns else "auto",
    )
    for i, j in np.argwhere(np.isnan(values)):
        _hatch(ax, int(j), int(i), "0.93")
    p_adjusted = f"{name}_p_adjusted"
    tests_chance = p_adjusted in table
    if tests_chance:
        not_above = (table[p_adjusted].to_numpy() > NOT_ABOVE_CHANCE) & ~np.isnan(values)
        for i, j in np.argwhere(not_above):
            _hatch(ax, int(j), int(i), "none")
    if max(rows, columns) <= MOST_NUMBERS:
        digits = ".2f" if np.isfinite(grid.attrs["range"][1]) else ".3g"
        _write_numbers(ax, values, (low + high) / 2, digits, dark_is_low=quantity != "distance")
    ceiling = ceiling_variable(name, quantity)
    has_ceilings = ceiling in table
    if has_ceilings:
        _draw_ceilings(ax, image, table[ceiling].to_numpy(), rows, max(rows, columns))
    # Matplotlib would read a name with dollar signs as a formula.
    positions, names = _evenly_chosen(table["y_layer"].to_numpy().tolist())
    ax.set_xticks(positions, names, rotation=45, ha="right", parse_math=False)
    positions, names = _evenly_chosen(table["x_layer"].to_numpy().tolist())
    if has_ceilings:
        ax.set_yticks([*positions, rows + CEILING_GAP], [*names, "ceiling"], parse_math=False)
    else:
        ax.set_yticks(positions, names, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    words = f"{quantity} similarity" if quantity in get_args(InferredQuantity) else quantity
    words = CEILING_WORDS.get(quantity, words)
    x_name, y_name = side_labels(table)
    ax.set_xlabel(f"layer of {y_name}", parse_math=False)
    ax.set_ylabel(f"layer of {x_name}", parse_math=False)
    ax.set_title(f"{display_name(name)} {words}")
    hatched = "\nhatched: not above chance" if tests_chance else ""
    figure_of(ax).colorbar(image, ax=ax, label=label_of(grid, words) + hatched)
    return ax


def ceiling_variable(measure: str, quantity: str) -> str:
    """Return the variable of a table with the ceilings of a quantity; "" if it has none.

    Examples
    --------
    >>> ceiling_variable("cka", "similarity"), ceiling_variable("cka", "corrected")
    ('cka_ceiling', 'cka_corrected_ceiling')
    """
    prefixes = {"similarity": measure, "corrected": f"{measure}_corrected"}
    return f"{prefixes[quantity]}_ceiling" if quantity in prefixes else ""


def _draw_ceilings(
    ax: Axes, image: AxesImage, ceilings: NDArray[np.float64], rows: int, most: int
) -> None:
    """Draw a row of ceilings above the layers, in the colours of the image."""
    top = rows + CEILING_GAP
    low, high = image.get_clim()
    ax.imshow(
        np.ma.masked_invalid(ceilings[None]),
        cmap=image.get_cmap(),
        vmin=low,
        vmax=high,
        extent=(-0.5, len(ceilings) - 0.5, top - 0.5, top + 0.5),
        aspect=ax.get_aspect(),
        origin="lower",
    )
    ax.set_ylim(-0.5, top + 0.5)
    if most <= MOST_NUMBERS:
        _write_numbers(ax, ceilings[None], (low + high) / 2, ".2f", dark_is_low=True, bottom=top)


def _evenly_chosen(names: Sequence[object]) -> tuple[range, list[str]]:
    """Return the positions and names of at most `MOST_NAMES` layers, evenly spaced."""
    positions = range(0, len(names), -(-len(names) // MOST_NAMES))
    return positions, [str(names[i]) for i in positions]


def _hatch(ax: Axes, column: int, row: int, colour: str) -> None:
    """Hatch a cell over a background of this colour."""
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="0.6", hatch="///", lw=0
        )
    )


def _letters_that_fit(ax: Axes, texts: Sequence[str]) -> float:
    """Return the size of letters, in points, at which the longest text fits into a cell."""
    columns = abs(np.diff(ax.get_xlim()).item())
    room = ax.get_position().width * figure_of(ax).get_size_inches()[0] * _PART_OF_FIGURE
    characters = max(map(len, texts), default=1)
    return letters(min(8.0, 1.3 * 72 * room / columns / characters))


def _write_numbers(
    ax: Axes,
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    middle: float,
    digits: str,
    *,
    dark_is_low: bool,
    bottom: float = 0.0,
) -> None:
    """Write each number into its cell, in white if the cell is dark; the first row is at bottom.

    Letters are as large as the cells allow. Too small ones are left out.
    """
    size = _letters_that_fit(ax, [f"{value:{digits}}" for value in values.ravel().tolist()])
    if size < _SMALLEST_LETTERS:
        return
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            on_dark = (value < middle) == dark_is_low
            ax.text(
                j,
                bottom + i,
                f"{value:{digits}}",
                ha="center",
                va="center",
                fontsize=size,
                color="white" if on_dark else "black",
            )
