"""Dynamics view: the section of a table of `isorep.trajectory` or `isorep.monitor.converged`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from isorep.explorer.packing import ends, floats, names, texts
from isorep.inference.jackknife import BLOCKS
from isorep.measures.registry import measure_named
from isorep.plot.axis import bounds, display_name, inferred_values
from isorep.plot.step_scale import is_geometric, log_positions

if TYPE_CHECKING:
    import xarray


def dynamics(table: xarray.Dataset, measures: list[str]) -> dict[str, Any]:
    """Return the section of `isorep.trajectory`: values of each state, with intervals if known."""
    table = table.transpose("step", "layer")
    return _section(
        table, table["warnings"], table["reason"], [_measure(table, name) for name in measures]
    )


def convergence(table: xarray.Dataset) -> dict[str, Any]:
    """Return the section of `isorep.monitor.converged`: also when each layer had converged."""
    table = table.transpose("step", "layer", ...)
    distance, level = table["distance"], float(table.attrs["level"])
    spec = measure_named(distance.attrs["measure"])
    error = stdtrit(BLOCKS - 1, (1 + level) / 2) * table["distance_error"]
    lowest, highest = spec.distance_range
    measure = {
        "name": spec.label,
        "title": spec.display_name,
        "description": spec.description,
        "direction": spec.direction,
        "units": distance.attrs["units"],
        "distance_range": ends(bounds(spec.distance_range, distance)),
        "distance": floats(distance),
        "distance_low": floats((distance - error).clip(lowest, highest)),
        "distance_high": floats((distance + error).clip(lowest, highest)),
    }
    # The table has a warning and a reason for each layer; the section has them for each state.
    warnings, reason = (
        table[name].broadcast_like(distance).transpose(*distance.dims)
        for name in ("warnings", "reason")
    )
    converged = {
        name: floats(table[name])
        for name in ("converged", "converged_low", "converged_high", "threshold", "noise")
    }
    return {
        **_section(table, warnings, reason, [measure]),
        "level": level,
        "convergence": converged,
    }


def _section(
    table: xarray.Dataset,
    warnings: xarray.DataArray,
    reason: xarray.DataArray,
    measures: list[dict[str, Any]],
) -> dict[str, Any]:
    steps = table["step"].to_numpy()
    are_numbers = steps.dtype.kind in "iuf" and np.isfinite(steps).all()
    reference = table.attrs["reference"]
    return {
        "kind": "trajectory",
        "steps": names(steps.tolist()),
        "positions": steps.astype(float).tolist() if are_numbers else None,
        # Places on a logarithmic axis, if the steps grow by factors.
        "log_positions": log_positions(steps).tolist() if is_geometric(steps) else None,
        "layers": names(table["layer"].to_numpy().tolist()),
        "reference": None if str(reference) == "given" else str(reference),
        "warnings": texts(warnings.to_numpy()),
        "reason": texts(reason.to_numpy()),
        "measures": measures,
    }


def _measure(table: xarray.Dataset, name: str) -> dict[str, Any]:
    similarity, distance = table[name], table[f"{name}_distance"]
    section = {
        "name": name,
        "title": display_name(name),
        "description": similarity.attrs["long_name"],
        "direction": similarity.attrs["direction"],
        "units": distance.attrs["units"],
        "similarity_range": ends(bounds(similarity.attrs["range"], similarity)),
        "distance_range": ends(bounds(distance.attrs["range"], distance)),
        "similarity": floats(similarity),
        "distance": floats(distance),
    }
    section |= {
        key: floats(table[f"{name}_{key}"])
        for key in ("corrected", "calibrated", "p_adjusted", "p_max")
        if f"{name}_{key}" in table
    }
    for quantity in ("similarity", "corrected", "distance"):
        for key in ("low", "high", "chance"):
            values = inferred_values(table, name, key, quantity)
            # A corrected similarity has no chance level: that of unrelated data is 0.
            if values is not None and quantity in section and (quantity, key) != _NO_LEVEL:
                section[f"{quantity}_{key}"] = floats(values)
    return section


_NO_LEVEL = ("corrected", "chance")
