"""Batch: the inputs of some samples, with labels and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isorep._utils.arrays import to_numpy
from isorep._utils.validation import unknown_name
from isorep.activations.input_names import DECODER_MASK, MASK
from isorep.activations.sample_digests import (
    PartsOfSample,
    of_array,
    of_items,
    of_value,
    sample_digests,
    whole_array,
)

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
    second
        Tensor with a row for each sample that came after these, and that no model requires: a
        target, or the input of the second of two models.
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
    second: Tensor | None = None
    ids: tuple[str, ...] | None = None
    others: tuple[Batch, ...] = ()

    def for_model(self, i: int) -> Batch:
        """Return the samples as model number `i` takes them."""
        return self.others[i - 1] if i and self.others else self

    def paired_with(self, other: Batch) -> Batch:
        """Return these samples with `other` as the second model takes them, and ids of both."""
        ids = tuple(
            blake2b(f"{x} {y}".encode(), digest_size=16).hexdigest()
            for x, y in zip(self.digests(), other.digests(), strict=True)
        )
        return replace(self, ids=ids, second=None, others=(replace(other, ids=ids),))

    @property
    def divisible(self) -> bool:
        """Whether each input has the samples as its first axis, or is the same for all of them."""
        return not self.undivided()

    def undivided(self) -> list[str]:
        """Return the tensors that have rows, but not one for each sample."""
        return [
            key
            for key, x in self._values()
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
                f"the input {self.undivided()[0]!r} has no row for each of the {self.n} samples "
                "(packed patches or nodes of graphs), so that the batch cannot be divided: pass "
                "batches of the size that you want, and leave out max_samples"
            )
        rows = list(index)

        def take(value: Any) -> Any:
            if not _has_samples(value, self.n):
                return value
            if isinstance(value, Tensor):
                return value[rows]
            return type(value)([value[i] for i in rows])

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
            if isinstance(value, list | tuple):  # with an item for each sample
                return type(value)([nested(x, move, 0) for x in value])
            return value

        return self._changed(move)

    def _changed(self, change: Callable[[Any], Any]) -> Batch:
        """Return a batch each input and mask of which is changed."""

        def changed(value: Any) -> Any:
            return nested(value, change, self.n)

        return replace(
            self,
            inputs=changed(self.inputs),
            mask=change(self.mask),
            decoder_mask=change(self.decoder_mask),
            more=tuple(map(changed, self.more)),
            label_inputs={key: changed(x) for key, x in self.label_inputs.items()},
            second=change(self.second),
        )

    def named_inputs(self) -> dict[str, Any]:
        """Return the inputs by name; a tensor or list alone has the name ""."""
        return self.inputs if isinstance(self.inputs, dict) else {"": self.inputs}

    def _values(self) -> Iterator[tuple[str, Any]]:
        """Yield all values that a model gets, also those inside others, with a name of each."""
        more = {f"argument {i}": x for i, x in enumerate(self.more, 2)}
        yield from _inside("", {**self.named_inputs(), **more, **self.label_inputs}, self.n)

    def tensors(self) -> Iterator[tuple[Tensor, bool]]:
        """Yield all tensors that a model gets, and whether each may have a row for each sample.

        The tensors of a list with an item for each sample have none.
        """
        for _, value in self._values():
            if isinstance(value, Tensor):
                yield value, True
            elif isinstance(value, list | tuple):
                yield from ((x, False) for _, x in _inside("", value, 0) if isinstance(x, Tensor))

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
        has no row for each sample enters as a whole, and so do tensors, numbers and texts that all
        samples share; booleans and None, which are options of a model, do not. Of numbers the value
        counts and not the dtype: float64 that is exact in float32 has the id of float32, and half
        precision too.
        """
        if self.ids is not None:
            return self.ids
        of_samples: list[PartsOfSample] = []
        shared: list[bytes] = []
        for key, value in self._values():
            if key in (MASK, DECODER_MASK):
                continue
            mask = self.decoder_mask if key.startswith(_DECODER) else self.mask
            if isinstance(value, Tensor) and _has_samples(value, self.n):
                of_samples.append(of_array(key, value, None if mask is None else to_numpy(mask)))
            elif isinstance(value, list | tuple) and _has_samples(value, self.n):
                of_samples.append(of_items(key, value, lambda name, x: _inside(name, x, 0)))
            elif isinstance(value, Tensor) and not _is_padded(value, mask):
                shared += whole_array(f"{key} whole", value)
            elif isinstance(value, Real | str) and not isinstance(value, bool):
                shared.append(of_value(key, value))
        return sample_digests(self.n, of_samples, shared)


def _is_padded(x: Tensor, mask: Tensor | None) -> bool:
    """Return whether a shared input is as long as the padding, which depends on the batch."""
    return mask is not None and x.ndim > 1 and x.shape[1] == mask.shape[1]


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
    """Return whether a value has a row or item for each of n > 0 samples."""
    if isinstance(x, list):  # of images of several sizes, sizes, or targets
        return len(x) == n > 0
    if isinstance(x, tuple):  # of images or texts, as DataLoader collates; (height, width) is not
        return len(x) == n > 0 and all(isinstance(item, Tensor | str) for item in x)
    return isinstance(x, Tensor) and x.ndim > 0 and len(x) == n > 0


def nested(value: Any, change: Callable[[Any], Any], n: int) -> Any:
    """Return dicts, lists and tuples with every value inside changed.

    A list with an item for each of n samples counts as one value.
    """
    if _has_samples(value, n):
        return change(value)
    if isinstance(value, Mapping):
        return {key: nested(x, change, n) for key, x in value.items()}
    if isinstance(value, list | tuple):
        items = [nested(x, change, n) for x in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return change(value)


def _inside(name: str, value: Any, n: int) -> Iterator[tuple[str, Any]]:
    """Yield the values that `nested` changes, in the order of their names, with these names."""
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _inside(f"{name}.{key}" if name else str(key), value[key], n)
    elif isinstance(value, list | tuple) and not _has_samples(value, n):
        for i, x in enumerate(value):
            yield from _inside(f"{name}[{i}]", x, n)
    else:
        yield name, value


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
