"""Record: what both file formats hold, as named arrays of numbers and a header in JSON.

A file holds one array for each layer, ``labels`` where they are known, and ``header``, the bytes of
a JSON object with the format's marker and version, the version of isorep, the layers in order
(name, key of the array, reduction, dtype), the sample ids, whether there are labels, and labels
that are strings. Text goes into JSON because arrays of strings would need pickle in one format and
have no fixed specification in the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from isorep.representation import Layers, Representations

HEADER = "isorep-header"
_FORMAT = "isorep.representations"
_VERSION = 1
LABELS = "labels"

Made = TypeVar("Made", bound=Layers[Any])


def to_arrays(representations: Representations) -> dict[str, NDArray[Any]]:
    """Return key -> array; keys are short, unique and safe as file names on any system."""
    from isorep import __version__

    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    for i, (name, array) in enumerate(representations.items()):
        # The number makes the key unique, also where names differ in case only or are cut; the name
        # is for people. Quoting leaves no separator in it.
        key = f"layer{i:04d}-{quote(name, safe='', errors='surrogatepass')[:80]}"
        layers.append(
            {
                "name": name,
                "key": key,
                "reduction": representations.reductions.get(name),
                "dtype": representations.dtypes[name],
            }
        )
        arrays[key] = array
    labels = representations.labels
    header: dict[str, Any] = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "isorep_version": __version__,
        "n_samples": representations.n_samples,
        "layers": layers,
        "sample_ids": representations.sample_ids,
        "has_labels": labels is not None,
        "text_labels": None,
    }
    if labels is not None and labels.dtype.kind == "U":
        header["text_labels"] = labels.tolist()
    elif labels is not None:
        arrays[LABELS] = labels
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode("ascii"), np.uint8)
    return arrays


def from_arrays(arrays: Mapping[str, Any], make: Callable[..., Made]) -> Made:
    """Return what `to_arrays` took, as what `make` makes of arrays and what is known of them.

    Raises
    ------
    ValueError
        The header is not ours, is newer than this isorep, or does not fit the arrays.
    """
    try:
        header = json.loads(np.asarray(arrays[HEADER]).tobytes())
        if header["format"] != _FORMAT:
            raise ValueError(f"expected format {_FORMAT!r}, got {header['format']!r}")
        version, writer = header["format_version"], header["isorep_version"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its header is damaged or not isorep's ({error})") from error
    if version != _VERSION:
        raise ValueError(
            f"isorep {writer} wrote it in format {version}, and this isorep reads format "
            f"{_VERSION}; upgrade isorep"
        )
    try:
        layers = header["layers"]
        labels: Any = header["text_labels"]
        if labels is not None:
            labels = np.asarray(labels, dtype=np.str_)
        elif header.get("has_labels", LABELS in arrays):  # which early files do not say
            labels = arrays[LABELS]
        return make(
            {layer["name"]: arrays[layer["key"]] for layer in layers},
            sample_ids=header["sample_ids"],
            labels=labels,
            reductions={x["name"]: x["reduction"] for x in layers if x["reduction"] is not None},
            dtypes={layer["name"]: layer["dtype"] for layer in layers},
            n_samples=header["n_samples"],
        )
    except KeyError as error:
        raise ValueError(f"it is damaged: {error} is missing") from error
