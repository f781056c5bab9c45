"""Plan: what tells one capture from another, so that a begun one is gone on with by no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from isorep.activations.batches import as_bytes
from isorep.activations.layers import select


def plan(
    model: nn.Module,
    layers: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
    channels: str,
    dtype: torch.dtype | None,
) -> dict[str, Any]:
    """Return what a capture depends on beside its data, in terms of JSON.

    Of the model: its structure, as it is printed, and its parameters and buffers. What its code
    does, or a reduction of the caller's own, is not looked into.
    """
    return {
        "model": f"{type(model).__name__} {_digest(model)}",
        "layers": {one.name: one.reduction.name for one in select(model, layers, reduce).values()},
        "channels": channels,
        "dtype": "as computed" if dtype is None else str(dtype).removeprefix("torch."),
    }


def _digest(model: nn.Module) -> str:
    digest = blake2b(digest_size=8)
    # Without the addresses in memory that what a module prints may hold.
    digest.update(re.sub(r"0x[0-9a-f]+", "", repr(model)).encode())
    for name, x in model.state_dict(keep_vars=True).items():
        if not isinstance(x, Tensor) or is_lazy(x) or x.layout != torch.strided:
            continue
        digest.update(f"{name} {x.dtype} {tuple(x.shape)} ".encode())
        digest.update(as_bytes(x, 0).tobytes())
    return digest.hexdigest()
