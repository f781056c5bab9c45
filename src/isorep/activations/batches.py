"""Batches: split what a data set yields into inputs, labels and masks."""

from __future__ import annotations

import itertools
import math
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from isorep._utils.tables import as_labels, dense_numbers, is_hugging_face
from isorep._utils.tokens import UNLIMITED, are_texts, listed_texts
from isorep._utils.validation import as_integer
from isorep.activations.batch import Batch, as_mask, describe, nested
from isorep.activations.data_sources import BATCH_SIZE, read_source
from isorep.activations.input_names import DECODER_MASK, HAVE_SAMPLES, LABELS, MASK
from isorep.activations.model_call import accepted_names, longest_input, needed
from isorep.activations.paired_data import OneSide, PairedData

_DECODER_IDS = "decoder_input_ids"


def as_batches(
    data: Any, models: Sequence[nn.Module] | None = None, tokenizer: Any = None
) -> Iterable[Any]:
    """Return `data` as an iterable of batches; a single batch is cut into smaller ones.

    A batch with an input that has no row for each sample stays whole. What none of the `models`
    gets does not count as an input. A tokenizer turns texts into tokens.

    Raises
    ------
    TypeError
        `data` is not iterable, or is a packed sequence or texts without a tokenizer.
    """
    if isinstance(data, Dataset) and not is_hugging_face(data):
        return DataLoader(data, batch_size=BATCH_SIZE)  # a Dataset itself yields single samples
    data = listed_texts(data)
    if are_texts(data) and tokenizer is None:
        raise TypeError(
            "data are texts, which a model does not take: pass tokenizer=, such as "
            "transformers.AutoTokenizer.from_pretrained(folder)"
        )
    if not isinstance(data, PairedData | OneSide):
        data = read_source(
            data,
            tokenizer=tokenizer,
            longest=min(map(longest_input, models or ()), default=UNLIMITED),
            columns=None if models is None else accepted_names(models),
            tensors="pt",
        )
    if _are_two_loaders(data):
        data = PairedData(*data)
    if isinstance(data, PairedData):
        return _Pairs(data)
    if isinstance(data, OneSide):
        return _Side(data)
    is_packed = isinstance(data, PackedSequence)  # which is also a tuple
    if isinstance(data, tuple) and len(data) == 2 and not is_packed:
        data = (data[0], _plain_column(data[1]))
    if _is_array(data) or isinstance(data, Mapping) or is_packed or _is_inputs_and_labels(data):
        whole = _parse(data, "the data")
        whole = whole if models is None else needed(whole, models)
        if not whole.divisible:
            return [whole]
        return [whole.cut(start, start + BATCH_SIZE) for start in range(0, whole.n, BATCH_SIZE)]
    if isinstance(data, Iterable):
        return data
    raise TypeError(
        "data should be a tensor, a dict of tensors, a Dataset or an iterable of batches, got "
        f"{type(data).__name__}; pass a dict of the model's keywords instead of an object"
    )


def shuffles(data: Any) -> bool:
    """Return whether data are a loader that draws samples at random."""
    if isinstance(data, OneSide):
        return shuffles(data.data)
    if isinstance(data, PairedData):
        return shuffles(data.a)  # two that are read side by side may not shuffle
    sampler = getattr(data, "sampler", None)
    inner = getattr(getattr(data, "batch_sampler", None), "sampler", None)
    random = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
    return isinstance(data, DataLoader) and any(
        isinstance(x, random) or (isinstance(x, DistributedSampler) and x.shuffle)
        for x in (sampler, inner)
    )


def side_of(data: Any, number: int) -> Any:
    """Return the data of model number 0 or 1, if data are paired; else return them as they are."""
    if _are_two_loaders(data):
        data = PairedData(*data)
    return data.side(number) if isinstance(data, PairedData) else data


def _are_two_loaders(data: Any) -> bool:
    """Return whether `data` is a tuple of two iterables that cannot be two batches."""
    return (
        isinstance(data, tuple)
        and len(data) == 2
        and all(isinstance(x, Iterable | Dataset) for x in data)
        and not any(_is_array(x) or isinstance(x, Mapping | list | tuple | str) for x in data)
    )


