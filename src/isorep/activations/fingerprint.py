"""Fingerprint of a capture, so that only an identical capture resumes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from isorep._utils.array_digest import array_digest
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
    digest = _structure_digest(model)
    for name, x in _tensors(model):
        if x.is_meta:  # of an offloaded model
            digest.update(f"{name} {x.dtype} {tuple(x.shape)} offloaded ".encode())
            continue
        digest.update(f"{name} {x.dtype} {tuple(x.shape)} ".encode())
        digest.update(_bytes(x))
    return digest.hexdigest()


def model_digest(model: nn.Module) -> str:
    """Return a digest of a model's structure and of some values of each of its tensors.

    A table keeps it. The cost does not grow with the sizes of tensors; see `array_digest`, whose
    rows are here those of a tensor's first axis.
    """
    digest = _structure_digest(model)
    for name, x in _tensors(model):
        digest.update(f"{name} {x.dtype} {_values_digest(x)} ".encode())
    return digest.hexdigest()


def _values_digest(x: Tensor) -> str:
    if x.is_meta:
        return "offloaded"
    x = x.detach()
    if x.is_quantized:
        x = x.int_repr()
    elif x.element_size() == 1:
        x = x.view(torch.uint8)  # NumPy has no float8
    try:
        return array_digest(x)
    except (TypeError, RuntimeError):  # another dtype that NumPy does not have
        return "unknown"


def _structure_digest(model: nn.Module) -> blake2b:
    # Without the memory addresses that a printed module may contain.
    printed = re.sub(r"0x[0-9a-f]+", "", repr(model))
    return blake2b(printed.encode(), digest_size=8)


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers whose values are known."""
    for name, x in model.state_dict(keep_vars=True).items():
        if isinstance(x, Tensor) and not is_lazy(x) and x.layout == torch.strided:
            yield name, x


def _bytes(x: Tensor) -> bytes:
    return x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
