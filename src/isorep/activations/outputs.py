"""Outputs: find the tensor to keep in what a module returns, and put the samples first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

# Names of the main tensor in the outputs of Hugging Face's models.
_MAIN_KEYS = ("last_hidden_state", "logits")


class Unusable(Exception):  # noqa: N818  no error if only a wildcard selected the layer
    """An output that has no row for each sample. The message continues "layer 'name' ..."."""


def activation(output: Any, n: int, samples: int) -> tuple[Tensor, Tensor | None]:
    """Return the tensor in `output`, (n, ...), and the mask (n, T) that a packed sequence implies.

    Parameters
    ----------
    output
        Tensor, packed sequence, or tuple, list, dict or dataclass of them. Of several tensors,
        ``last_hidden_state`` or ``logits`` is kept, else the first.
    n
        Number of samples in the batch.
    samples
        Axis of the samples in a tensor: 0, or 1 for (T, n, features), or -1 for either.

    Raises
    ------
    Unusable
        There is no floating point tensor with `n` samples, or their axis is unknown.
    """
    main = find_tensor(output)
    if isinstance(main, PackedSequence):
        tensor, lengths = pad_packed_sequence(main, batch_first=True)
        mask = torch.arange(tensor.shape[1])[None, :] < lengths[:, None]
        mask = mask.to(tensor.device)
    elif isinstance(main, Tensor):
        if main.is_nested or main.layout != torch.strided:
            raise Unusable("returns a nested or sparse tensor; expected a dense one")
        tensor, mask = (main.dequantize() if main.is_quantized else main), None
        if samples == -1 and len(tensor) == n:
            raise Unusable(
                f"has shape {tuple(tensor.shape)}, and either of the first two axes may be the {n} "
                "samples of the batch; use batches of another size"
            )
        if samples == 1 and tensor.ndim == 3:
            tensor = tensor.transpose(0, 1)
    else:
        raise Unusable(f"returns {type(output).__name__}; expected a tensor")
    if not tensor.is_floating_point():
        raise Unusable(
            f"has shape {tuple(tensor.shape)} and dtype {_name(tensor.dtype)}; expected a float"
        )
    if tensor.ndim == 0 or len(tensor) != n:
        raise Unusable(
            f"has shape {tuple(tensor.shape)}, whose first axis is not the {n} samples of the batch"
        )
    return tensor, mask


def find_tensor(output: Any) -> Tensor | PackedSequence | None:
    """Return the main tensor or packed sequence in `output`; None if there is none."""
    # Checked before tuples, since a packed sequence is also a tuple of its raw parts.
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
