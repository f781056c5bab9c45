"""Axis: the numbers of a measure in a table, the range of their axis and its label."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.validation import unknown_name
from isorep.measures.registry import measure_named

if TYPE_CHECKING:
    import xarray

_LONGEST_NAME = 40
"""Characters of the name of a network that a label shows."""

_LINE_LENGTH = 34
"""Characters of an axis label that fit beside the smallest figure."""

Quantity = Literal["similarity", "distance"]

InferredQuantity = Literal["corrected", "calibrated"]
"""Similarities that a table holds only if `isorep.compare` was asked for them."""

CeilingQuantity = Literal["of_ceiling", "corrected_of_ceiling"]
"""Similarities as shares of their ceilings, if a table has ceilings."""

CEILING_WORDS = {
    "of_ceiling": "share of the ceiling",
    "corrected_of_ceiling": "corrected share of the ceiling",
}
"""Names of these quantities."""


def bounds(value_range: Sequence[float], values: ArrayLike) -> tuple[float, float]:
    """Return the range of a measure; the greatest of `values` replaces an infinite end.

    Examples
    --------
    >>> bounds((0.0, 1.0), [0.2, 0.5]), bounds((0.0, np.inf), [3.0, np.nan, 70.0])
    ((0.0, 1.0), (0.0, 70.0))
    """
    low, high = (float(bound) for bound in value_range)
    if np.isfinite(high):
        return low, high
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    greatest = float(finite.max()) if finite.size else low
    return low, greatest if greatest > low else low + 1.0


def axis_label(quantity: str, units: str = "1", measure: str = "", direction: str = "") -> str:
    """Return an axis label: the quantity, its units, and which values are chance and identity.

    If the measure has a direction, the label begins with both. Long labels have several lines.

    Parameters
    ----------
    quantity : str
        Text that ends in "similarity", "distance" or "ceiling".
    units : str
        Units of the quantity; "1" for a plain number.
    measure : str
        Name of the measure in figures.
    direction : str
        Direction of the measure; empty if the measure is symmetric.

    Examples
    --------
    >>> axis_label("PWCCA distance"), axis_label("distance", "radians")
    ('PWCCA distance, 0 is the same', 'distance (radians), 0 is the same')
    >>> print(axis_label("calibrated similarity", "1", "linear regression", "y predicted from x"))
    linear regression
    (y predicted from x)
    calibrated similarity,
    0 is chance, 1 is the same
    """
    lines = _joined([measure, f"({direction})"]) if direction else []
    parts = [quantity.removeprefix(measure).strip() if direction else quantity]
    if units != "1":
        parts[0] += f" ({units})"
    if quantity.startswith("calibrated"):
        parts.append("0 is chance")
    if quantity.endswith("ceiling"):
        parts.append("1 is the ceiling")
    else:
        parts.append("0 is the same" if quantity.endswith("distance") else "1 is the same")
    parts[:-1] = [f"{part}," for part in parts[:-1]]
    return "\n".join([*lines, *_joined(parts)])


def _joined(parts: Sequence[str]) -> list[str]:
    """Join parts of a text to lines, with as many parts on a line as fit."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= _LINE_LENGTH:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def label_of(variable: xarray.DataArray, quantity: str) -> str:
    """Return the axis label of a variable of a table."""
    attrs = variable.attrs
    return axis_label(quantity, attrs["units"], display_name(attrs["measure"]), attrs["direction"])


def display_name(measure: str) -> str:
    """Return the name of a measure of a table in figures.

    A measure that is not registered in this process keeps the name that the table has.

    Examples
    --------
    >>> display_name("pwcca(weights_from=y)"), display_name("of_a_colleague")
    ('PWCCA (weights_from=y)', 'of_a_colleague')
    """
    try:
        return measure_named(measure).display_name
    except (TypeError, ValueError):
        return measure


def side_labels(table: xarray.Dataset) -> tuple[str, str]:
    """Return "x" and "y" with the names of both networks of `isorep.compare`, where known.

    The sides of `isorep.diff` are "base" and "changed". Of a long path the end is kept.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    >>> side_labels(isorep.compare(a, a).assign_attrs(a="runs/a.zarr"))
    ('x, runs/a.zarr', 'y')
    """
    is_diff = table.attrs.get("kind") == "diff"
    sides = (("base",) * 2, ("changed",) * 2) if is_diff else (("x", "a"), ("y", "b"))
    x, y = (
        f"{axis}, {name if len(name) <= _LONGEST_NAME else f'...{name[-_LONGEST_NAME:]}'}"
        if (name := str(table.attrs.get(side, "")))
        else axis
        for axis, side in sides
    )
    return x, y


