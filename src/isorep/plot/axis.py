"""What every figure needs of a measure: its numbers, the range of its axis, and its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from isorep._utils.validation import unknown_name

if TYPE_CHECKING:
    import xarray

Quantity = Literal["similarity", "distance"]

Told = Literal["corrected", "calibrated"]
"""Similarities that a table holds where it was asked how far to trust it."""


def bounds(whole: Sequence[float], values: ArrayLike) -> tuple[float, float]:
    """Return a measure's range, ended by the greatest of `values` where it has no end.

    Examples
    --------
    >>> bounds((0.0, 1.0), [0.2, 0.5]), bounds((0.0, np.inf), [3.0, np.nan, 70.0])
    ((0.0, 1.0), (0.0, 70.0))
    """
    low, high = (float(bound) for bound in whole)
    if np.isfinite(high):
        return low, high
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    greatest = float(finite.max()) if finite.size else low
    return low, greatest if greatest > low else low + 1.0


def described(quantity: str, units: str) -> str:
    """Name a quantity, its units and its direction.

    Examples
    --------
    >>> described("pwcca distance", "1"), described("similarity", "1")
    ('pwcca distance, 0 is the same', 'similarity, 1 is the same')
    >>> described("distance", "radians")
    'distance (radians), 0 is the same'
    """
    same = "0 is the same" if quantity.endswith("distance") else "1 is the same"
    return f"{quantity}, {same}" if units == "1" else f"{quantity} ({units}), {same}"


def chosen(
    table: xarray.Dataset,
    measure: str | None,
    quantity: Quantity | Told,
    known: Sequence[str] = get_args(Quantity),
) -> tuple[str, xarray.DataArray]:
    """Return the measure to draw, by default the table's first, and its variable."""
    if "measures" not in getattr(table, "attrs", {}):
        raise TypeError(
            "expected the table of isorep.compare, isorep.pairwise or isorep.trajectory, got "
            f"{type(table).__name__}"
        )
    measures = np.atleast_1d(table.attrs["measures"]).tolist()
    name = measures[0] if measure is None else measure
    if name not in measures:
        raise ValueError(unknown_name("measure of this table", name, measures))
    if quantity not in known:
        raise ValueError(unknown_name("quantity", str(quantity), known))
    variable = name if quantity == "similarity" else f"{name}_{quantity}"
    if variable not in table:
        asked = "correct=True" if quantity == "corrected" else "chance=True"
        raise ValueError(
            f"the table holds no {quantity} similarity: compare with {asked}, or on the shell with "
            f"--{asked.partition('=')[0]}"
        )
    return name, table[variable]
