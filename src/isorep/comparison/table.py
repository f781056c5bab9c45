"""Table: the variables of a table of comparisons, their attributes, and the Dataset they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from isorep._utils.version import __version__
from isorep.comparison.inferred import INFERRED, NOTHING, OF_ALL_CELLS, InferenceOptions
from isorep.measures.base import Measure

if TYPE_CHECKING:
    import xarray

Kind = Literal["compare", "pairwise", "trajectory", "diff", "contrasts"]
"""The function that makes a table, as ``table.attrs["kind"]`` says it."""

Arrays = dict[str, NDArray[Any]]
"""The cells of a table, by variable."""


def empty_arrays(
    shape: Sequence[int], measures: Sequence[Measure], options: InferenceOptions = NOTHING
) -> Arrays:
    """Return the cells of a table before any is filled: numbers are NaN, texts are empty.

    The p-values that need all cells are missing; see `isorep.comparison.grid.with_all_cells`.
    """
    return {
        **{name: np.full(shape, np.nan) for name in cell_variables(measures, options)},
        "n_samples": np.zeros(shape, dtype=np.int64),
        "warnings": np.full(shape, "", dtype=object),
        "reason": np.full(shape, "", dtype=object),
    }


def make_table(
    coords: Mapping[str, Any],
    arrays: Arrays,
    measures: Sequence[Measure],
    ranks: Mapping[str, Any],
    attrs: Mapping[str, Any],
    options: InferenceOptions = NOTHING,
) -> xarray.Dataset:
    """Return the table of filled cells.

    Parameters
    ----------
    coords
        Dimension to labels, in the order of the arrays' axes.
    arrays
        Cells, as `empty_arrays` returns them.
    measures, options
        What the cells were compared by, and what was inferred.
    ranks
        Variables with the ranks of layers.
    attrs
        Attributes of the table; see `table_attributes`.

    Raises
    ------
    ValueError
        When no cell holds a number.
    """
    import xarray

    scores, inferred = score_variables(measures), inferred_variables(measures, options)
    if all(np.isnan(arrays[name]).all() for name in scores):
        raise nothing_compared(arrays["reason"].ravel())
    dims = tuple(coords)
    significant = ["n_significant"] if "n_significant" in arrays else []
    return xarray.Dataset(
        {
            **{name: (dims, arrays[name], about) for name, about in (scores | inferred).items()},
            **{name: (dims, arrays[name]) for name in significant},
            **ranks,
            "n_samples": (dims, arrays["n_samples"]),
            "warnings": (dims, arrays["warnings"].astype(str)),
            "reason": (dims, arrays["reason"].astype(str)),
        },
        coords=coords,
        attrs=attrs,
    )


def score_variables(measures: Iterable[Measure]) -> dict[str, dict[str, Any]]:
    """Return the names of the variables with similarities and distances, and their attributes."""
    variables = {}
    for measure in measures:
        variables[measure.label] = _attributes(measure, "similarity")
        variables[distance_variable(measure)] = _attributes(measure, "distance") | {
            "range": measure.distance_range,
            "units": measure.distance.units,
        }
    return variables


def inferred_variables(
    measures: Iterable[Measure], options: InferenceOptions
) -> dict[str, dict[str, Any]]:
    """Return the names of the variables that are inferred, and their attributes."""
    return {
        f"{measure.label}_{name}": _attributes(measure, name) | {"long_name": INFERRED[name]}
        for measure in measures
        for name in options.names
    }


def distance_variable(measure: Measure) -> str:
    """Return the name of the variable with a measure's distances."""
    return f"{measure.label}_distance"


def cell_variables(measures: Sequence[Measure], options: InferenceOptions) -> list[str]:
    """Return the names of the float variables of which each cell is computed alone."""
    names = [*score_variables(measures)]
    names += [
        f"{measure.label}_{name}"
        for measure in measures
        for name in options.names
        if name not in OF_ALL_CELLS
    ]
    names += ["n_significant"] if options.names else []
    names += [standardized_variable(measure) for measure in measures] if options.chance else []
    return names


def standardized_variable(measure: Measure) -> str:
    """Return the name of the cells with a measure's standardized similarities.

    They are not part of a table: `isorep.comparison.inferred.of_all_cells` needs them.
    """
    return f"{measure.label}_standardized"


def table_attributes(kind: Kind, measures: Iterable[Measure]) -> dict[str, Any]:
    """Return the attributes that every table has."""
    return {
        "kind": kind,
        "isorep_version": __version__,
        "measures": [measure.label for measure in measures],
    }


def nothing_compared(reasons: Iterable[str]) -> ValueError:
    """Return the error for a table without a single number."""
    distinct = list(dict.fromkeys(reasons))
    shown = "; ".join(distinct[:3]) + ("; ..." if len(distinct) > 3 else "")
    return ValueError(f"no pair of layers could be compared: {shown}")


def _attributes(measure: Measure, quantity: str) -> dict[str, Any]:
    return {
        "measure": measure.label,
        "options": json.dumps(measure.options),
        "direction": measure.direction,
        "quantity": quantity,
        "range": measure.similarity_range,
        "units": "1",
        "symmetric": int(measure.symmetric),
        "long_name": measure.description,
        "reference": measure.reference,
    }
