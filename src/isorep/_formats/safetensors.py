"""Safetensors: a layer for each tensor, which do not say which samples they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isorep._formats.bfloat16 import widen
from isorep._formats.header import Contents
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional

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


def read_safetensors(path: Path) -> Contents:
    """Read a layer for each tensor (n_samples, n_features), by name, "fc2" before "fc10".

    The format keeps no order of its own. bfloat16 becomes float32, which holds it exactly.
    """
    safetensors = import_optional("safetensors", "safetensors")
    try:
        tensors = dict(safetensors.deserialize(path.read_bytes()))
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"expected a .safetensors file, got {error}") from error
    arrays, dtypes = {}, {}
    for name in sorted(tensors, key=natural_key):
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
