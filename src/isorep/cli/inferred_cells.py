"""Inferred cells: what a table says beside similarities, as the shell prints it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from isorep.cli.output import new_table, shown

if TYPE_CHECKING:
    import xarray
    from rich.console import Console
    from rich.table import Table

_COLUMNS = {
    "corrected": "corrected",
    "low": "low",
    "high": "high",
    "chance": "chance",
    "calibrated": "calibrated",
    "p_adjusted": "p",
    "p_max": "p_max",
}
"""Heading of each inferred variable."""


def cell_listing(
    table: xarray.Dataset, measure: str, dims: Sequence[str], headings: Sequence[str]
) -> Table:
    """List what was inferred for a measure, one row for each cell.

    Parameters
    ----------
    table, measure
        The table and its measure.
    dims, headings
        Dimensions of the table, and the headings of the columns with their labels.
    """
    columns = {key: text for key, text in _COLUMNS.items() if f"{measure}_{key}" in table}
    listing = new_table(
        *headings, "raw", *columns.values(), "significant", n_text_columns=len(dims)
    )
    for labels in product(*(table[dim].to_numpy() for dim in dims)):
        cell = table.sel(dict(zip(dims, labels, strict=True)))
        listing.add_row(
            *map(shown, labels),
            f"{cell[measure].item():.3f}",
            *(f"{cell[f'{measure}_{key}'].item():.3f}" for key in columns),
            f"{cell['n_significant'].item():.0f}",
        )
    return listing


def print_legend(console: Console, table: xarray.Dataset) -> None:
    """Print what the columns of listings mean, if there is anything to explain."""
    if "n_significant" not in table:
        return
    console.print("significant: number of canonical correlations above the edge of noise")
    if any(f"{name}_p_adjusted" in table for name in table.attrs["measures"]):
        console.print("p: p-value, adjusted for the number of cells (false discovery rate)")
        console.print("p_max: p-value against the largest of all cells of unrelated data")
