"""Batches: what a data set yields, taken apart into inputs, labels, mask and sample identity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset

from isorep._utils.validation import as_integer

_CHUNK = 256
_MASK, _DECODER_MASK = "attention_mask", "decoder_attention_mask"
_DECODER, _DECODER_IDS = "decoder", "decoder_input_ids"
_CROSS_ATTENTION = {"crossattention", "cross_attn", "encoder_attn", "EncDecAttention"}
_KEYS_AND_VALUES = {"k", "v", "k_proj", "v_proj", "key", "value"}
_LABELS = ("labels", "label")


@dataclass(frozen=True)
class Batch:
    """`n` samples: the model's input, a tensor or keywords, and what is known about the samples."""

    inputs: Tensor | dict[str, Any]
    n: int
    labels: NDArray[Any] | None
    mask: Tensor | None  # (n, T), True for tokens and False for padding
    decoder_mask: Tensor | None = None  # the same of the tokens that a decoder is given

    def cut(self, start: int, stop: int) -> Batch:
        """Return the samples from `start` up to `stop`."""
        rows = slice(start, stop)

        def cut(value: Any) -> Any:
            return value[rows] if _has_samples(value, self.n) else value

        if isinstance(self.inputs, Tensor):
            inputs: Tensor | dict[str, Any] = cut(self.inputs)
        else:
            inputs = {key: cut(value) for key, value in self.inputs.items()}
        return Batch(
            inputs,
            n=len(range(self.n)[rows]),
            labels=None if self.labels is None else self.labels[rows],
            mask=cut(self.mask),
            decoder_mask=cut(self.decoder_mask),
        )

    def copied_to(self, device: torch.device | None) -> Batch:
        """Return the same batch with tensors of its own on `device`; None: where they are."""

        def move(value: Any) -> Any:
            return value.to(device, copy=True) if isinstance(value, Tensor) else value

        if isinstance(self.inputs, Tensor):
            inputs: Tensor | dict[str, Any] = move(self.inputs)
        else:
            inputs = {key: move(value) for key, value in self.inputs.items()}
        return replace(
            self, inputs=inputs, mask=move(self.mask), decoder_mask=move(self.decoder_mask)
        )

    def mask_of(self, layer: str, positions: int) -> Tensor | None:
        """Return the mask for the tokens that a layer puts out, by its name in Hugging Face's way.

        What is inside a decoder has its tokens, but for the keys and values of what it attends to.
        """
        *parts, last = layer.partition("#")[0].split(".")
        of_encoder = last in _KEYS_AND_VALUES and not _CROSS_ATTENTION.isdisjoint(parts)
        masks = [self.mask]
        if self.decoder_mask is not None and _DECODER in (*parts, last):
            masks = [self.mask, self.decoder_mask] if of_encoder else [self.decoder_mask, self.mask]
        return next((x for x in masks if x is not None and x.shape[1] == positions), masks[0])

    def digests(self) -> list[str]:
        """Return a digest of each sample's input: its names, dtypes, shapes and bytes.

        Padding is left out, and so are tensors that the samples of a batch share: a sample has the
        same digest in whatever batch it comes.
        """
        inputs = {"": self.inputs} if isinstance(self.inputs, Tensor) else self.inputs
        parts: list[tuple[str, Tensor, NDArray[np.uint8], NDArray[np.bool_] | None]] = []
        for key in sorted(inputs):
            value = inputs[key]
            if key in (_MASK, _DECODER_MASK) or not _has_samples(value, self.n):
                continue
            mask = self.decoder_mask if key.startswith(_DECODER) else self.mask
            if mask is not None and value.shape[:2] == mask.shape:
                parts.append((key, value, as_bytes(value, 2), mask.cpu().numpy()))
            else:
                parts.append((key, value, as_bytes(value, 1), None))
        digests = []
        for i in range(self.n):
            digest = blake2b(digest_size=16)
            for key, value, data, tokens in parts:
                sample, shape = data[i], tuple(value.shape[1:])
                if tokens is not None:
                    sample = sample[tokens[i]]
                    shape = (len(sample), *shape[1:])
                digest.update(f"{key} {value.dtype} {shape} ".encode())
                digest.update(sample.tobytes())
            digests.append(digest.hexdigest())
        return digests


def as_batches(data: Any) -> Iterable[Any]:
    """Return `data` as an iterable of batches; what is a single one is cut.

    Raises
    ------
    TypeError
        When it cannot be iterated over, or is a packed sequence.
    """
    if isinstance(data, Dataset):
        return DataLoader(data, batch_size=_CHUNK)  # over single samples otherwise
    is_packed = isinstance(data, PackedSequence)  # a tuple, too
    if _is_array(data) or isinstance(data, Mapping) or is_packed or _is_inputs_and_labels(data):
        whole = _parse(data, "the data")
        return [whole.cut(start, start + _CHUNK) for start in range(0, whole.n, _CHUNK)]
    if isinstance(data, Iterable):
        return data
    raise TypeError(
        "data should be a tensor, a dict of tensors, a Dataset or an iterable of batches, got "
        f"{type(data).__name__}"
    )


