"""Result: a table of comparisons read back from disk."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

INFERRED_SHOWN = ("corrected", "low", "high", "chance", "calibrated", "p_adjusted")
"""Variables that a table may have for each measure, beside similarity and distance."""

_READ = ".zarr (xarray's to_zarr) or .json (isorep compare --json)"


def read_result(path: str | PathLike[str]) -> xarray.Dataset:
    """Read a table that `isorep.compare`, `isorep.pairwise` or `isorep.trajectory` returned.

    Parameters
    ----------
    path
        A ``.zarr`` folder that ``table.to_zarr(path)`` wrote, or a ``.json`` of ``isorep compare``.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    ValueError
        Another suffix, or a file that holds no such table; it names the file.
    """
    path = Path(path)
    readers = {".zarr": _from_zarr, ".json": _from_json}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"cannot read {str(path)!r}: expected a result, {_READ}")
    if not path.exists():
        raise FileNotFoundError(f"cannot read {str(path)!r}: there is no such file or folder")
    try:
        return read(path)
    except KeyError as error:
        raise ValueError(f"{_no_result(path)}: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_no_result(path)}: {error}") from error


def _no_result(path: Path) -> str:
    return f"{str(path)!r} is no result of compare, pairwise or trajectory"


def _from_zarr(path: Path) -> xarray.Dataset:
    import xarray

    # Consolidated metadata is no part of zarr's format 3: what a store lacks is no fault.
    with xarray.open_zarr(path, consolidated=False) as table:
        if "measures" not in table.attrs and "converged" not in table:
            raise ValueError("it names no measures")
        loaded: xarray.Dataset = table.load()
        return loaded


def _from_json(path: Path) -> xarray.Dataset:
    """Make `isorep.compare`'s table of what `isorep.comparison.export.to_json` wrote."""
    import xarray

    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, found a {type(found).__name__}")
    cells = ("x_layer", "y_layer")
    variables: dict[str, Any] = {}
    for name, told in found["measures"].items():
        about = {
            "long_name": told.get("description", name),
            "units": told["distance_units"],
            "symmetric": int(told["symmetric"]),
            "reference": told["reference"],
        }
        for key in ("similarity", "distance", *INFERRED_SHOWN, "p_value"):
            if key not in told:
                continue
            whole = told["distance_range" if key == "distance" else "similarity_range"]
            # A range without end was written as null.
            ends = [bound if bound is not None else np.inf for bound in whole]
            variable = name if key == "similarity" else f"{name}_{key}"
            variables[variable] = (cells, np.array(told[key], float), about | {"range": ends})
    for key, dims in (
        ("x_rank", "x_layer"),
        ("y_rank", "y_layer"),
        ("n_samples", cells),
        ("warnings", cells),
        ("reason", cells),
    ):
        variables[key] = (dims, np.array(found[key]))
    if "n_significant" in found:
        variables["n_significant"] = (cells, np.array(found["n_significant"], float))
    return xarray.Dataset(
        variables,
        coords={"x_layer": found["x_layers"], "y_layer": found["y_layers"]},
        attrs={"measures": list(found["measures"]), "isorep_version": found["isorep_version"]},
    )
