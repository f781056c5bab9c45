"""Memory: free memory, and memory limits that callers set."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALWAYS_FITS = 2**28
"""Bytes of arrays that are small enough not to ask for the free memory each time."""


_POINTER_BYTES = 8

_PREFIXES = ("", "k", "m", "g", "t", "p")
_LIMIT = re.compile(r"(.*?[\d.])\s*([kmgtp]?)(i?)b?", re.IGNORECASE)
"""A number with a unit such as GB, GiB or none."""


def readable(n_bytes: float) -> str:
    """Return a number of bytes as text.

    Examples
    --------
    >>> readable(999), readable(481_900_000), readable(1.5e9)
    ('999 B', '459.58 MiB', '1.40 GiB')
    """
    if n_bytes < 1000:
        return f"{n_bytes:.0f} B"
    value, unit = n_bytes / 2**10, "kiB"
    for larger in ("MiB", "GiB", "TiB", "PiB"):
        if value >= 0.9 * 2**10:
            value, unit = value / 2**10, larger
    return f"{value:.2f} {unit}"


def memory_budget(memory: str | float | None) -> int:
    """Return a memory limit in bytes; by default half of the free memory.

    Parameters
    ----------
    memory
        A number of bytes, or a text such as ``"2 GB"`` (10^9 bytes each) or ``"2 GiB"`` (2^30).

    Raises
    ------
    ValueError
        If `memory` is neither, or less than 1 byte.

    Examples
    --------
    >>> memory_budget("2 GB"), memory_budget("1.5GiB"), memory_budget(10**6)
    (2000000000, 1610612736, 1000000)
    """
    if memory is None:
        return free_memory() // 2
    budget = 0
    match = None if isinstance(memory, bool) else _LIMIT.fullmatch(str(memory).strip())
    if match:
        number, prefix, binary = match.groups()
        base = 1024 if binary else 1000
        with suppress(ValueError, OverflowError):
            budget = int(float(number) * base ** _PREFIXES.index(prefix.lower()))
    if budget < 1:
        raise ValueError(
            f'memory must be a number of bytes or a text such as "2 GB", got {memory!r}'
        )
    return budget


def check_fits(n_bytes: int) -> None:
    """Raise ValueError for an array that the free memory cannot hold, before any of it is read.

    A damaged file may claim any shape, and some systems end a process that takes too much.
    """
    if n_bytes > _ALWAYS_FITS and n_bytes > free_memory():
        raise ValueError(f"it claims to hold {readable(n_bytes)}, which do not fit in free memory")


def read_whole(array: Any) -> NDArray[Any]:
    """Return all values of an array of a file, if the free memory can hold them.

    Parameters
    ----------
    array
        An array in memory, or an object with `shape`, `dtype` and ``[slice of rows]``.

    Raises
    ------
    ValueError
        The free memory cannot hold it.
    """
    if not isinstance(array, np.ndarray):
        n_bytes = np.dtype(array.dtype).itemsize or _POINTER_BYTES  # texts of unknown length
        check_fits(math.prod(array.shape) * n_bytes)
    return np.asarray(array if hasattr(array, "__array__") else array[:])


def free_memory() -> int:
    """Return the free memory in bytes; in a container (cgroup v2), that of the container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            free = min(free, int(limit) - used)
    except (OSError, ValueError):  # no cgroup v2
        pass
    return max(free, 2 * 10**6)
