"""Activation cache: activations of tokens, as forks of dictionary_learning store them.

A folder for each layer has ``config.json`` and shards, ``shard_0.memmap`` with its shape and dtype
in ``shard_0.meta``. The folder above may have the sequence of each token in ``sequence_ranges.pt``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._formats.joined_array import JoinedArray
from isorep._formats.json_members import member, read_json
from isorep._formats.raw_values import RawValues
from isorep._formats.torch_file import read_torch
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional

_CONFIG = "config.json"
_RANGES = "sequence_ranges.pt"
_DTYPES = ("float16", "bfloat16", "float32", "float64")


def is_activation_cache(path: Path) -> bool:
    """Return whether a folder is the cache of a layer, or holds such folders."""
    return bool(_layer_folders(path))


def open_activation_cache(path: Path) -> Contents:
    """Open an array (tokens, features) for each layer; tokens of one sequence are a group."""
    folders = _layer_folders(path)
    configs = {folder: read_json(folder / _CONFIG) for folder in folders}
    layers = {folder.name: _layer(folder, configs[folder]) for folder in folders}
    if not any(config.get("store_sequence_ranges") for config in configs.values()):
        return Contents(layers)
    ranges = folders[0].parent / _RANGES
    if not ranges.is_file():
        warnings.warn(
            f"{_RANGES} of {str(path)!r} is missing, so the tokens of one sequence are taken for "
            "independent samples: copy it from the cache, or pass groups=",
            UserWarning,
            stacklevel=stacklevel_of_caller(),
        )
        return Contents(layers)
    n_tokens = next(iter(layers.values())).shape[0]
    return Contents(layers, {"groups": _groups(ranges, n_tokens)})


def _layer_folders(path: Path) -> list[Path]:
    folders = [path, *(child for child in path.iterdir() if child.is_dir())]
    layers = [x for x in folders if all((x / y).is_file() for y in (_CONFIG, "shard_0.meta"))]
    return sorted(layers, key=lambda folder: natural_key(folder.name))


def _layer(folder: Path, config: dict[str, Any]) -> JoinedArray:
    name = f"{folder.name}/{_CONFIG}"
    if config.get("shuffle_shards"):
        raise ValueError(
            f"{name} says shuffle_shards: each layer has its tokens in an order of its own, so "
            "that rows cannot be compared. Collect the activations without it"
        )
    shards = {}
    for i in range(member(config, "shard_count", int, name)):
        meta_name = f"shard_{i}.meta"
        meta = read_json(folder / meta_name)
        shape = tuple(member(meta, "shape", list, meta_name))
        dtype = str(meta.get("dtype", "float32")).removeprefix("torch.")
        if dtype not in _DTYPES or not all(isinstance(x, int) and x >= 0 for x in shape):
            raise ValueError(
                f"{folder.name}/{meta_name} is damaged: expected a shape and one of the dtypes "
                f"{', '.join(_DTYPES)}, got {list(shape)} and {dtype!r}"
            )
        path = folder / f"shard_{i}.memmap"
        shards[f"{folder.name}/{path.name}"] = RawValues(path, shape, _numpy_dtype(dtype))
    layer = JoinedArray(list(shards.values()), list(shards))
    if layer.shape[0] != (n_tokens := member(config, "total_size", int, name)):
        raise ValueError(
            f"it is incomplete: the shards of {folder.name} have {layer.shape[0]} of {n_tokens} "
            "tokens"
        )
    return layer


def _numpy_dtype(name: str) -> np.dtype[Any]:
    if name == "bfloat16":  # stored as int16 of its bits; ml_dtypes gives NumPy the dtype
        import_optional("ml_dtypes", "bfloat16")
    return np.dtype(name)


def _groups(path: Path, n_tokens: int) -> NDArray[np.int64]:
    """Return the number of the sequence that each token belongs to."""
    expected = f"a tensor of rising numbers from 0 to {n_tokens}"
    try:
        starts = np.asarray(read_torch(path, expected))
    except ValueError as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    is_rising = starts.ndim == 1 and starts.dtype.kind in "iu" and (np.diff(starts) >= 0).all()
    if not is_rising or len(starts) == 0 or starts[0] != 0 or starts[-1] != n_tokens:
        raise ValueError(f"{path.name} is damaged: expected {expected}, got {starts!r:.60}")
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))