def batches(data: Iterable[Any], max_samples: int | None) -> Iterator[Batch]:
    """Yield the batches of `data`, at most `max_samples` samples in all, none of them empty.

    Raises
    ------
    TypeError
        A batch has no tensor, or is a packed sequence; `max_samples` is no integer.
    ValueError
        A mask is not what it should be, or `max_samples` is not positive.
    """
    if max_samples is not None and as_integer(max_samples, "max_samples") < 1:
        raise ValueError(f"max_samples should be at least 1, got {max_samples}")
    left = math.inf if max_samples is None else max_samples
    for i, given in enumerate(data):
        batch = given if isinstance(given, Batch) else _parse(given, f"batch {i}")
        if batch.n > left:
            batch = batch.cut(0, int(left))
        if batch.n:
            yield batch
        left -= batch.n
        if not left:  # without asking for one batch more
            return


def _is_inputs_and_labels(data: Any) -> bool:
    """Tell (x, y) from two batches: no two batches differ in their number of axes."""
    return (
        isinstance(data, tuple)
        and len(data) == 2
        and all(map(_is_array, data))
        and data[0].ndim > 1
        and data[1].ndim == 1
        and len(data[0]) == len(data[1])
    )


def _parse(batch: Any, where: str) -> Batch:
    """Take `batch`, which errors call `where`, apart."""
    given, labels = batch, None
    is_packed = isinstance(batch, PackedSequence)  # a tuple, too, of its raw parts
    if isinstance(batch, tuple | list) and batch and not is_packed:
        given, labels = batch[0], (batch[1] if len(batch) > 1 else None)
    if isinstance(given, PackedSequence):
        raise TypeError(
            f"{where} is a PackedSequence, which has no row for each sample; pad the sequences and "
            "pass an attention_mask, or pack them inside the model"
        )
    if _is_array(given):
        x = _tensor(given, where)
        if x.ndim == 0:
            raise ValueError(f"{where} is a single number; its first axis should be the samples")
        return Batch(x, len(x), _labels(labels, len(x)), mask=None)
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{where} should be a tensor, a tuple or list that begins with one, or a dict of "
            f"tensors, got {_describe(batch)}"
        )
    inputs = {key: _tensor(x, where) if _is_array(x) else x for key, x in given.items()}
    for key in _LABELS:
        own = inputs.pop(key, None)
        labels = own if labels is None else labels
    n = next((len(x) for x in inputs.values() if isinstance(x, Tensor) and x.ndim), None)
    if n is None:
        raise TypeError(f"{where} is a dict without a tensor of inputs: {_describe(given)}")
    mask, decoder_mask = (
        _mask(inputs.get(name), name, n, where) for name in (_MASK, _DECODER_MASK)
    )
    decoder = inputs.get(_DECODER_IDS)
    if decoder_mask is None and isinstance(decoder, Tensor) and decoder.ndim == 2:
        decoder_mask = torch.ones_like(decoder, dtype=torch.bool)
    return Batch(inputs, n, _labels(labels, n), mask, decoder_mask)


def _mask(given: Any, name: str, n: int, where: str) -> Tensor | None:
    if given is None:
        return None
    if not isinstance(given, Tensor) or given.ndim != 2 or len(given) != n:
        raise ValueError(
            f"{name} of {where} should be ({n}, T), one row for each sample, got {_describe(given)}"
        )
    mask = given == 1
    if not (mask | (given == 0)).all():
        raise ValueError(f"{name} of {where} should hold 1 for tokens and 0 for padding only")
    if not mask.any(1).all():
        sample = int(mask.any(1).int().argmin())
        raise ValueError(f"{name} of {where} leaves no token of sample {sample} in the batch")
    return mask


def _labels(given: Any, n: int) -> NDArray[Any] | None:
    """Return labels if `given` is one for each sample; what else comes with inputs is ignored."""
    if isinstance(given, Tensor):
        given = given.detach().cpu().numpy() if given.ndim == 1 else None
    elif isinstance(given, tuple | list):  # how a DataLoader collates strings
        given = np.asarray(given) if all(isinstance(x, str) for x in given) else None
    is_labels = (
        isinstance(given, np.ndarray) and given.shape == (n,) and given.dtype.kind in "fiubU"
    )
    return given if is_labels else None


def _tensor(array: Any, where: str) -> Tensor:
    if isinstance(array, Tensor):
        return array
    try:
        # A copy where PyTorch would warn that it cannot keep the array from being written to.
        return torch.from_numpy(np.require(array, requirements=["C", "W"]))
    except TypeError as error:
        raise TypeError(f"{where} has an array of dtype {array.dtype}, not of numbers") from error


def _is_array(x: Any) -> bool:
    return isinstance(x, Tensor | np.ndarray)


def _has_samples(x: Any, n: int) -> bool:
    return isinstance(x, Tensor) and x.ndim > 0 and len(x) == n


def as_bytes(tensor: Tensor, kept_axes: int) -> NDArray[np.uint8]:
    """Return the bytes of `tensor`, its first axes kept and the others joined to one.

    NumPy has no bfloat16, so the bytes are taken by PyTorch.
    """
    shape = tensor.shape[:kept_axes]
    rows = tensor.detach().cpu().contiguous().reshape(*shape, math.prod(tensor.shape[kept_axes:]))
    return rows.view(torch.uint8).numpy()


def _describe(x: Any) -> str:
    if _is_array(x):
        return f"shape {tuple(x.shape)}"
    if isinstance(x, tuple | list):
        return f"a {type(x).__name__} of {', '.join(type(y).__name__ for y in x[:3]) or 'nothing'}"
    if isinstance(x, Mapping):
        return (
            f"a dict of {', '.join(f'{k}: {type(v).__name__}' for k, v in x.items()) or 'nothing'}"
        )
    return f"a {type(x).__name__}"
