"""Grid view: the section of a table of `isorep.compare` or `isorep.diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isorep.comparison.read_result import INFERRED_SHOWN
from isorep.explorer.packing import ends, floats, names, texts
from isorep.inference.ceilings import CEILINGS
from isorep.plot.axis import bounds, display_name, side_labels
from isorep.plot.heatmap import NOT_ABOVE_CHANCE

if TYPE_CHECKING:
    import xarray


def layer_grid(table: xarray.Dataset, measures: list[str]) -> dict[str, Any]:
    """Return the section: the packed numbers of the table, with the cells in row-major order."""
    table = table.transpose("x_layer", "y_layer")
    x_name, y_name = side_labels(table)
    return {
        "kind": "grid",
        "x_name": x_name,
        "y_name": y_name,
        "x_layers": names(table["x_layer"].to_numpy().tolist()),
        "y_layers": names(table["y_layer"].to_numpy().tolist()),
        "x_rank": table["x_rank"].to_numpy().tolist(),
        "y_rank": table["y_rank"].to_numpy().tolist(),
        "n_samples": floats(table["n_samples"]),
        "n_significant": floats(table["n_significant"]) if "n_significant" in table else None,
        "warnings": texts(table["warnings"].to_numpy()),
        "reason": texts(table["reason"].to_numpy()),
        "not_above_chance": NOT_ABOVE_CHANCE,
        "diagonal": table.attrs["kind"] == "diff",
        "threshold": table.attrs.get("fail_below"),
        "marks": table.attrs.get("marks", []),
        "unjudged": table.attrs.get("unjudged", []),
        "notes": table.attrs.get("notes", []),
        "explanations": table.attrs.get("explanations", []),
        "measures": [_measure(table, name) for name in measures],
    }


def _measure(table: xarray.Dataset, name: str) -> dict[str, Any]:
    similarity, distance = table[name], table[f"{name}_distance"]
    return {
        "name": name,
        "title": display_name(name),
        "description": similarity.attrs["long_name"],
        "direction": similarity.attrs["direction"],
        "units": distance.attrs["units"],
        "similarity_range": ends(bounds(similarity.attrs["range"], similarity)),
        "distance_range": ends(bounds(distance.attrs["range"], distance)),
        "similarity": floats(similarity),
        "distance": floats(distance),
        **{
            key: floats(table[f"{name}_{key}"])
            for key in INFERRED_SHOWN
            if f"{name}_{key}" in table
        },
        **_ceilings(table, name, similarity),
    }


def _ceilings(
    table: xarray.Dataset, name: str, similarity: xarray.DataArray
) -> dict[str, dict[str, Any]]:
    """Return the ceilings of each cell, if the table has them; see `with_ceilings`."""
    return {
        f"{prefix}{key}": floats(table[f"{name}_{prefix}{key}"].broadcast_like(similarity))
        for prefix in ("", "corrected_")
        for key in CEILINGS
        if f"{name}_{prefix}{key}" in table
    }
