"""Outputs: the one tensor to keep in whatever a module returns, samples first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

# What Hugging Face's outputs call the tensor that stands for the model.
_MAIN_KEYS = ("last_hidden_state", "logits")


class Unusable(Exception):  # noqa: N818  no error when only a wildcard selected the layer
    """An output that has no row for each sample. The text goes on from "layer 'name' ..."."""


def activation(output: Any, n: int, samples: int) -> tuple[Tensor, Tensor | None]:
    """Return the tensor in `output`, (n, ...), and the mask (n, T) that a packed sequence implies.

    Parameters
    ----------
    output
        A tensor; a packed sequence; a tuple, list, dict or dataclass of such: its
        ``last_hidden_state`` or ``logits`` if it has them, else the first tensor in it.
    n
        The number of samples in the batch.
    samples
        The axis of the samples in a tensor: 0, or 1 for (T, n, features), or -1 for either.

    Raises
    ------
    Unusable
        There is no floating point tensor with `n` samples, or it cannot be told where they are.
    """
    found = find_tensor(output)
    if isinstance(found, PackedSequence):
        tensor, lengths = pad_packed_sequence(found, batch_first=True)
        mask = torch.arange(tensor.shape[1])[None, :] < lengths[:, None]
        mask = mask.to(tensor.device)
    elif isinstance(found, Tensor):
        if found.is_nested or found.layout != torch.strided:
            raise Unusable("puts out a nested or sparse tensor")
        tensor, mask = (found.dequantize() if found.is_quantized else found), None
        if samples == -1 and len(tensor) == n:
            raise Unusable(
                f"has shape {tuple(tensor.shape)}, and either of the first two axes may be the {n} "
                "samples of the batch; with batches of another size it can be told"
            )
        if samples == 1 and tensor.ndim == 3:
            tensor = tensor.transpose(0, 1)
    else:
        raise Unusable(f"puts out no tensor but {type(output).__name__}")
    if not tensor.is_floating_point():
        raise Unusable(f"has shape {tuple(tensor.shape)} and dtype {_name(tensor.dtype)}, no float")
    if tensor.ndim == 0 or len(tensor) != n:
        raise Unusable(
            f"has shape {tuple(tensor.shape)}, whose first axis is not the {n} samples of the batch"
        )
    return tensor, mask


def find_tensor(output: Any) -> Tensor | PackedSequence | None:
    """Return the tensor or packed sequence that stands for `output`; None if there is none."""
    # A packed sequence is a tuple too, of its raw parts.
    if isinstance(output, Tensor | PackedSequence):
        return output
    if is_dataclass(output) and not isinstance(output, Mapping):
        output = {field.name: getattr(output, field.name) for field in fields(output)}
    if isinstance(output, Mapping):
        parts = [output[key] for key in _MAIN_KEYS if key in output] + list(output.values())
    elif isinstance(output, tuple | list):
        parts = list(output)
    else:
        return None
    return next((x for x in map(find_tensor, parts) if x is not None), None)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
