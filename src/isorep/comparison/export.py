"""Export: a comparison as JSON and CSV, for other programs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray


_COLUMNS = (
    *("x_layer", "y_layer", "measure", "similarity", "distance"),
    *("n_samples", "x_rank", "y_rank", "warnings", "reason"),
)


def to_json(table: xarray.Dataset) -> str:
    """Return what `isorep.compare` found as JSON: each variable as a nested list.

    NaN, and the end of a range without end, are null.

    Examples
    --------
    >>> import json, numpy as np, isorep
    >>> a = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    >>> found = json.loads(to_json(isorep.compare(a, a, measures="cka")))
    >>> found["x_layers"], round(found["measures"]["cka"]["similarity"][0][0], 9)
    (['fc'], 1.0)
    """
    found: dict[str, Any] = {
        "isorep_version": table.attrs["isorep_version"],
        "x_layers": table["x_layer"].to_numpy().tolist(),
        "y_layers": table["y_layer"].to_numpy().tolist(),
        "measures": {
            name: {
                "similarity": _nested(table[name]),
                "distance": _nested(table[f"{name}_distance"]),
                "similarity_range": _range(table[name]),
                "distance_range": _range(table[f"{name}_distance"]),
                "distance_units": table[f"{name}_distance"].attrs["units"],
                "symmetric": bool(table[name].attrs["symmetric"]),
                "reference": table[name].attrs["reference"],
                **{key: _nested(table[f"{name}_{key}"]) for key in _told(table, name)},
            }
            for name in table.attrs["measures"]
        },
        **{
            name: table[name].to_numpy().tolist()
            for name in ("x_rank", "y_rank", "n_samples", "warnings", "reason")
        },
        **({"n_significant": _nested(table["n_significant"])} if "n_significant" in table else {}),
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _told(table: xarray.Dataset, name: str) -> list[str]:
    """Name what a table tells of how far to trust a measure; the same for all its measures."""
    keys = ("corrected", "low", "high", "chance", "calibrated", "p_value", "p_adjusted")
    return [key for key in keys if f"{name}_{key}" in table]


def _nested(values: xarray.DataArray) -> list[list[float | None]]:
    rows = values.to_numpy().tolist()
    return [[None if np.isnan(value) else value for value in row] for row in rows]


def _range(values: xarray.DataArray) -> list[float | None]:
    return [bound if np.isfinite(bound) else None for bound in values.attrs["range"]]


def to_csv(table: xarray.Dataset) -> str:
    """Return what `isorep.compare` found as CSV: one line a pair of layers and measure.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    >>> print(to_csv(isorep.compare(a, a, measures="cka")).splitlines()[0])
    x_layer,y_layer,measure,similarity,distance,n_samples,x_rank,y_rank,warnings,reason
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = table.attrs["measures"]
    told = _told(table, names[0])
    writer.writerow([*_COLUMNS, *told, *(["n_significant"] if told else [])])
    # One array a variable: looking each number up in the table takes far longer than computing it.
    arrays = {str(name): table[name].to_numpy() for name in table.variables}
    for i, x_layer in enumerate(arrays["x_layer"]):
        for j, y_layer in enumerate(arrays["y_layer"]):
            for name in names:
                writer.writerow(
                    [
                        x_layer,
                        y_layer,
                        name,
                        _number(arrays[name][i, j]),
                        _number(arrays[f"{name}_distance"][i, j]),
                        arrays["n_samples"][i, j],
                        arrays["x_rank"][i],
                        arrays["y_rank"][j],
                        arrays["warnings"][i, j],
                        arrays["reason"][i, j],
                        *(_number(arrays[f"{name}_{key}"][i, j]) for key in told),
                        *([_number(arrays["n_significant"][i, j])] if told else []),
                    ]
                )
    return out.getvalue()


def _number(value: np.float64) -> str:
    """Write a number so that it reads back as itself; an unknown one is empty."""
    return "" if np.isnan(value) else repr(float(value))
