"""Read result: a table of comparisons from disk."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._formats.zarr_codecs import check_codecs
from isorep._utils.damaged_file import damage_as_value_error
from isorep._utils.memory import check_fits
from isorep._utils.optional import import_optional
from isorep.comparison.export import JSON_ATTRIBUTES
from isorep.comparison.inferred import INFERRED
from isorep.comparison.provenance import PROVENANCE
from isorep.comparison.sweeps.sweep_store import check_whole

if TYPE_CHECKING:
    import xarray

INFERRED_SHOWN = tuple(name for name in INFERRED if name != "p_value")
"""Variables of each measure, beside similarity and distance, that pages and plots show."""

_READABLE = ".zarr (xarray's to_zarr) or .json (isorep compare --json)"


def read_result(path: str | PathLike[str]) -> xarray.Dataset:
    """Read a table that `isorep.compare`, `isorep.pairwise` or `isorep.trajectory` returned.

    Parameters
    ----------
    path : path
        A ``.zarr`` folder that ``table.to_zarr(path)`` wrote, or a ``.json`` file that
        ``isorep compare`` wrote.

    Raises
    ------
    FileNotFoundError
        When the path does not exist.
    ValueError
        When the suffix is another one, the file holds no such table, or cells of a sweep are
        missing; it names the file.
    """
    path = Path(path)
    readers = {".zarr": _from_zarr, ".json": _from_json}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"cannot read {str(path)!r}: expected a result, {_READABLE}")
    if not path.exists():
        raise FileNotFoundError(f"cannot read {str(path)!r}: there is no such file or folder")
    try:
        with damage_as_value_error():
            table = read(path)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_not_a_result(path)}: {error}") from error
    if path.suffix.lower() == ".zarr":
        check_whole(path, table)
    return table


def _not_a_result(path: Path) -> str:
    return f"{str(path)!r} is not a result of compare, pairwise or trajectory"


def _from_zarr(path: Path) -> xarray.Dataset:
    import xarray

    import_optional("zarr", "store")
    check_codecs(path)
    # A store needs no consolidated metadata: it is not part of zarr's format 3.
    with xarray.open_zarr(path, consolidated=False) as table:
        if "kind" not in table.attrs:
            raise ValueError("the attribute 'kind' is missing")
        check_fits(table.nbytes)
        loaded: xarray.Dataset = table.load()
        return loaded


def _from_json(path: Path) -> xarray.Dataset:
    """Return the table that `isorep.comparison.export.to_json` wrote."""
    import xarray

    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"expected an object, got a {type(content).__name__}")
    if not content["measures"]:
        raise ValueError("it has no measures")
    cells = ("x_layer", "y_layer")
    variables: dict[str, Any] = {}
    for measure, numbers in content["measures"].items():
        attrs = {
            "measure": measure,
            "options": json.dumps(numbers["options"]),
            "direction": numbers["direction"],
            "symmetric": int(numbers["symmetric"]),
            "reference": numbers["reference"],
        }
        for name in ("similarity", "distance", *INFERRED):
            if name not in numbers:
                continue
            low, high = numbers["distance_range" if name == "distance" else "similarity_range"]
            # An infinite end of a range is null in JSON.
            ends = (-np.inf if low is None else low, np.inf if high is None else high)
            variable = measure if name == "similarity" else f"{measure}_{name}"
            variables[variable] = (
                cells,
                np.array(numbers[name], float),
                attrs
                | {
                    "quantity": name,
                    "long_name": INFERRED.get(name, numbers["description"]),
                    "units": numbers["distance_units"] if name == "distance" else "1",
                    "range": ends,
                },
            )
    for name, dims in (
        ("x_rank", "x_layer"),
        ("y_rank", "y_layer"),
        ("n_samples", cells),
        ("warnings", cells),
        ("reason", cells),
    ):
        variables[name] = (dims, np.array(content[name]))
    if "n_significant" in content:
        variables["n_significant"] = (cells, np.array(content["n_significant"], float))
    return xarray.Dataset(
        variables,
        coords={"x_layer": content["x_layers"], "y_layer": content["y_layers"]},
        attrs={
            "kind": content["kind"],
            "isorep_version": content["isorep_version"],
            "measures": list(content["measures"]),
            **{name: content[name] for name in JSON_ATTRIBUTES if name in content},
            **({PROVENANCE: json.dumps(content[PROVENANCE])} if PROVENANCE in content else {}),
        },
    )
