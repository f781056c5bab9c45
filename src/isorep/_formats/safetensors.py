"""Safetensors: a layer for each tensor. Such files do not say which samples they hold."""

from __future__ import annotations

from pathlib import Path

from isorep._formats.header import Contents
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional


def read_safetensors(path: Path) -> Contents:
    """Read a layer for each tensor (n_samples, n_features), by name, "fc2" before "fc10".

    The format keeps no order of its own.
    """
    import ml_dtypes  # noqa: F401  gives NumPy the dtype "bfloat16", which safetensors asks for

    safetensors = import_optional("safetensors", "safetensors")
    arrays = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in sorted(file.keys(), key=natural_key):
                try:
                    arrays[name] = file.get_tensor(name)
                except (AttributeError, TypeError) as error:  # NumPy has no such dtype
                    dtype = file.get_slice(name).get_dtype()
                    raise ValueError(
                        f"tensor {name!r} has dtype {dtype}; expected real numbers"
                    ) from error
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"expected a .safetensors file, got {error}") from error
    return Contents(arrays)
