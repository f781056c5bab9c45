"""Provenance: what a table was made of and how, so that it can be made anew.

It is a text of JSON in ``table.attrs["provenance"]``, since files of netCDF, zarr and JSON hold
texts. It names no path, time, user or machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._utils.array_digest import array_digest, text_digest
from isorep._utils.version import library_of, versions
from isorep.comparison.sides import is_model
from isorep.measures.measure_spec import plain
from isorep.representations.representations import Layers

if TYPE_CHECKING:
    import xarray

PROVENANCE = "provenance"
"""Name of the attribute."""


def provenance(
    sides: Mapping[str, Any], options: Mapping[str, Any], libraries: Iterable[str] = ()
) -> dict[str, str]:
    """Return the attribute of a table with its provenance.

    Parameters
    ----------
    sides
        What identifies each network; see `describe_layers` and `describe_model`.
    options
        Options of the function that made the table. Those that are None or False are left out.
    libraries
        Libraries besides NumPy and SciPy that computed arrays; see `libraries_of`.
    """
    values = {name: _plain(value) for name, value in options.items() if value is not None}
    content = {
        "versions": versions(libraries),
        "options": {name: value for name, value in values.items() if value is not False},
        "data": dict(sides),
    }
    return {PROVENANCE: json.dumps(content)}


def provenance_content(table: xarray.Dataset) -> dict[str, Any]:
    """Return the provenance of a table as values of JSON, by its name; empty if it has none."""
    if PROVENANCE not in table.attrs:  # a table of an earlier version
        return {}
    return {PROVENANCE: json.loads(table.attrs[PROVENANCE])}


def describe_layers(layers: Mapping[str, Any], names: Iterable[str] = ()) -> dict[str, Any]:
    """Return what identifies the layers of a network that are compared.

    Parameters
    ----------
    layers
        `Layers`, or a mapping of layer name to array.
    names
        Layers that are compared; by default all.

    Returns
    -------
    dict
        ``digest`` of all layers, in their order and with their names; ``n_samples``; the
        ``reduction`` of positions, if it is known, or the layers of each; digests of
        ``sample_ids``, ``groups`` and ``order``, if they are known.
    """
    selected = list(names or layers)
    parts = [part for layer in selected for part in (layer, _layer_digest(layers, layer))]
    described: dict[str, Any] = {"digest": text_digest(parts)}
    if not isinstance(layers, Layers):
        return described
    samples = {"sample_ids": layers.sample_ids, "groups": layers.groups, "order": layers.order}
    return {
        **described,
        "n_samples": layers.n_samples,
        **describe_reductions(layers.reductions, selected),
        **{
            name: text_digest(np.asarray(values).ravel().tolist())
            for name, values in samples.items()
            if values is not None
        },
    }


def _layer_digest(layers: Mapping[str, Any], layer: str) -> str:
    try:
        return array_digest(layers[layer])
    except (KeyError, ValueError):  # of a damaged store; the table says why
        return "damaged"


def describe_networks(descriptions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what identifies many networks: their digests, and once what all have in common."""
    first, *others = descriptions.values()
    common = {
        key: value
        for key, value in first.items()
        if key != "digest" and all(other.get(key) == value for other in others)
    }
    return {
        **common,
        "networks": {
            name: described["digest"]
            if described.keys() - common.keys() == {"digest"}
            else {key: value for key, value in described.items() if key not in common}
            for name, described in descriptions.items()
        },
    }


def describe_model(model: Any) -> dict[str, str]:
    """Return the class of a PyTorch model and a digest of its structure and weights."""
    from isorep.activations.fingerprint import model_digest

    return {"model": type(model).__name__, "model_digest": model_digest(model)}


def libraries_of(*sides: Any) -> set[str]:
    """Return the libraries of the sides' arrays and models, other than NumPy.

    Examples
    --------
    >>> import torch
    >>> libraries_of({"fc": np.eye(3)}, {"fc": torch.eye(3)})
    {'torch'}
    """
    libraries: set[str] = set()
    for side in sides:
        first = next(iter(side.values()), None) if type(side) is dict else side
        libraries |= {"torch"} if is_model(side) else library_of(first)
    return libraries


def describe_reductions(known: Mapping[str, str], layers: Iterable[str]) -> dict[str, Any]:
    """Return the reduction of all layers as ``reduction``, or the layers of each."""
    by_name: dict[str, list[str]] = {}
    for layer in layers:
        by_name.setdefault(known.get(layer, "unknown"), []).append(layer)
    if len(by_name) > 1:
        return {"reduction": by_name}
    (reduction,) = by_name
    return {} if reduction == "unknown" else {"reduction": reduction}


def _plain(value: Any) -> Any:
    """Return an option as JSON; what JSON does not have is named by its type."""
    value = plain(value)
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(entry) for entry in value]
    return getattr(value, "__name__", type(value).__name__)
