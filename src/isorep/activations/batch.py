"""Batch: the inputs of some samples, with labels and masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isorep._utils.validation import unknown_name

MASK, DECODER_MASK = "attention_mask", "decoder_attention_mask"
_DECODER = "decoder"


@dataclass(frozen=True)
class Batch:
    """`n` samples as a model takes them.

    Parameters
    ----------
    inputs
        A tensor, the first argument of the model; a list with one item for each sample, as models
        of detection take images; or the model's keywords.
    n
        Number of samples.
    labels
        One label for each sample, or None.
    mask
        Mask (n, T), True for tokens and False for padding.
    decoder_mask
        Mask of the decoder's input.
    more
        What came after the inputs in a tuple: further arguments, if the model requires some.
    label_inputs
        Labels by the name of their keyword, which only a model gets that asks for them.
    ids
        Ids of the samples, if they were computed before.
    others
        The same samples for the second model, the third, and so on, if each has its own inputs.
    """

    inputs: Tensor | list[Any] | dict[str, Any]
    n: int
    labels: NDArray[Any] | None = None
    mask: Tensor | None = None
    decoder_mask: Tensor | None = None
    more: tuple[Any, ...] = ()
    label_inputs: Mapping[str, Any] = field(default_factory=dict)
    ids: tuple[str, ...] | None = None
    others: tuple[Batch, ...] = ()

    def for_model(self, i: int) -> Batch:
        """Return the samples as model number `i` takes them."""
        return self.others[i - 1] if i and self.others else self

    @property
    def divisible(self) -> bool:
        """Whether each input has the samples as its first axis, or is the same for all of them."""
        return not self._undivided()

    def _undivided(self) -> list[str]:
        """Return the tensors that have rows, but not one for each sample."""
        return [
            key
            for key, x in self._all_inputs().items()
            if isinstance(x, Tensor) and x.ndim and len(x) not in (1, self.n)
        ]

    def cut(self, start: int, stop: int) -> Batch:
        """Return the samples from `start` up to `stop`.

        Raises
        ------
        ValueError
            An input cannot be cut.
        """
        index = range(self.n)[start:stop]
        return self if len(index) == self.n else self.take(index)

    def take(self, index: Sequence[int]) -> Batch:
        """Return the samples with these numbers, in this order; see `cut`."""
        if not self.divisible:
            raise ValueError(
                f"the input {self._undivided()[0]!r} has no row for each of the {self.n} samples "
                "(packed patches or nodes of graphs), so that the batch cannot be divided: pass "
                "batches of the size that you want, and leave out max_samples"
            )
        rows = list(index)

        def take(value: Any) -> Any:
            if _has_samples(value, self.n) and self.n > 0:
                if isinstance(value, list | tuple):
                    return type(value)([value[i] for i in rows])
                return value[rows]
            return value

        return replace(
            self._changed(take),
            n=len(rows),
            labels=None if self.labels is None else self.labels[rows],
            ids=None if self.ids is None else tuple(self.ids[i] for i in rows),
            others=tuple(other.take(index) for other in self.others),
        )

    def copied_to(self, device: torch.device | None, dtype: torch.dtype | None = None) -> Batch:
        """Return a copy with its own tensors.

        Parameters
        ----------
        device
            Device of the tensors; None keeps that of each tensor.
        dtype
            dtype of floating point inputs; None keeps that of each tensor.
        """

        def move(value: Any) -> Any:
            if isinstance(value, Tensor):
                cast = dtype if value.is_floating_point() else None
                return value.to(device=device, dtype=cast, copy=True)
            if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
                return type(value)([move(x) for x in value])
            return value

        return self._changed(move)

    def _changed(self, change: Callable[[Any], Any]) -> Batch:
        """Return a batch each input and mask of which is changed."""
        inputs: Tensor | list[Any] | dict[str, Any]
        if isinstance(self.inputs, dict):
            inputs = {key: change(value) for key, value in self.inputs.items()}
        else:
            inputs = change(self.inputs)
        return replace(
            self,
            inputs=inputs,
            mask=change(self.mask),
            decoder_mask=change(self.decoder_mask),
            more=tuple(change(x) for x in self.more),
            label_inputs={key: change(x) for key, x in self.label_inputs.items()},
        )

    def named_inputs(self) -> dict[str, Any]:
        """Return the inputs by name; a tensor or list alone has the name ""."""
        return self.inputs if isinstance(self.inputs, dict) else {"": self.inputs}

    def _all_inputs(self) -> dict[str, Any]:
        more = {f"argument {i}": x for i, x in enumerate(self.more, 2) if isinstance(x, Tensor)}
        return {**self.named_inputs(), **{key: x for key, x in more.items() if x.ndim > 1}}

    def masks(self) -> dict[str, Tensor]:
        """Return the masks (n, T) of tokens, by the name of the input."""
        masks = {MASK: self.mask, DECODER_MASK: self.decoder_mask}
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
        mask = as_mask(self.named_inputs()[name], name, self.n, "the batch")
        assert mask is not None
        return mask

    def digests(self) -> tuple[str, ...]:
        """Return an id of each sample: a digest of its inputs, with their names and shapes.

        Padding is left out, so that the id of a sample does not depend on its batch. An input that
        has no row for each sample enters as a whole, and so do values that all samples share. Of
        numbers the value counts and not the dtype: float64 that is exact in float32 has the id of
        float32, and half precision too.
        """
        if self.ids is not None:
            return self.ids
        of_samples, shared = self._parts()
        of_batch = blake2b(digest_size=16)
        for part in shared:
            of_batch.update(part)
        digests = []
        for i in range(self.n):
            digest = blake2b(digest_size=16)
            for part_of in of_samples:
                for part in part_of(i):
                    digest.update(part)
            if shared:
                digest.update(of_batch.digest())
            digests.append(digest.hexdigest())
        return tuple(digests)

    def _parts(self) -> tuple[list[Callable[[int], list[bytes]]], list[bytes]]:
        """Return functions of a sample's number to bytes of it, and bytes that all share."""
        of_samples: list[Callable[[int], list[bytes]]] = []
        shared: list[bytes] = []
        inputs = self._all_inputs()
        for key in sorted(inputs):
            value = inputs[key]
            if key in (MASK, DECODER_MASK):
                continue
            mask = self.decoder_mask if key.startswith(_DECODER) else self.mask
            if isinstance(value, Tensor) and _has_samples(value, self.n):
                of_samples.append(_of_tensor(key, canonical(value), mask))
            elif isinstance(value, list | tuple) and _has_samples(value, self.n):
                of_samples.append(_of_list(key, value))
            elif isinstance(value, Tensor) and not _is_padded(value, mask):
                x = canonical(value)
                header = f"{key} whole {x.dtype} {tuple(x.shape)} ".encode()
                shared += [header, as_bytes(x, 0).tobytes()]
        return of_samples, shared


