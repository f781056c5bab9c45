"""Record: what both file formats hold, as named arrays of numbers and a header in JSON.

A file holds one array for each layer, ``labels`` where they are known, and ``header``, the bytes of
a JSON object with the format's marker and version, the version of isorep, the layers in order
(name, key of the array, reduction, dtype), the sample ids, whether there are labels, and labels
that are strings. Text goes into JSON because arrays of strings would need pickle in one format and
have no fixed specification in the other.

NumPy and zarr have no bfloat16: a layer with ``"bits": "bfloat16"`` is an array of uint16, the bits
of its values. What a capture wrote says under ``"capture"`` what it was a capture of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from isorep._formats.bfloat16 import Widened
from isorep._utils.version import __version__

HEADER = "isorep-header"
_FORMAT = "isorep.representations"
_VERSION = 2
_READ = (1, 2)  # 2 has layers of bits
LABELS = "labels"


@dataclass(frozen=True)
class Contents:
    """Layers as a file holds them.

    Attributes
    ----------
    layers
        Layer name to array (n_samples, n_features), in memory or read when its rows are asked for.
    known
        Sample ids, labels, reductions, dtypes and number of samples, as far as the file has them:
        keywords of `isorep.Representations`.
    """

    layers: Mapping[str, Any]
    known: Mapping[str, Any] = field(default_factory=dict)


def layer_key(i: int, name: str) -> str:
    """Return the key of the array of layer number `i`: short, and safe as a file name anywhere."""
    # The number makes the key unique, also where names differ in case only or are cut; the name
    # is for people. Quoting leaves no separator in it.
    return f"layer{i:04d}-{quote(name, safe='', errors='surrogatepass')[:80]}"


def to_arrays(contents: Contents) -> dict[str, NDArray[Any]]:
    """Return key -> array, of contents that say all that `Contents.known` may."""
    known = contents.known
    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    for i, (name, array) in enumerate(contents.layers.items()):
        key = layer_key(i, name)
        layers.append(
            {
                "name": name,
                "key": key,
                "reduction": known["reductions"].get(name),
                "dtype": known["dtypes"][name],
            }
        )
        arrays[key] = array
    return arrays | about(layers, known["sample_ids"], known["labels"], known["n_samples"])


def about(
    layers: Sequence[Mapping[str, Any]],
    sample_ids: Sequence[str] | None,
    labels: NDArray[Any] | None,
    n_samples: int,
    **more: Any,
) -> dict[str, NDArray[Any]]:
    """Return the arrays beside those of the layers: the header, with `more`, and the labels."""
    header: dict[str, Any] = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "isorep_version": __version__,
        "n_samples": n_samples,
        "layers": layers,
        "sample_ids": sample_ids,
        "has_labels": labels is not None,
        "text_labels": None,
        **more,
    }
    arrays: dict[str, NDArray[Any]] = {}
    if labels is not None and labels.dtype.kind == "U":
        header["text_labels"] = labels.tolist()
    elif labels is not None:
        arrays[LABELS] = labels
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode("ascii"), np.uint8)
    return arrays


def read_header(array: NDArray[Any]) -> dict[str, Any]:
    """Return the header in `array`.

    Raises
    ------
    ValueError
        It is not ours, or is newer than this isorep.
    """
    try:
        header: dict[str, Any] = json.loads(np.asarray(array).tobytes())
        if header["format"] != _FORMAT:
            raise ValueError(f"expected format {_FORMAT!r}, got {header['format']!r}")
        version, writer = header["format_version"], header["isorep_version"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its header is damaged or not isorep's ({error})") from error
    if version not in _READ:
        raise ValueError(
            f"isorep {writer} wrote it in format {version}, and this isorep reads formats "
            f"{_READ[0]} to {_READ[-1]}; upgrade isorep"
        )
    return header


def read_labels(
    header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> NDArray[Any] | None:
    """Return the labels that `about` was given."""
    if header["text_labels"] is not None:
        return np.asarray(header["text_labels"], dtype=np.str_)
    if header.get("has_labels", LABELS in arrays):  # which early files do not say
        return arrays[LABELS]
    return None


def from_arrays(arrays: Mapping[str, Any]) -> Contents:
    """Return what `to_arrays` took.

    Raises
    ------
    ValueError
        The header is not ours, is newer than this isorep, or does not fit the arrays.
    """
    header = read_header(arrays[HEADER])
    try:
        layers = header["layers"]
        return Contents(
            {layer["name"]: _values(layer, arrays) for layer in layers},
            {
                "sample_ids": header["sample_ids"],
                "labels": read_labels(header, arrays),
                "reductions": {
                    x["name"]: x["reduction"] for x in layers if x["reduction"] is not None
                },
                "dtypes": {layer["name"]: layer["dtype"] for layer in layers},
                "n_samples": header["n_samples"],
            },
        )
    except KeyError as error:
        raise ValueError(f"it is damaged: {error} is missing") from error


def _values(layer: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
    array = arrays[layer["key"]]
    bits = layer.get("bits")
    if bits is None:
        return array
    if bits != "bfloat16" or array.dtype != np.uint16:
        raise ValueError(f"it is damaged: layer {layer['name']!r} holds {array.dtype} for {bits}")
    return Widened(array)
