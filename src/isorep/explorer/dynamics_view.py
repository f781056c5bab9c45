"""Dynamics: what the page shows of the tables of `trajectory` and `monitor.converged`."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from isorep.explorer.packing import ends, floats, names, texts
from isorep.inference.jackknife import BLOCKS
from isorep.measures.registry import measure_named
from isorep.plot.axis import bounds

if TYPE_CHECKING:
    import xarray


def dynamics(table: xarray.Dataset, measures: list[str]) -> dict[str, Any]:
    """Return a section of the page: every state's numbers, with intervals where there are any."""
    table = table.transpose("step", "layer")
    return _section(
        table, table["warnings"], table["reason"], [_measure(table, name) for name in measures]
    )


def convergence(table: xarray.Dataset) -> dict[str, Any]:
    """Return the same for `isorep.monitor.converged`: with intervals, and when each had settled."""
    table = table.transpose("step", "layer", ...)
    distance, level = table["distance"], float(table.attrs["level"])
    row = measure_named(distance.attrs["measure"])
    error = stdtrit(BLOCKS - 1, (1 + level) / 2) * table["distance_error"]
    least, most = row.distance_range
    measure = {
        "name": row.name,
        "description": row.description,
        "units": distance.attrs["units"],
        "distance_range": ends(bounds(row.distance_range, distance)),
        "distance": floats(distance),
        "distance_low": floats((distance - error).clip(least, most)),
        "distance_high": floats((distance + error).clip(least, most)),
    }
    # What is said of a layer is said of each of its states.
    warnings, reason = (
        table[name].broadcast_like(distance).transpose(*distance.dims)
        for name in ("warnings", "reason")
    )
    settled = {
        name: floats(table[name])
        for name in ("converged", "converged_low", "converged_high", "threshold", "noise")
    }
    return {
        **_section(table, warnings, reason, [measure]),
        "level": level,
        "settled": settled,
    }


def _section(
    table: xarray.Dataset,
    warnings: xarray.DataArray,
    reason: xarray.DataArray,
    measures: list[dict[str, Any]],
) -> dict[str, Any]:
    steps = table["step"].to_numpy()
    to_scale = steps.dtype.kind in "iuf" and np.isfinite(steps).all()
    reference = table.attrs["reference"]
    return {
        "kind": "trajectory",
        "steps": names(steps.tolist()),
        "at": steps.astype(float).tolist() if to_scale else None,
        "layers": names(table["layer"].to_numpy().tolist()),
        "reference": None if str(reference) == "given" else str(reference),
        "warnings": texts(warnings.to_numpy()),
        "reason": texts(reason.to_numpy()),
        "measures": measures,
    }


def _measure(table: xarray.Dataset, name: str) -> dict[str, Any]:
    similarity, distance = table[name], table[f"{name}_distance"]
    found = {
        "name": name,
        "description": similarity.attrs["long_name"],
        "units": distance.attrs["units"],
        "similarity_range": ends(bounds(similarity.attrs["range"], similarity)),
        "distance_range": ends(bounds(distance.attrs["range"], distance)),
        "similarity": floats(similarity),
        "distance": floats(distance),
    }
    if f"{name}_low" in table:
        low, high = (table[f"{name}_{end}"].to_numpy() for end in ("low", "high"))
        of = np.vectorize(_of_known(measure_named(name).distance.from_similarity), otypes=[float])
        found |= {"similarity_low": floats(low), "similarity_high": floats(high)}
        # A distance falls as the similarity rises, so that the bounds change places.
        found |= {"distance_low": floats(of(high)), "distance_high": floats(of(low))}
    return found


def _of_known(distance: Callable[[float], float]) -> Callable[[float], float]:
    return lambda similarity: nan if isnan(similarity) else distance(similarity)
