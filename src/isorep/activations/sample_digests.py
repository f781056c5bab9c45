"""Sample digests: an id of each sample, made from the values that a model gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy

PartsOfSample = Callable[[int], list[bytes]]
"""Function of a sample's number to bytes of that sample."""


def sample_digests(
    n: int, parts: Sequence[PartsOfSample], shared: Sequence[bytes]
) -> tuple[str, ...]:
    """Return an id of each of n samples: a digest of its parts and of what all samples share."""
    of_batch = blake2b(digest_size=16)
    for part in shared:
        of_batch.update(part)
    digests = []
    for i in range(n):
        digest = blake2b(digest_size=16)
        for parts_of in parts:
            for part in parts_of(i):
                digest.update(part)
        if shared:
            digest.update(of_batch.digest())
        digests.append(digest.hexdigest())
    return tuple(digests)


def of_array(key: str, array: Any, mask: NDArray[np.bool_] | None = None) -> PartsOfSample:
    """Return the parts of the rows of an array (n, ...), without the padding of a mask (n, T)."""
    x = _canonical(array)
    tokens = mask if mask is not None and x.shape[:2] == mask.shape else None

    def parts(i: int) -> list[bytes]:
        sample = x[i] if tokens is None else x[i][tokens[i]]
        return [_header(key, sample), sample.tobytes()]

    return parts


def of_items(
    key: str,
    items: Sequence[Any],
    leaves: Callable[[str, Any], Iterable[tuple[str, Any]]],
) -> PartsOfSample:
    """Return the parts of a list with an item for each sample.

    `leaves` returns the values inside an item, each with its name.
    """

    def parts(i: int) -> list[bytes]:
        pieces: list[bytes] = []
        for name, value in leaves(key, items[i]):
            if is_array(value):
                pieces += whole_array(name, value)
            elif isinstance(value, Real | str):
                pieces.append(of_value(name, value))
        return pieces

    return parts


def whole_array(key: str, array: Any) -> list[bytes]:
    """Return the bytes of an array that is not divided into samples."""
    x = _canonical(array)
    return [_header(key, x), x.tobytes()]


def of_value(key: str, value: Real | str) -> bytes:
    """Return a number or text as bytes that do not depend on the type of the number."""
    text = repr(value) if isinstance(value, str) else repr(float(value))
    return f"{key} {text} ".encode()


def is_array(x: Any) -> bool:
    """Return whether `x` is an array of any library."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _header(key: str, x: NDArray[Any]) -> bytes:
    # PyTorch's names of dtypes, so that the ids of stores of all versions agree.
    return f"{key} torch.{x.dtype.name} {x.shape} ".encode()


def _canonical(array: Any) -> NDArray[Any]:
    """Return the same values in the smallest common dtype: float32 and int64, where exact."""
    x = to_numpy(array)
    if x.dtype.name in ("float16", "bfloat16"):
        return x.astype(np.float32)
    if x.dtype == np.float64:
        with np.errstate(over="ignore"):
            single = x.astype(np.float32)
        return single if np.array_equal(single.astype(np.float64), x) else x.astype(np.float64)
    if x.dtype.name in ("int16", "int32"):
        return x.astype(np.int64)
    return x.astype(x.dtype.newbyteorder("="), copy=False)