def select_variable(
    table: xarray.Dataset,
    measure: str | None,
    quantity: Quantity | InferredQuantity | CeilingQuantity,
    known: Sequence[str] = get_args(Quantity),
) -> tuple[str, xarray.DataArray]:
    """Return the measure to draw, by default the table's first, and its variable."""
    measures = np.atleast_1d(table.attrs["measures"]).tolist()
    name = measures[0] if measure is None else measure
    if name not in measures:
        name = _label(name)
    if name not in measures:
        raise ValueError(unknown_name("measure of this table", name, measures))
    if quantity not in known:
        raise ValueError(unknown_name("quantity", str(quantity), known))
    variable = name if quantity == "similarity" else f"{name}_{quantity}"
    if variable not in table and quantity in CEILING_WORDS:
        raise ValueError(
            f"the table holds no {CEILING_WORDS[quantity]}: add ceilings with "
            "isorep.inference.with_ceilings(table, trials)"
        )
    if variable not in table:
        option = "correct" if quantity == "corrected" else "chance"
        raise ValueError(
            f"the table holds no {quantity} similarity: compare with {option}=True, or in the "
            f"shell with --{option}"
        )
    return name, table[variable]


def _label(spec: str) -> str:
    """Return the label of a measure; the spec itself if there is no such measure."""
    try:
        return measure_named(spec).label
    except (TypeError, ValueError):
        return spec


def inferred_values(
    table: xarray.Dataset, measure: str, key: str, quantity: str
) -> NDArray[np.float64] | None:
    """Return bounds of the interval, chance levels or ceilings, on the scale of a quantity.

    Parameters
    ----------
    table, measure
        A table and one of its measures.
    key
        "low", "high", "chance", "ceiling" or "corrected_ceiling".
    quantity
        "similarity", "corrected" or "distance". A distance falls when its similarity rises, so that
        its lower bound is that of the upper bound of the similarity.

    Returns
    -------
    array or None
        None if the table does not have it.
    """
    if quantity == "distance":
        key = {"low": "high", "high": "low"}.get(key, key)
    if f"{measure}_{key}" not in table:
        return None
    values: NDArray[np.float64] = table[f"{measure}_{key}"].to_numpy()
    if quantity != "distance":
        return values
    distance = measure_named(measure).distance.from_similarity
    flat = [nan if isnan(value) else distance(value) for value in values.ravel().tolist()]
    return np.reshape(flat, values.shape)


def check_kind(
    table: xarray.Dataset,
    kinds: Sequence[str],
    dims: Sequence[str],
    optional_dims: Sequence[str] = (),
) -> None:
    """Check that `table` was made by a function of isorep, and over which dimensions it is.

    Parameters
    ----------
    table : xarray.Dataset
        Argument of a plot, which may be anything.
    kinds : sequence of str
        Names of the functions whose tables can be drawn, as in ``table.attrs["kind"]``.
    dims : sequence of str
        Dimensions that the table must have.
    optional_dims : sequence of str
        Dimensions that it may have beside these.

    Raises
    ------
    TypeError
        If it is not a Dataset that isorep made.
    ValueError
        If another function made it, or its dimensions are others.
    """
    made = " or ".join(_TABLES.get(kind, f"isorep.{kind}") for kind in kinds)
    expected = f"expected a table of {made} over {', '.join([*dims, *optional_dims])}"
    made_by = getattr(table, "attrs", {}).get("kind")
    if made_by is None:
        raise TypeError(f"{expected}, got {type(table).__name__}")
    if made_by not in kinds:
        advice = f": draw it with isorep.plot.{_PLOTS[made_by]}" if made_by in _PLOTS else ""
        raise ValueError(f"{expected}, got a table of isorep.{made_by}{advice}")
    if not set(dims) <= set(table.sizes) <= {*dims, *optional_dims}:
        raise ValueError(f"{expected}; this table is over {', '.join(map(str, table.sizes))}")


_TABLES = {"diff": "isorep.diff(...).grid()"}
"""How to get a table to draw, where the function does not return it."""

_PLOTS = {
    "compare": "heatmap",
    "pairwise": "clusters",
    "trajectory": "dynamics",
    "sample_size_curve": "sample_size",
}
"""Plot for each kind of table."""
