"""Export: tables of `isorep.compare` and `isorep.contrasts` as JSON and CSV, for other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._utils.printable import as_text_cells, encodable
from isorep.comparison.inferred import CONTRASTED, INFERRED
from isorep.comparison.provenance import provenance_content

if TYPE_CHECKING:
    import xarray

JSON_ATTRIBUTES = ("a", "b", "n_omitted", "precision", "precision_error")
"""Attributes of a table that JSON has, where the table has them."""


def to_json(table: xarray.Dataset) -> str:
    """Return a table of `isorep.compare` as JSON: each variable is a nested list.

    NaN, and an infinite end of a range, are null.

    Examples
    --------
    >>> import json, numpy as np, isorep
    >>> a = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    >>> written = json.loads(to_json(isorep.compare(a, a, measures="cka")))
    >>> written["x_layers"], round(written["measures"]["cka"]["similarity"][0][0], 9)
    (['fc'], 1.0)
    """
    content: dict[str, Any] = {
        "kind": table.attrs["kind"],
        "isorep_version": table.attrs["isorep_version"],
        **{key: table.attrs[key] for key in JSON_ATTRIBUTES if key in table.attrs},
        **provenance_content(table),
        "x_layers": table["x_layer"].to_numpy().tolist(),
        "y_layers": table["y_layer"].to_numpy().tolist(),
        "measures": {
            measure: {
                "similarity": _nested(table[measure]),
                "distance": _nested(table[f"{measure}_distance"]),
                "similarity_range": _range(table[measure]),
                "distance_range": _range(table[f"{measure}_distance"]),
                "distance_units": table[f"{measure}_distance"].attrs["units"],
                "symmetric": bool(table[measure].attrs["symmetric"]),
                "direction": table[measure].attrs["direction"],
                "options": json.loads(table[measure].attrs["options"]),
                "description": table[measure].attrs["long_name"],
                "reference": table[measure].attrs["reference"],
                **{name: _nested(table[f"{measure}_{name}"]) for name in _inferred(table)},
            }
            for measure in table.attrs["measures"]
        },
        **{
            name: table[name].to_numpy().tolist()
            for name in ("x_rank", "y_rank", "n_samples", "warnings", "reason")
        },
        **({"n_significant": _nested(table["n_significant"])} if _inferred(table) else {}),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def to_csv(table: xarray.Dataset) -> str:
    """Return a table of `isorep.compare` as CSV: one line for each pair of layers and measure.

    NaN is empty. A text that begins like a formula of a spreadsheet gets an apostrophe before it.
    Columns ``a`` and ``b`` name the networks, where their names are known.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    >>> print(to_csv(isorep.compare(a, a, measures="cka")).splitlines()[0])
    x_layer,y_layer,measure,similarity,distance,n_samples,x_rank,y_rank,warnings,reason
    """
    import pandas

    names = _inferred(table)
    layers = {dim: [*map(encodable, map(str, table[dim].values))] for dim in ("x_layer", "y_layer")}
    table = table.assign_coords(layers)
    sides = {side: encodable(table.attrs[side]) for side in ("a", "b") if side in table.attrs}
    shared = ["n_samples", "x_rank", "y_rank", "warnings", "reason"]
    significant = ["n_significant"] if names else []
    frames = []
    for measure in table.attrs["measures"]:
        variables = {measure: "similarity", f"{measure}_distance": "distance"}
        variables |= {f"{measure}_{name}": name for name in names}
        frame = (
            table[[*variables, *shared, *significant]]
            .rename(variables)
            .to_dataframe(dim_order=["x_layer", "y_layer"])
            .reset_index()
            .assign(measure=measure, **sides)
        )
        frames.append(frame)
    # The lines of a cell stay in one line of the file.
    rows = pandas.concat(frames).replace({"warnings": {"\n": "; "}}, regex=True)
    columns = ["x_layer", "y_layer", "measure", "similarity", "distance"]
    columns += [*shared, *sides, *names, *significant]
    # Stable: the measures of a pair stay in their order.
    rows = rows.sort_index(kind="stable")
    return as_text_cells(rows).to_csv(columns=columns, index=False, lineterminator="\n")


def contrasts_to_csv(table: xarray.Dataset) -> str:
    """Return a table of `isorep.contrasts` as CSV: one line for each cell and measure.

    NaN is empty. A text that begins like a formula of a spreadsheet gets an apostrophe before it.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y, z = ({"fc": np.random.default_rng(i).standard_normal((99, 3))} for i in range(3))
    >>> table = isorep.contrasts(x, z, y, measures="cka_debiased", progress=False)
    >>> print(contrasts_to_csv(table).splitlines()[0])
    x_layer,other_layer,y_layer,measure,difference,low,high,p_value,p_adjusted,warnings,reason
    """
    import pandas

    dims = ["x_layer", "other_layer", "y_layer"]
    layers = {dim: [*map(encodable, map(str, table[dim].values))] for dim in dims}
    table = table.assign_coords(layers)
    frames = []
    for measure in table.attrs["measures"]:
        variables = {f"{measure}_{name}": name for name in CONTRASTED}
        frame = table[[*variables, "warnings", "reason"]].rename(variables)
        frames.append(frame.to_dataframe(dim_order=dims).reset_index().assign(measure=measure))
    rows = pandas.concat(frames).replace({"warnings": {"\n": "; "}}, regex=True)
    columns = [*dims, "measure", *CONTRASTED, "warnings", "reason"]
    rows = rows.sort_index(kind="stable")  # the measures of a cell stay in their order
    return as_text_cells(rows).to_csv(columns=columns, index=False, lineterminator="\n")


def _inferred(table: xarray.Dataset) -> list[str]:
    """Return what a table infers for its measures, which is the same for all of them."""
    measure = table.attrs["measures"][0]
    return [name for name in INFERRED if f"{measure}_{name}" in table]


def _nested(values: xarray.DataArray) -> list[list[float | None]]:
    rows = values.to_numpy().tolist()
    return [[None if np.isnan(value) else value for value in row] for row in rows]


def _range(values: xarray.DataArray) -> list[float | None]:
    return [bound if np.isfinite(bound) else None for bound in values.attrs["range"]]
