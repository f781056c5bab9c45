"""Safetensors: an array for each tensor. Such files do not say which samples they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional

_NAMES = {
    "BF16": "bfloat16",
    "BOOL": "bool",
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}
"""NumPy's names of the dtypes of real numbers."""


def open_safetensors(path: Path) -> Contents:
    """Open every tensor, by name, "fc2" before "fc10": the format keeps no order of its own."""
    arrays = {}
    safetensors = import_optional("safetensors", "safetensors")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in sorted(file.keys(), key=natural_key):
                tensor = file.get_slice(name)
                dtype = tensor.get_dtype()
                shape = tuple(tensor.get_shape())
                arrays[name] = (
                    _Tensor(path, name, shape, dtype)
                    if dtype in _NAMES
                    else _UnreadableTensor(name, shape, dtype)
                )
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"expected a .safetensors file, got {error}") from error
    return Contents(arrays)


class _UnreadableTensor:
    """A tensor of a dtype that NumPy lacks, such as float8: it is listed and cannot be a layer."""

    dtype = np.dtype(object)

    def __init__(self, name: str, shape: tuple[int, ...], dtype: str) -> None:
        self.shape = shape
        self.dtype_name = dtype
        self.refusal = (
            f"tensor {name!r} has dtype {dtype}; expected real numbers of "
            "16 bits or more, integers or booleans: save tensor.float()"
        )

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        raise ValueError(self.refusal)


class _Tensor:
    """A tensor whose file is open only while rows are read."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: str) -> None:
        if dtype == "BF16":  # its import gives NumPy the dtype, which safetensors asks for
            import_optional("ml_dtypes", "bfloat16")
        self.shape = shape
        self.dtype = np.dtype(_NAMES[dtype])
        self._path = path
        self._name = name

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        safetensors = import_optional("safetensors", "safetensors")
        start, stop, _ = rows.indices(self.shape[0])  # safetensors refuses rows past the end
        with safetensors.safe_open(self._path, framework="numpy") as file:
            values: NDArray[Any] = file.get_slice(self._name)[start:stop]
            return values
