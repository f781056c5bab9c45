"""Batches: split what a data set yields into inputs, labels, masks and sample digests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset

from isorep._utils.validation import as_integer, unknown_name

_CHUNK = 256
_MASK, _DECODER_MASK = "attention_mask", "decoder_attention_mask"
_DECODER, _DECODER_IDS = "decoder", "decoder_input_ids"
_LABELS = ("labels", "label")


@dataclass(frozen=True)
class Batch:
    """`n` samples: the model's input, a tensor or keywords, with labels and masks."""

    inputs: Tensor | dict[str, Any]
    n: int
    labels: NDArray[Any] | None
    mask: Tensor | None  # (n, T), True for tokens and False for padding
    decoder_mask: Tensor | None = None  # the mask of the decoder's input

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

    @property
    def divisible(self) -> bool:
        """Whether every input has the samples as its first axis, or is shared by all of them."""
        tensors = [x for x in self.named_inputs().values() if isinstance(x, Tensor)]
        return all(_has_samples(x, self.n) or x.ndim == 0 or len(x) == 1 for x in tensors)

    def named_inputs(self) -> dict[str, Any]:
        """Return the inputs by name; a tensor alone has the name ""."""
        return {"": self.inputs} if isinstance(self.inputs, Tensor) else self.inputs

    def masks(self) -> dict[str, Tensor]:
        """Return the masks (n, T) of tokens, by the name of the input."""
        masks = {_MASK: self.mask, _DECODER_MASK: self.decoder_mask}
        return {name: mask for name, mask in masks.items() if mask is not None}

    def mask_named(self, name: str) -> Tensor:
        """Return the input `name` as a mask (n, T), True for tokens.

        Raises
        ------
        ValueError
            There is no such input, or it is no mask.
        """
        if name not in self.named_inputs():
            raise ValueError(unknown_name("input", name, self.named_inputs()))
        mask = _mask(self.named_inputs()[name], name, self.n, "the batch")
        assert mask is not None
        return mask

    def take(self, index: Sequence[int]) -> Batch:
        """Return the samples with these numbers, in this order."""

        def take(value: Any) -> Any:
            return value[list(index)] if _has_samples(value, self.n) else value

        if isinstance(self.inputs, Tensor):
            inputs: Tensor | dict[str, Any] = take(self.inputs)
        else:
            inputs = {key: take(value) for key, value in self.inputs.items()}
        return Batch(
            inputs,
            n=len(index),
            labels=None if self.labels is None else self.labels[list(index)],
            mask=take(self.mask),
            decoder_mask=take(self.decoder_mask),
        )

    def copied_to(self, device: torch.device | None) -> Batch:
        """Return a copy with its own tensors on `device`; None keeps each tensor's device."""

        def move(value: Any) -> Any:
            return value.to(device, copy=True) if isinstance(value, Tensor) else value

        if isinstance(self.inputs, Tensor):
            inputs: Tensor | dict[str, Any] = move(self.inputs)
        else:
            inputs = {key: move(value) for key, value in self.inputs.items()}
        return replace(
            self, inputs=inputs, mask=move(self.mask), decoder_mask=move(self.decoder_mask)
        )

    def digests(self) -> list[str]:
        """Return a digest of each sample's input: names, dtypes, shapes and bytes.

        Padding and tensors that all samples of a batch share are left out, so that the digest of a
        sample does not depend on its batch.
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
    """Return `data` as an iterable of batches; a single batch is cut into smaller ones.

    Raises
    ------
    TypeError
        `data` is not iterable, or is a packed sequence.
    """
    if isinstance(data, Dataset):
        return DataLoader(data, batch_size=_CHUNK)  # a Dataset itself yields single samples
    is_packed = isinstance(data, PackedSequence)  # which is also a tuple
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
    """Yield the non-empty batches of `data`, with at most `max_samples` samples in all.

    Raises
    ------
    TypeError
        A batch has no tensor or is a packed sequence, or `max_samples` is no integer.
    ValueError
        A mask has a wrong shape or wrong values, or `max_samples` is not positive.
    """
    if max_samples is not None and as_integer(max_samples, "max_samples") < 1:
        raise ValueError(f"max_samples should be at least 1, got {max_samples}")
    remaining = math.inf if max_samples is None else max_samples
    for i, item in enumerate(data):
        batch = item if isinstance(item, Batch) else _parse(item, f"batch {i}")
        if batch.n > remaining:
            batch = batch.cut(0, int(remaining))
        if batch.n:
            yield batch
        remaining -= batch.n
        if not remaining:  # return here, so that the loop does not ask for another batch
            return


def _is_inputs_and_labels(data: Any) -> bool:
    """Return whether `data` is (inputs, labels): two batches would have equally many axes."""
    return (
        isinstance(data, tuple)
        and len(data) == 2
        and all(map(_is_array, data))
        and data[0].ndim > 1
        and data[1].ndim == 1
        and len(data[0]) == len(data[1])
    )


def _parse(batch: Any, where: str) -> Batch:
    """Split `batch`, which errors call `where`, into its parts."""
    samples, labels = batch, None
    is_packed = isinstance(batch, PackedSequence)  # which is also a tuple, of its raw parts
    if isinstance(batch, tuple | list) and batch and not is_packed:
        samples, labels = batch[0], (batch[1] if len(batch) > 1 else None)
    if isinstance(samples, PackedSequence):
        raise TypeError(
            f"{where} is a PackedSequence, which has no row for each sample; pad the sequences and "
            "pass an attention_mask, or pack them inside the model"
        )
    if _is_array(samples):
        x = _tensor(samples, where)
        if x.ndim == 0:
            raise ValueError(f"{where} is a single number; its first axis should be the samples")
        return Batch(x, len(x), _labels(labels, len(x)), mask=None)
    if not isinstance(samples, Mapping):
        raise TypeError(
            f"{where} should be a tensor, a tuple or list that begins with one, or a dict of "
            f"tensors, got {_describe(batch)}"
        )
    inputs = {key: _tensor(x, where) if _is_array(x) else x for key, x in samples.items()}
    for key in _LABELS:
        value = inputs.pop(key, None)
        labels = value if labels is None else labels
    n = next((len(x) for x in inputs.values() if isinstance(x, Tensor) and x.ndim), None)
    if n is None:
        raise TypeError(f"{where} is a dict without a tensor of inputs: {_describe(samples)}")
    mask, decoder_mask = (
        _mask(inputs.get(name), name, n, where) for name in (_MASK, _DECODER_MASK)
    )
    decoder = inputs.get(_DECODER_IDS)
    if decoder_mask is None and isinstance(decoder, Tensor) and decoder.ndim == 2:
        decoder_mask = torch.ones_like(decoder, dtype=torch.bool)
    return Batch(inputs, n, _labels(labels, n), mask, decoder_mask)


def _mask(values: Any, name: str, n: int, where: str) -> Tensor | None:
    if values is None:
        return None
    if not isinstance(values, Tensor) or values.ndim != 2 or len(values) != n:
        raise ValueError(
            f"{name} of {where} should be ({n}, T), one row for each sample, got "
            f"{_describe(values)}"
        )
    mask = values == 1
    if not (mask | (values == 0)).all():
        raise ValueError(f"{name} of {where} should hold 1 for tokens and 0 for padding only")
    if not mask.any(1).all():
        sample = int(mask.any(1).int().argmin())
        raise ValueError(
            f"{name} of {where} should have a token in every sample, and masks all of sample "
            f"{sample} of the batch"
        )
    return mask


def _labels(values: Any, n: int) -> NDArray[Any] | None:
    """Return `values` if they are one label for each sample; else return None."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy() if values.ndim == 1 else None
    elif isinstance(values, tuple | list):  # how a DataLoader collates strings
        values = np.asarray(values) if all(isinstance(x, str) for x in values) else None
    is_labels = (
        isinstance(values, np.ndarray) and values.shape == (n,) and values.dtype.kind in "fiubU"
    )
    return values if is_labels else None


def _tensor(array: Any, where: str) -> Tensor:
    if isinstance(array, Tensor):
        return array
    try:
        # np.require copies a read-only array, for which PyTorch would warn.
        return torch.from_numpy(np.require(array, requirements=["C", "W"]))
    except TypeError as error:
        raise TypeError(
            f"{where} should have arrays of numbers, got one of dtype {array.dtype}"
        ) from error


def _is_array(x: Any) -> bool:
    return isinstance(x, Tensor | np.ndarray)


def _has_samples(x: Any, n: int) -> bool:
    return isinstance(x, Tensor) and x.ndim > 0 and len(x) == n


def as_bytes(tensor: Tensor, kept_axes: int) -> NDArray[np.uint8]:
    """Return the bytes of `tensor`, with its first axes kept and the others joined to one axis."""
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