def _is_padded(x: Tensor, mask: Tensor | None) -> bool:
    """Return whether a shared input is as long as the padding, which depends on the batch."""
    return mask is not None and x.ndim > 1 and x.shape[1] == mask.shape[1]


def _of_tensor(key: str, x: Tensor, mask: Tensor | None) -> Callable[[int], list[bytes]]:
    tokens = None
    if mask is not None and x.shape[:2] == mask.shape:
        tokens = mask.cpu().numpy()
    data = as_bytes(x, 1 if tokens is None else 2)
    dtype, usual_shape = x.dtype, tuple(x.shape[1:])

    def part(i: int) -> list[bytes]:
        sample, shape = data[i], usual_shape
        if tokens is not None:
            sample = sample[tokens[i]]
            shape = (len(sample), *shape[1:])
        return [f"{key} {dtype} {shape} ".encode(), sample.tobytes()]

    return part


def _of_list(key: str, values: Sequence[Any]) -> Callable[[int], list[bytes]]:
    def part(i: int) -> list[bytes]:
        value = values[i]
        if isinstance(value, Tensor):
            x = canonical(value)
            return [f"{key} {x.dtype} {tuple(x.shape)} ".encode(), as_bytes(x, 0).tobytes()]
        return [f"{key} {value!r} ".encode()]

    return part


def canonical(x: Tensor) -> Tensor:
    """Return the same values in the smallest common dtype: float32 and int64, where exact."""
    if x.dtype in (torch.float16, torch.bfloat16):
        return x.float()
    if x.dtype == torch.float64:
        single = x.float()
        return single if torch.equal(single.double(), x) else x
    return x.long() if x.dtype in (torch.int16, torch.int32) else x


def as_mask(values: Any, name: str, n: int, where: str) -> Tensor | None:
    """Return `values` as a boolean mask (n, T), or None; raise ValueError if they are none."""
    if values is None:
        return None
    if not isinstance(values, Tensor) or values.ndim != 2 or len(values) != n:
        raise ValueError(
            f"{name} of {where} should be ({n}, T), one row for each sample, got {describe(values)}"
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


def _has_samples(x: Any, n: int) -> bool:
    if isinstance(x, list | tuple):  # of images of several sizes, or texts; (height, width) is not
        return len(x) == n > 0 and all(isinstance(item, Tensor | str) for item in x)
    return isinstance(x, Tensor) and x.ndim > 0 and len(x) == n


def as_bytes(tensor: Tensor, kept_axes: int) -> NDArray[np.uint8]:
    """Return the bytes of `tensor`, with its first axes kept and the others joined to one axis."""
    shape = tensor.shape[:kept_axes]
    rows = tensor.detach().cpu().contiguous().reshape(*shape, math.prod(tensor.shape[kept_axes:]))
    return rows.view(torch.uint8).numpy()


def describe(x: Any) -> str:
    """Return what a value is, for an error."""
    if isinstance(x, Tensor | np.ndarray):
        return f"shape {tuple(x.shape)}"
    if isinstance(x, tuple | list):
        return f"a {type(x).__name__} of {', '.join(type(y).__name__ for y in x[:3]) or 'nothing'}"
    if isinstance(x, Mapping):
        items = ", ".join(f"{key}: {type(value).__name__}" for key, value in x.items())
        return f"a dict of {items or 'nothing'}"
    return f"a {type(x).__name__}"
