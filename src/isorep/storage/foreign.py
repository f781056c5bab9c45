"""Plain arrays from elsewhere, which do not say which samples they hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._optional import need
from isorep.storage.arrays import map_array, read_array
from isorep.storage.bfloat16 import widen
from isorep.storage.record import Contents

_SAFETENSORS_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def read_npy(path: Path) -> Contents:
    """Read one array (n_samples, n_features); the layer is named after the file."""
    try:
        array = read_array(lambda: path.open("rb"), path.stat().st_size)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"expected an .npy array of numbers, got {error}") from error
    return Contents({path.stem: array})


def open_npy(path: Path) -> Contents:
    """Open one array (n_samples, n_features); the layer is named after the file."""
    try:
        mapped = _Mapped(path)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"expected an .npy array of numbers, got {error}") from error
    return Contents({path.stem: mapped})


class _Mapped:
    """An ``.npy`` file, mapped for as long as it takes to read rows: what was read is let go."""

    def __init__(self, path: Path) -> None:
        array = map_array(path)
        self.shape = array.shape
        self.dtype = array.dtype
        self._path = path

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return np.array(map_array(self._path)[rows])


def read_safetensors(path: Path) -> Contents:
    """Read a layer for each tensor (n_samples, n_features), by name, "fc2" before "fc10".

    The format keeps no order of its own. bfloat16 becomes float32, which holds it exactly.
    """
    safetensors = need("safetensors", "safetensors")
    try:
        tensors = dict(safetensors.deserialize(path.read_bytes()))
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"expected a .safetensors file, got {error}") from error
    arrays, dtypes = {}, {}
    for name in sorted(tensors, key=numbers_as_numbers):
        tensor = tensors[name]
        data, dtype = bytes(tensor["data"]), tensor["dtype"]
        if dtype == "BF16":
            array = widen(np.frombuffer(data, "<u2"))
            dtypes[name] = "bfloat16"
        elif dtype in _SAFETENSORS_DTYPES:
            little_endian = np.dtype(_SAFETENSORS_DTYPES[dtype]).newbyteorder("<")
            array = np.frombuffer(data, little_endian)
        else:
            raise ValueError(f"tensor {name!r} has dtype {dtype}; expected real numbers")
        arrays[name] = array.reshape(tensor["shape"])
    return Contents(arrays, {"dtypes": dtypes})


def numbers_as_numbers(name: str) -> list[str | int]:
    """Return what to sort names by, for "fc2" to come before "fc10"."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]
