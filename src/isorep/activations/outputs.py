"""Outputs: the tensors in what a module returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

# Names of the main tensor in the outputs of Hugging Face's models.
_MAIN_KEYS = ("last_hidden_state", "logits")


class Unusable(Exception):  # noqa: N818  no error if only a wildcard selected the layer
    """An output that has no row for each sample. The message continues "layer 'name' ..."."""


def tensors_in(output: Any) -> list[Tensor | PackedSequence]:
    """Return the tensors and packed sequences in an output, the likeliest main one first.

    ``last_hidden_state`` and ``logits`` come before all others; these keep their order.
    """
    return [output] if isinstance(output, Tensor) else list(_tensors_in(output))


def _tensors_in(output: Any) -> Iterator[Tensor | PackedSequence]:
    # Checked before tuples, since a packed sequence is also a tuple of its raw parts.
    if isinstance(output, Tensor | PackedSequence):
        yield output
        return
    if is_dataclass(output) and not isinstance(output, Mapping | type):
        output = {field.name: getattr(output, field.name) for field in fields(output)}
    if isinstance(output, Mapping):
        main = [key for key in _MAIN_KEYS if key in output]
        parts = [output[key] for key in [*main, *(key for key in output if key not in main)]]
    elif isinstance(output, tuple | list):
        parts = list(output)
    else:
        return
    for part in parts:
        yield from _tensors_in(part)


def dense(x: Tensor) -> Tensor:
    """Return a tensor of floats with one shape.

    Raises
    ------
    Unusable
        The tensor is nested, sparse, or of integers.
    """
    if x.is_nested or x.layout != torch.strided:
        raise Unusable("returns a nested or sparse tensor; expected a dense one")
    if x.is_quantized:
        x = x.dequantize()
    if not x.is_floating_point():
        dtype = str(x.dtype).removeprefix("torch.")
        raise Unusable(f"has shape {tuple(x.shape)} and dtype {dtype}; expected a float")
    return x


def padded(sequence: PackedSequence) -> tuple[Tensor, Tensor]:
    """Return the padded tensor (n, T, p) of a packed sequence, and its mask (n, T)."""
    tensor, lengths = pad_packed_sequence(sequence, batch_first=True)
    mask = torch.arange(tensor.shape[1])[None, :] < lengths[:, None]
    return tensor, mask.to(tensor.device)