class _Pairs(Iterable[Batch]):
    """The batches of paired data: those of the first side, with those of the second as `others`."""

    def __init__(self, data: PairedData) -> None:
        sides = [data.a] if data.b is None else [data.a, data.b]
        if len(sides) == 2 and any(map(shuffles, sides)):
            raise ValueError(
                "the two data of the models are read side by side, and a DataLoader that shuffles "
                "brings other samples than its neighbour: pass shuffle=False, or one loader of "
                "batches (x_a, x_b) as PairedData(loader)"
            )
        self._sides = [as_batches(side) for side in sides]

    def __length_hint__(self) -> int:
        return min(operator.length_hint(side) for side in self._sides)

    def __iter__(self) -> Iterator[Batch]:
        if len(self._sides) == 1:
            for i, item in enumerate(self._sides[0]):
                yield _pair(item, f"batch {i}")
            return
        sides = [batches(side, None) for side in self._sides]
        for i, (a, b) in enumerate(itertools.zip_longest(*sides)):
            if a is None or b is None or a.n != b.n:
                sizes = [0 if x is None else x.n for x in (a, b)]
                raise ValueError(
                    f"the two data of the models differ: batch {i} has {sizes[0]} and {sizes[1]} "
                    "samples; give both the same samples in batches of the same size"
                )
            yield a.paired_with(b)


def _pair(item: Any, where: str) -> Batch:
    """Return the batch of a pair (x_a, x_b)."""
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise ValueError(
            f"{where} of PairedData with one argument should be a pair (x_a, x_b), got "
            f"{describe(item)}"
        )
    a, b = (_parse(x, f"{where}, input of model {i}") for i, x in enumerate(item))
    if a.n != b.n:
        raise ValueError(f"{where} has {a.n} samples for the first model and {b.n} for the second")
    return a.paired_with(b)


class _Side(Iterable[Batch]):
    """The batches of one side of paired data, with the ids of the pairs."""

    def __init__(self, side: OneSide) -> None:
        self._pairs = _Pairs(side.data)
        self._number = side.number

    def __length_hint__(self) -> int:
        return operator.length_hint(self._pairs)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self._pairs:
            yield replace(batch.for_model(self._number), others=())


