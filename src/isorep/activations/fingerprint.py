"""Fingerprint of a capture, so that only an identical capture resumes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from isorep.activations.layers import select


def fingerprint(
    model: nn.Module,
    layers: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
    mask: Mapping[str, str | None] | None,
    heads: str | Iterable[str],
    skip: Any,
    channels: str,
    dtype: torch.dtype | None,
) -> dict[str, Any]:
    """Return everything that a capture depends on besides its data, as JSON.

    The model enters with its structure, as it is printed, and its parameters and buffers. The code
    of its modules, and of reduction functions, does not enter.
    """
    selected = select(model, layers, reduce, mask, heads, skip).values()
    return {
        "model": f"{type(model).__name__} {_digest(model)}",
        "layers": {layer.name: layer.rows() for layer in selected},
        "channels": channels,
        "dtype": "as computed" if dtype is None else str(dtype).removeprefix("torch."),
    }


def _digest(model: nn.Module) -> str:
    digest = blake2b(digest_size=8)
    # Without the memory addresses that a printed module may contain.
    digest.update(re.sub(r"0x[0-9a-f]+", "", repr(model)).encode())
    for name, x in model.state_dict(keep_vars=True).items():
        if not isinstance(x, Tensor) or is_lazy(x) or x.layout != torch.strided:
            continue
        if x.is_meta:  # of an offloaded model
            digest.update(f"{name} {x.dtype} {tuple(x.shape)} offloaded ".encode())
            continue
        digest.update(f"{name} {x.dtype} {tuple(x.shape)} ".encode())
        digest.update(x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
