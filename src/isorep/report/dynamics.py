"""Dynamics: what the page shows of `isorep.trajectory`'s table."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep.measures import measure_named
from isorep.plot._axis import bounds
from isorep.report.packing import ends, floats, names, texts

if TYPE_CHECKING:
    import xarray


def dynamics(table: xarray.Dataset, measures: list[str]) -> dict[str, Any]:
    """Return a section of the page: every state's numbers, with intervals where there are any."""
    table = table.transpose("step", "layer")
    steps = table["step"].to_numpy()
    reference = table.attrs["reference"]
    return {
        "kind": "trajectory",
        "steps": names(steps.tolist()),
        "at": steps.astype(float).tolist() if steps.dtype.kind in "iuf" else None,
        "layers": names(table["layer"].to_numpy().tolist()),
        "reference": None if str(reference) == "given" else str(reference),
        "warnings": texts(table["warnings"].to_numpy()),
        "reason": texts(table["reason"].to_numpy()),
        "measures": [_measure(table, name) for name in measures],
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
        of = np.vectorize(_of_known(measure_named(name).distance.of), otypes=[float])
        found |= {"similarity_low": floats(low), "similarity_high": floats(high)}
        # A distance falls as the similarity rises, so that the bounds change places.
        found |= {"distance_low": floats(of(high)), "distance_high": floats(of(low))}
    return found


def _of_known(distance: Callable[[float], float]) -> Callable[[float], float]:
    return lambda similarity: nan if isnan(similarity) else distance(similarity)