def batches(
    data: Iterable[Any], max_samples: int | None, models: Sequence[nn.Module] | None = None
) -> Iterator[Batch]:
    """Yield the non-empty batches of `data`, with at most `max_samples` samples in all.

    With `models`, what none of them gets is left out.

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
        batch = batch if models is None else needed(batch, models)
        if batch.n > remaining:
            batch = batch.cut(0, int(remaining))
        if batch.n:
            yield batch
        remaining -= batch.n
        if not remaining:  # return here, so that the loop does not ask for another batch
            return


def _is_inputs_and_labels(data: Any) -> bool:
    """Return whether `data` is (inputs, labels): two batches would have equally many axes.

    Raise ValueError unless there is a label for each input.
    """
    if not (isinstance(data, tuple) and len(data) == 2 and _is_array(data[0]) and data[0].ndim > 1):
        return False
    labels = data[1]
    is_column = labels.ndim == 1 if _is_array(labels) else _is_texts(labels)
    if is_column and len(labels) != len(data[0]):
        raise ValueError(
            f"data are inputs of {len(data[0])} samples and {len(labels)} labels: pass one label "
            "for each sample"
        )
    return bool(is_column)


def _parse(batch: Any, where: str) -> Batch:
    """Split `batch`, which errors call `where`, into its parts."""
    samples, labels = batch, None
    more: tuple[Any, ...] = ()
    is_packed = isinstance(batch, PackedSequence)  # which is also a tuple, of its raw parts
    if isinstance(batch, tuple | list) and batch and not is_packed:
        samples, *others = batch[0], *map(_plain_column, batch[1:])
        labels = others[0] if others else None
        more = tuple(_tensors(x, where) for x in others)
    if isinstance(samples, PackedSequence):
        raise _packed(where)
    samples = dense_numbers(samples, where)
    if _is_array(samples):
        x = _tensor(samples, where)
        if x.ndim == 0:
            raise ValueError(f"{where} is a single number; its first axis should be the samples")
        return Batch(x, len(x), _labels(labels, len(x)), more=more)
    if isinstance(samples, tuple | list) and samples and all(map(_is_array, samples)):
        items = [_tensor(x, where) for x in samples]
        return Batch(items, len(items), _labels(labels, len(items)), more=more)
    if not isinstance(samples, Mapping):
        raise TypeError(
            f"{where} should be a tensor, a tuple or list that begins with one, or a dict of "
            f"tensors, got {describe(batch)}; pass a dict of the model's keywords instead of an "
            "object"
        )
    inputs = {
        key: _tensors(_plain_column(x) if key in LABELS else x, where)
        for key, x in samples.items()
        if not str(key).startswith("__")  # what webdataset says of a sample: its key and its place
    }
    of_labels = {key: inputs.pop(key) for key in LABELS if key in inputs}
    for value in of_labels.values():
        labels = value if labels is None else labels
    n = _n_samples(inputs)
    if n is None:
        raise TypeError(f"{where} is a dict without a tensor of inputs: {describe(samples)}")
    mask, decoder_mask = (
        as_mask(inputs.get(name), name, n, where) for name in (MASK, DECODER_MASK)
    )
    decoder = inputs.get(_DECODER_IDS)
    if decoder_mask is None and isinstance(decoder, Tensor) and decoder.ndim == 2:
        decoder_mask = torch.ones_like(decoder, dtype=torch.bool)
    return Batch(
        inputs, n, _labels(labels, n), mask, decoder_mask, more=more, label_inputs=of_labels
    )


def _n_samples(inputs: Mapping[str, Any]) -> int | None:
    """Return the number of samples in a dict of inputs; None without a tensor.

    It is the length of the tokens, or else the most common length; of equally common ones that of
    the first tensor. Dicts inside count if there are no tensors beside them.
    """
    lengths = {key: len(x) for key, x in inputs.items() if isinstance(x, Tensor) and x.ndim}
    if not lengths:
        inside = (_n_samples(x) for x in inputs.values() if isinstance(x, Mapping))
        return next((n for n in inside if n is not None), None)
    for key in HAVE_SAMPLES:
        if key in lengths:
            return lengths[key]
    return Counter(lengths.values()).most_common(1)[0][0]


def _labels(values: Any, n: int) -> NDArray[Any] | None:
    """Return `values` if they are one label for each sample; else return None."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy() if values.ndim == 1 else None
    elif isinstance(values, tuple | list):  # how a DataLoader collates strings
        values = np.asarray(values) if _is_texts(values) else None
    is_labels = (
        isinstance(values, np.ndarray) and values.shape == (n,) and values.dtype.kind in "fiubU"
    )
    return values if is_labels else None


def _is_texts(values: Any) -> bool:
    return isinstance(values, tuple | list) and all(isinstance(x, str) for x in values)


def _plain_column(values: Any) -> Any:
    """Return a column of pandas or an array of texts as an array of numbers or a list of texts."""
    is_column = hasattr(values, "__array__") and not isinstance(values, Tensor)
    if not is_column or getattr(values, "ndim", 0) != 1:
        return values
    array = as_labels(values)
    return array.tolist() if array.dtype.kind == "U" else array


def _tensors(value: Any, where: str) -> Any:
    """Return a value with tensors instead of the arrays inside."""

    def change(x: Any) -> Any:
        if isinstance(x, PackedSequence):
            raise _packed(where)
        return _tensor(x, where) if _is_array(x) else x

    return change(value) if isinstance(value, PackedSequence) else nested(value, change, 0)


def _packed(where: str) -> TypeError:
    return TypeError(
        f"{where} is a PackedSequence, which has no row for each sample; pad the sequences and "
        "pass an attention_mask, or pack them inside the model"
    )


def _tensor(array: Any, where: str) -> Tensor:
    if isinstance(array, Tensor):
        return array
    try:
        # np.require copies a read-only array, for which PyTorch would warn.
        return torch.from_numpy(np.require(array, requirements=["C", "W"]))
    except (TypeError, ValueError) as error:
        if array.dtype.kind in "biuf" and not array.dtype.isnative:
            return _tensor(array.astype(array.dtype.newbyteorder("=")), where)
        raise TypeError(
            f"{where} should have arrays of numbers, got one of dtype {array.dtype}"
        ) from error


def _is_array(x: Any) -> bool:
    return isinstance(x, Tensor | np.ndarray)
