"""Data sources: data of other libraries as arrays or as iterables of batches of arrays."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep._utils.tables import check_no_splits, dense_numbers, is_hugging_face
from isorep._utils.tokens import TEXTS_OF_BATCH, UNLIMITED, are_texts, listed_texts, token_batch
from isorep.activations.input_names import MASK

BATCH_SIZE = 256
"""Samples of a batch, if the data are not in batches."""


def read_source(
    data: Any,
    *,
    tokenizer: Any = None,
    longest: int = UNLIMITED,
    columns: Collection[str] | None = None,
    tensors: Literal["pt", "np"] = "np",
) -> Any:
    """Return data of another library as arrays or an iterable of batches; others are unchanged.

    - Dask arrays become batches that are computed one chunk at a time.
    - A data set of Hugging Face becomes batches of its columns.
    - Data frames of numbers become arrays.
    - A column or an array of texts becomes a list; with a tokenizer, batches of tokens.

    Parameters
    ----------
    data
        What the caller passed as data.
    tokenizer
        Hugging Face tokenizer, for data that are texts or batches of texts.
    longest
        Number of tokens that texts are cut to.
    columns
        Names of the inputs that are taken from a Hugging Face data set; None takes all columns.
    tensors
        Library of the tokens.

    Raises
    ------
    TypeError
        The data are a sparse matrix, or several data sets (a DatasetDict).
    ValueError
        The sizes of the chunks of a dask array are unknown, or a tokenizer gets data that are no
        texts.
    """
    check_no_splits(data, "pass one of them, such as data[{}]")
    data = listed_texts(data)
    if tokenizer is not None:
        return _Tokens(data, tokenizer, longest, tensors)
    data = dense_numbers(data, "data")
    if is_dask(data):
        return _Chunks(data)
    if is_hugging_face(data):
        return _Columns(data, columns)
    return data


def is_dask(data: Any) -> bool:
    """Return whether data are a dask array, without importing dask."""
    return type(data).__module__.startswith("dask.array")


class _Chunks(Iterable[Any]):
    """The batches of a dask array, each chunk of which is computed once."""

    def __init__(self, array: Any) -> None:
        sizes = array.chunks[0]
        if not all(size == size for size in sizes):  # NaN
            raise ValueError(
                "the dask array has chunks of unknown size: call its compute_chunk_sizes() first"
            )
        self._array, self._sizes = array, [int(size) for size in sizes]

    def __length_hint__(self) -> int:
        return sum(-(-size // BATCH_SIZE) for size in self._sizes)

    def __iter__(self) -> Iterator[Any]:
        stop = 0
        for size in self._sizes:
            start, stop = stop, stop + size
            rows = np.asarray(self._array[start:stop])
            for i in range(0, size, BATCH_SIZE):
                yield rows[i : i + BATCH_SIZE]


class _Columns(Iterable[dict[str, Any]]):
    """The batches of a data set of Hugging Face, each a dict of columns."""

    def __init__(self, dataset: Any, columns: Collection[str] | None) -> None:
        self._dataset, self._columns = dataset, columns

    def __length_hint__(self) -> int:
        return -(-operator.length_hint(self._dataset) // BATCH_SIZE)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._dataset.iter(batch_size=BATCH_SIZE):
            taken = [name for name in batch if self._columns is None or name in self._columns]
            if not taken:
                raise ValueError(
                    f"the data set has the columns {', '.join(batch)}, and the model takes "
                    f"{', '.join(self._columns or ())}: map a tokenizer or processor over it "
                    "first, or call rename_column if an input has another name"
                )
            yield {name: _column(name, batch) for name in taken}


def _column(name: str, batch: dict[str, Any]) -> Any:
    """Return a column as an array if it can be one, with padding that the mask hides."""
    values = batch[name]
    if not isinstance(values, list) or are_texts(values):
        return values
    rows = [to_numpy(value) for value in values] if hasattr(values[0], "dtype") else values
    try:
        array = np.asarray(rows)
    except ValueError:
        lengths = [len(row) for row in rows]
        if MASK not in batch or any(np.ndim(row) != 1 for row in rows):
            raise ValueError(
                f"the samples of the column {name!r} have several sizes: pad them, for texts with "
                "tokenizer(..., padding='max_length', truncation=True)"
            ) from None
        array = np.zeros((len(rows), max(lengths)), dtype=np.asarray(rows[0]).dtype)
        for i, row in enumerate(rows):
            array[i, : lengths[i]] = row
    return values if array.dtype.kind in "OSU" else array


_TOKENIZER = ("__call__", "convert_ids_to_tokens", "model_max_length", "pad_token", "padding_side")
"""What is used of a tokenizer."""


class _Tokens(Iterable[dict[str, Any]]):
    """The tokens of texts, or of batches of texts."""

    def __init__(
        self, data: Any, tokenizer: Any, longest: int, tensors: Literal["pt", "np"]
    ) -> None:
        if not all(hasattr(tokenizer, name) for name in _TOKENIZER):
            raise TypeError(
                "tokenizer must be a Hugging Face tokenizer, such as "
                f"AutoTokenizer.from_pretrained(...), got a {type(tokenizer).__name__}; to use "
                "another one, pass batches of its tokens as data"
            )
        self._tokenizer, self._longest, self._tensors = tokenizer, longest, tensors
        self._batches = data
        if are_texts(data):
            starts = range(0, len(data), TEXTS_OF_BATCH)
            self._batches = [data[start : start + TEXTS_OF_BATCH] for start in starts]

    def __length_hint__(self) -> int:
        return operator.length_hint(self._batches)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for texts in self._batches:
            if not are_texts(texts):
                raise ValueError(
                    "tokenizer= is for a list of texts, or batches that are lists of texts; got a "
                    f"batch of type {type(texts).__name__}: leave tokenizer out"
                )
            yield token_batch(self._tokenizer, texts, self._longest, self._tensors)
