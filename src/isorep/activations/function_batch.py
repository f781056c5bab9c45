"""Function batch: what a function gets for some samples, and what is known of these samples."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.tables import as_labels, dense_numbers, is_hugging_face
from isorep._utils.tokens import TEXTS_OF_BATCH, are_texts
from isorep._utils.validation import as_integer, unknown_name
from isorep.activations.data_sources import BATCH_SIZE, read_source
from isorep.activations.input_names import HAVE_SAMPLES, LABELS, MASK
from isorep.activations.sample_digests import (
    PartsOfSample,
    is_array,
    of_array,
    of_items,
    of_value,
    sample_digests,
    whole_array,
)


@dataclass(frozen=True)
class FunctionBatch:
    """Some samples as a function gets them.

    Parameters
    ----------
    item
        What the function gets.
    inputs
        The inputs in it by name; a single one has the name "".
    labels
        One label for each sample, or None.
    """

    item: Any
    inputs: Mapping[str, Any]
    labels: NDArray[Any] | None

    @classmethod
    def from_item(cls, item: Any) -> FunctionBatch:
        """Split an item of the data into inputs and labels.

        In a tuple or list, the inputs come first and labels may follow.
        """
        samples, labels = item, None
        if isinstance(item, tuple | list) and item and (is_array(item[0]) or are_texts(item[0])):
            samples, labels = item[0], item[1] if len(item) > 1 else None
        if isinstance(samples, Mapping):
            inputs = {
                str(key): value
                for key, value in samples.items()
                if key not in LABELS and not str(key).startswith("__")
            }
            labels = next((samples[key] for key in LABELS if key in samples), None)
        else:
            inputs = {"": dense_numbers(samples, "a batch")}
        batch = cls(item, inputs, None)
        return cls(item, inputs, _labels(labels, batch.n))

    @property
    def n(self) -> int:
        """Number of samples.

        Raises
        ------
        TypeError
            The inputs do not say it.
        """
        lengths = {key: len(x) for key, x in self.inputs.items() if _has_rows(x)}
        for key in HAVE_SAMPLES:
            if key in lengths:
                return lengths[key]
        if not lengths:
            raise TypeError(
                f"a batch is a {type(self.item).__name__} whose samples cannot be counted: pass "
                "arrays, dicts of arrays, or lists with an item for each sample"
            )
        return Counter(lengths.values()).most_common(1)[0][0]

    @property
    def others(self) -> dict[str, int]:
        """Inputs and labels that have another number of rows than there are samples."""
        samples, n = self.item if isinstance(self.item, Mapping) else self.inputs, self.n
        return {
            name: len(x)
            for name, x in _leaves("", samples)
            if not name.startswith("__") and _has_rows(x) and len(x) != n
        }

    def cut(self, start: int, stop: int) -> FunctionBatch:
        """Return the samples from `start` up to `stop`."""
        n = self.n

        def rows(x: Any) -> Any:
            return x[start:stop] if _has_rows(x) and len(x) == n else x

        def cut(x: Any) -> Any:
            if isinstance(x, Mapping):
                return {key: cut(value) for key, value in x.items()}
            return rows(x)

        if isinstance(self.item, tuple | list) and not are_texts(self.item):
            parts = [cut(x) for x in self.item]
            is_named = hasattr(self.item, "_fields")
            item: Any = type(self.item)(*parts) if is_named else type(self.item)(parts)
        else:
            item = cut(self.item)
        return FunctionBatch.from_item(item)

    def digests(self) -> tuple[str, ...]:
        """Return an id of each sample: a digest of its inputs.

        The ids are those that a PyTorch model gets for the same inputs.

        Raises
        ------
        ValueError
            The inputs are neither arrays nor texts, nor dicts of these.
        """
        n, mask = self.n, self.mask_named(MASK)
        parts: list[PartsOfSample] = []
        shared: list[bytes] = []
        for key, value in _leaves("", self.inputs):
            if key == MASK:
                continue
            if is_array(value) and _has_rows(value) and len(value) == n:
                parts.append(of_array(key, value, mask))
            elif isinstance(value, list | tuple) and len(value) == n:
                parts.append(of_items(key, value, _leaves))
            elif is_array(value):
                shared += whole_array(f"{key} whole", value)
            elif isinstance(value, Real | str) and not isinstance(value, bool):
                shared.append(of_value(key, value))
        if not n or not any(part_of(0) for part_of in parts):
            raise ValueError(
                "the samples have no ids, since they are neither arrays nor texts: pass "
                "sample_ids, one id for each sample"
            )
        return sample_digests(n, parts, shared)

    def mask_named(self, name: str) -> NDArray[np.bool_] | None:
        """Return the mask (n, T) of this name, True for tokens; None if there is none.

        Raises
        ------
        ValueError
            The mask has another shape, or masks all of a sample.
        """
        values = self.inputs.get(name)
        if values is None:
            return None
        mask: NDArray[np.bool_] = to_numpy(values) != 0
        if mask.ndim != 2 or len(mask) != self.n or not mask.any(1).all():
            raise ValueError(
                f"{name} should be ({self.n}, T) with a token in every sample, got shape "
                f"{mask.shape}"
            )
        return mask

    def known_mask(self, name: str) -> NDArray[np.bool_] | None:
        """Return the mask that the caller named; raise ValueError if there is no such input."""
        if name not in self.inputs:
            raise ValueError(unknown_name("input", name, self.inputs))
        return self.mask_named(name)

    @property
    def tokens(self) -> NDArray[np.int64] | None:
        """Token ids (n, T), if the inputs have some."""
        ids = self.inputs.get("input_ids")
        return None if ids is None or not is_array(ids) else to_numpy(ids).astype(np.int64)


def function_batches(
    data: Any, max_samples: int | None, tokenizer: Any = None
) -> Iterable[FunctionBatch]:
    """Return the batches of data, with at most `max_samples` samples in all.

    Arrays, dicts of arrays and lists of texts are cut into batches.

    Raises
    ------
    TypeError
        The data are not iterable, or `max_samples` is no integer.
    ValueError
        `max_samples` is not positive, the inputs have several lengths, the batches cannot be cut,
        or it is unknown whether the items of a list are batches or samples.
    """
    if max_samples is not None and as_integer(max_samples, "max_samples") < 1:
        raise ValueError(f"max_samples should be at least 1, got {max_samples}")
    data = read_source(_loader(data), tokenizer=tokenizer)
    is_column = isinstance(data, tuple) and len(data) == 2 and _labels(data[1], None) is not None
    if is_array(data) or isinstance(data, Mapping) or are_texts(data) or is_column:
        whole = FunctionBatch.from_item(data)
        _check_lengths(whole, data[1] if is_column else None)
        size = TEXTS_OF_BATCH if are_texts(data) else BATCH_SIZE
        batches: Iterable[FunctionBatch] = [
            whole.cut(start, start + size) for start in range(0, whole.n, size)
        ]
    elif isinstance(data, list | tuple) and len(data) > 1 and all(map(_is_vector, data)):
        raise ValueError(
            f"data are a {type(data).__name__} of {len(data)} arrays with one axis, each of which "
            "would be a batch of samples of one number: if each is a sample, pass np.stack(data); "
            "if each is a batch, give it a second axis, x[:, None]"
        )
    elif isinstance(data, Iterable) and not isinstance(data, str):
        batches = (batch for batch in map(FunctionBatch.from_item, data) if batch.n)
    else:
        raise TypeError(
            "data should be an array, a dict of arrays, a list of texts or an iterable of "
            f"batches, got {type(data).__name__}"
        )
    return batches if max_samples is None else _first(batches, max_samples)


def _check_lengths(whole: FunctionBatch, labels: Any) -> None:
    """Raise ValueError for data to cut into batches whose parts have several lengths."""
    if labels is not None and len(labels) != whole.n:
        raise ValueError(
            f"data are inputs of {whole.n} samples and {len(labels)} labels: pass one label for "
            "each sample"
        )
    if others := whole.others:
        name, n = next(iter(others.items()))
        raise ValueError(
            f"expected a row for each of the {whole.n} samples in all inputs, got {n} rows of "
            f"{name!r}: pass inputs of one length, leave {name!r} out, or use what is the same for "
            "all samples inside the function"
        )


def _first(batches: Iterable[FunctionBatch], max_samples: int) -> Iterator[FunctionBatch]:
    remaining = max_samples
    for batch in batches:
        yield batch if batch.n <= remaining else batch.cut(0, remaining)
        remaining -= batch.n
        if remaining <= 0:  # return here, so that the loop does not ask for another batch
            return


def _loader(data: Any) -> Any:
    """Return a Dataset of PyTorch, which yields single samples, as a loader of batches."""
    torch = sys.modules.get("torch")
    is_dataset = torch is not None and isinstance(data, torch.utils.data.Dataset)
    if torch is not None and is_dataset and not is_hugging_face(data):
        return torch.utils.data.DataLoader(data, batch_size=BATCH_SIZE)
    return data


def _is_vector(x: Any) -> bool:
    return is_array(x) and len(x.shape) == 1


def _has_rows(x: Any) -> bool:
    if is_array(x):
        return len(x.shape) > 0
    return isinstance(x, list | tuple)


def _labels(values: Any, n: int | None) -> NDArray[Any] | None:
    """Return values as labels if they are a column of numbers or texts, one for each sample."""
    if not (is_array(values) or are_texts(values)):
        return None
    labels = as_labels(to_numpy(values))
    is_column = labels.ndim == 1 and labels.dtype.kind in "fiubU"
    return labels if is_column and n in (None, len(labels)) else None


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values inside dicts, in the order of their names, with these names."""
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _leaves(f"{name}.{key}" if name else str(key), value[key])
    else:
        yield name, value
