"""saev shards: activations of transformers, as the tool saev stores them (protocols 1 and 2).

A folder with ``metadata.json``, ``shards.json`` and files of float32 values of shape (examples,
layers, tokens, features). Pickled descriptions in ``metadata.json`` are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isorep._formats.header import Contents
from isorep._formats.joined_array import JoinedArray
from isorep._formats.json_members import member, read_json
from isorep._formats.raw_values import RawValues

_METADATA = "metadata.json"
_SHARDS = "shards.json"
_N_EXAMPLES = ("n_examples", "n_imgs")


def is_saev_shards(path: Path) -> bool:
    """Return whether a folder has the files that saev writes."""
    return all((path / name).is_file() for name in (_METADATA, _SHARDS, "acts000000.bin"))


def open_saev_shards(path: Path) -> Contents:
    """Open an array (examples, tokens, features) for each layer, such as "layer11"."""
    metadata = read_json(path / _METADATA)
    layers = member(metadata, "layers", list, _METADATA)
    tokens = ("content_tokens_per_example", "patches_per_ex", "n_patches_per_img")
    n_tokens = member(metadata, tokens, int, _METADATA) + member(
        metadata, "cls_token", bool, _METADATA
    )
    n_features = member(metadata, ("d_model", "d_vit"), int, _METADATA)
    if (dtype := member(metadata, "dtype", str, _METADATA)) != "float32":
        raise ValueError(f"expected values of dtype float32, got {dtype!r} in {_METADATA}")
    lengths = {
        member(shard, "name", str, _SHARDS): member(shard, _N_EXAMPLES, int, _SHARDS)
        for shard in read_json(path / _SHARDS, list)
    }
    n_examples = member(metadata, _N_EXAMPLES, int, _METADATA)
    if not lengths or sum(lengths.values()) != n_examples:
        raise ValueError(
            f"it is incomplete: {_SHARDS} has {sum(lengths.values())} of {n_examples} examples"
        )
    for name in lengths:
        if Path(name).name != name:  # a file elsewhere is no part of what was saved
            raise ValueError(f"{_SHARDS} is damaged: expected names of files, got {name!r}")

    def shard(name: str, i: int) -> RawValues:
        shape = (lengths[name], len(layers), n_tokens, n_features)
        return RawValues(path / name, shape, np.dtype("<f4"), i)

    return Contents(
        {
            f"layer{layer}": JoinedArray([shard(name, i) for name in lengths], list(lengths))
            for i, layer in enumerate(layers)
        }
    )
