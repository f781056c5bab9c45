"""Array digest: a short text that tells arrays apart, at a cost that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from isorep._utils.arrays import to_numpy

_BLOCKS = 8
"""Number of places that rows of a large array are taken from; a store reads as many chunks."""

_ROWS = 8
"""Number of rows that are taken at each place."""

_VALUES = 256
"""Largest number of values that are taken of a row, evenly spaced."""

_DIGEST_BYTES = 8


def array_digest(array: Any) -> str:
    """Return a digest of an array: of its shape and dtype, and of up to 16,384 of its values.

    The values are those of 64 rows: 8 in a row at each of 8 places from the first row to the last,
    and of each row at most 256, evenly spaced. So a change of few values may go unnoticed, while
    another network, data set, seed or order of samples has another digest.

    Parameters
    ----------
    array
        Array with a shape, a dtype and slices of rows; its rows may be on disk or on a device.

    Examples
    --------
    >>> x = np.arange(6.0).reshape(3, 2)
    >>> array_digest(x) == array_digest(x.copy()), array_digest(x) == array_digest(-x)
    (True, False)
    """
    shape = tuple(array.shape)
    digest = blake2b(f"{shape} {_dtype(array)}".encode(), digest_size=_DIGEST_BYTES)
    array = array if shape else array.reshape(1)
    for start in _starts(array.shape[0]):
        part = slice(start, start + _ROWS)
        # The standard of array libraries wants an index for each axis, and a store takes one.
        rows = to_numpy(array[part, ...] if is_array_api_obj(array) else array[part])
        rows = rows.reshape(len(rows), -1)
        step = -(-rows.shape[1] // _VALUES) or 1
        selected = rows[:, ::step]
        native = selected.dtype.newbyteorder("=")
        digest.update(np.ascontiguousarray(selected, dtype=native).tobytes())
    return digest.hexdigest()


def _starts(n_rows: int) -> list[int]:
    if n_rows <= _BLOCKS * _ROWS:
        return list(range(0, n_rows, _ROWS))
    return [int(start) for start in np.linspace(0, n_rows - _ROWS, _BLOCKS)]


def _dtype(array: Any) -> str:
    dtype = array.dtype
    if isinstance(dtype, np.dtype):
        return str(dtype.newbyteorder("="))
    return str(dtype).rpartition(".")[2]  # torch.float32 is float32


def text_digest(texts: Iterable[object]) -> str:
    """Return a digest of a sequence, by the text of each entry.

    Examples
    --------
    >>> text_digest([1, 2]) == text_digest(["1", "2"]), text_digest("ab") == text_digest(["ab"])
    (True, False)
    """
    digest = TextDigest()
    digest.add(texts)
    return digest.hexdigest()


class TextDigest:
    """Digest of a sequence that comes in parts; see `text_digest`."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=_DIGEST_BYTES)

    def add(self, texts: Iterable[object]) -> None:
        """Add the next entries."""
        for text in texts:
            encoded = str(text).encode(errors="surrogatepass")
            self._digest.update(len(encoded).to_bytes(8, "little") + encoded)

    def hexdigest(self) -> str:
        """Return the digest of all entries so far."""
        return self._digest.hexdigest()
