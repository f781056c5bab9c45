"""Header: how npz and zarr files hold representations, as named arrays of numbers and a JSON text.

A file holds one array for each layer, ``labels``, ``groups`` and ``order`` if they are known, an
array ``rows...`` for the positions of layers whose rows are positions, and ``header``: the bytes of
a JSON object with the format's marker and version, the version of isorep, the layers in order
(name, key of the array, reduction, dtype), the sample ids, whether there are labels, groups and an
order, and those of them that are strings. Times are stored as integers, with their dtype in the
header. Text is stored in JSON because arrays of strings would need pickle in npz and have no fixed
specification in zarr.

npz and zarr have no bfloat16: a layer with ``"bits": "bfloat16"`` is an array of uint16, the bits
of its values. A store that a capture wrote has the capture's fingerprint under ``"capture"``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from isorep._utils.optional import import_optional
from isorep._utils.version import __version__

HEADER = "isorep-header"
_FORMAT = "isorep.representations"
_VERSION = 2
_READABLE_VERSIONS = (1, 2)  # version 2 added layers of bits
PER_SAMPLE = ("labels", "groups", "order")
ROWS = "rows"


@dataclass(frozen=True)
class Contents:
    """The contents of a file.

    Attributes
    ----------
    layers
        Name of every array in the file to the array, in memory or read when its rows are asked for:
        then it has a `shape`, a `dtype`, slices of rows, and perhaps `chunks`, names of its axes as
        `dims`, and the reason why it can be no layer as `refusal`. Arrays in files of other
        programs may have any shape and dtype; `select_arrays` makes layers of them.
    metadata
        Sample ids, labels, groups, order, reductions, dtypes and number of samples, as far as the
        file has them: keywords of `isorep.Representations`. "orders" has the order of the samples
        of each array, if arrays were recorded at different times; "described" has the names of the
        arrays that this metadata was read from.
    table
        Name of the layer that the columns of numbers (1-D arrays) make together, if the file is a
        table; empty for other files.
    texts
        Returns the texts of a column of numbers, by its name, in a file of texts.
    reasons
        Name of an array that cannot be a layer to the reason, where the file says more than its
        dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from isorep.storage import Contents
    >>> contents = Contents({"layer": np.zeros((3, 2))})
    >>> list(contents.layers)
    ['layer']
    """

    layers: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    table: str = ""
    texts: Callable[[str], NDArray[Any]] | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


def layer_key(i: int, name: str) -> str:
    """Return the key of the array of layer number `i`: short, and a safe file name anywhere."""
    # The number makes the key unique, also for names that differ only in case or after the cut; the
    # name is for people. Quoting leaves no separator in it.
    return f"layer{i:04d}-{quote(name, safe='', errors='surrogatepass')[:80]}"


def rows_key(i: int) -> str:
    """Return the key of row positions number `i`."""
    return f"{ROWS}{i:04d}"


def to_arrays(contents: Contents) -> dict[str, NDArray[Any]]:
    """Return key -> array of contents whose metadata is complete."""
    metadata = contents.metadata
    arrays: dict[str, NDArray[Any]] = {}
    layers = []
    row_keys: dict[int, str] = {}  # by the identity of the row positions, which layers share
    for i, (name, array) in enumerate(contents.layers.items()):
        key = layer_key(i, name)
        layer = {
            "name": name,
            "key": key,
            "reduction": metadata["reductions"].get(name),
            "dtype": metadata["dtypes"][name],
        }
        arrays[key] = array
        if (rows := metadata["row_positions"].get(name)) is not None:
            if id(rows) not in row_keys:
                row_keys[id(rows)] = rows_key(len(row_keys))
                arrays[row_keys[id(rows)]] = np.asarray(rows)
            layer["rows"] = row_keys[id(rows)]
        layers.append(layer)
    per_sample = {name: metadata[name] for name in PER_SAMPLE}
    return arrays | metadata_arrays(
        layers, metadata["sample_ids"], per_sample, metadata["n_samples"]
    )


def metadata_arrays(
    layers: Sequence[Mapping[str, Any]],
    sample_ids: Sequence[str] | None,
    per_sample: Mapping[str, NDArray[Any] | None],
    n_samples: int,
    **more: Any,
) -> dict[str, NDArray[Any]]:
    """Return the arrays beside those of the layers: the header, with `more`, and `per_sample`."""
    header: dict[str, Any] = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "isorep_version": __version__,
        "n_samples": n_samples,
        "layers": layers,
        "sample_ids": sample_ids,
        **more,
    }
    arrays: dict[str, NDArray[Any]] = {}
    for name, values in per_sample.items():
        header |= {f"has_{name}": values is not None, f"text_{name}": None}
        if values is None:
            continue
        if values.dtype.kind == "U":
            header[f"text_{name}"] = values.tolist()
        elif values.dtype.kind in "Mm":
            header[f"dtype_{name}"] = values.dtype.str
            arrays[name] = values.view(np.int64)
        else:
            arrays[name] = values
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode("ascii"), np.uint8)
    return arrays


def read_header(array: NDArray[Any]) -> dict[str, Any]:
    """Return the header in `array`.

    Raises
    ------
    ValueError
        It is not isorep's, or a newer isorep wrote it.
    """
    try:
        header: dict[str, Any] = json.loads(np.asarray(array).tobytes())
        if header["format"] != _FORMAT:
            raise ValueError(f"expected format {_FORMAT!r}, got {header['format']!r}")
        version, writer = header["format_version"], header["isorep_version"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its header is damaged or not isorep's ({error})") from error
    if version not in _READABLE_VERSIONS:
        raise ValueError(
            f"isorep {writer} wrote it in format {version}, and this isorep reads formats "
            f"{_READABLE_VERSIONS[0]} to {_READABLE_VERSIONS[-1]}; upgrade isorep"
        )
    return header


def read_per_sample(
    name: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> NDArray[Any] | None:
    """Return the labels, groups or order that `metadata_arrays` stored."""
    if header.get(f"text_{name}") is not None:
        return np.asarray(header[f"text_{name}"], dtype=np.str_)
    if header.get(f"has_{name}", name in arrays):  # early files have no "has_labels"
        values = arrays[name]
        return values.view(header[f"dtype_{name}"]) if f"dtype_{name}" in header else values
    return None


def from_arrays(arrays: Mapping[str, Any]) -> Contents:
    """Return the contents that `to_arrays` turned into arrays.

    Raises
    ------
    ValueError
        The header is not isorep's, comes from a newer isorep, or does not fit the arrays.
    """
    header = read_header(arrays[HEADER])
    try:
        layers = header["layers"]
        return Contents(
            {layer["name"]: _values(layer, arrays) for layer in layers},
            {
                "sample_ids": header["sample_ids"],
                **{name: read_per_sample(name, header, arrays) for name in PER_SAMPLE},
                "reductions": {
                    x["name"]: x["reduction"] for x in layers if x["reduction"] is not None
                },
                "dtypes": {layer["name"]: layer["dtype"] for layer in layers},
                "row_positions": _row_positions(layers, arrays),
                "n_samples": header["n_samples"],
            },
        )
    except KeyError as error:
        raise ValueError(f"it is damaged: {error} is missing") from error


def _row_positions(
    layers: Sequence[Mapping[str, Any]], arrays: Mapping[str, Any]
) -> dict[str, NDArray[np.int64]]:
    """Return the row positions of each layer; layers that shared them share them again."""
    keys = {layer["name"]: layer["rows"] for layer in layers if "rows" in layer}
    rows = {key: np.asarray(arrays[key]) for key in set(keys.values())}
    return {name: rows[key] for name, key in keys.items()}


def storable(array: NDArray[Any]) -> tuple[NDArray[Any], str | None]:
    """Return an array of numbers that npz and zarr have, and the dtype that its bits stand for.

    That dtype is None if the array is stored as it is.
    """
    if array.dtype.name == "bfloat16":
        return array.view(np.uint16), "bfloat16"
    return array, None


def _values(layer: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
    array = arrays[layer["key"]]
    bits = layer.get("bits")
    if bits is None:
        return array
    if bits != "bfloat16" or array.dtype != np.uint16:
        raise ValueError(f"it is damaged: layer {layer['name']!r} holds {array.dtype} for {bits}")
    return _BFloat16(array)


class _BFloat16:
    """An array of the bits of bfloat16 values, in memory or on disk, read as bfloat16."""

    def __init__(self, bits: Any) -> None:
        bfloat16 = import_optional("ml_dtypes", "bfloat16").bfloat16
        self.shape: tuple[int, ...] = bits.shape
        self.dtype: np.dtype[Any] = np.dtype(bfloat16)
        self.chunks: tuple[int, ...] | None = getattr(bits, "chunks", None)
        self._bits = bits

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.asarray(self._bits[rows]).view(self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)
