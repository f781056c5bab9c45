"""Pair memory: room for numbers of all pairs of samples, for one measure at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from isorep._utils import memory
from isorep._utils.turn import Turn

ALWAYS_FITS = 2**28
"""Bytes that any number of threads may hold at the same time."""

_large = Turn()


@contextmanager
def pair_memory(
    name: str, n_samples: int, bytes_of_pair: int, max_samples: int | None, advice: str = ""
) -> Iterator[None]:
    """Hold numbers of all pairs of samples inside the ``with`` block, if the free memory allows.

    Only one thread at a time holds more than `ALWAYS_FITS`: what several threads are about to take
    would still look free to each of them.

    Parameters
    ----------
    name : str
        Name of the measure.
    n_samples : int
        Number of samples.
    bytes_of_pair : int
        Bytes that the measure holds for each of the m (m - 1) / 2 pairs.
    max_samples : int or None
        The measure's option.
    advice : str
        Other ways to need less memory.

    Raises
    ------
    ValueError
        If the free memory cannot hold them.
    """
    m = n_samples if max_samples is None else min(n_samples, max_samples)
    needed = bytes_of_pair * m * (m - 1) // 2
    if needed <= ALWAYS_FITS:
        yield
        return
    with _large:
        free = memory.free_memory()
        if needed > free:
            fitting = int((2 * free / bytes_of_pair) ** 0.5) // 100 * 100
            raise ValueError(
                f"{name} of {m:,} samples needs {memory.readable(needed)} for pairs of samples, "
                f"{bytes_of_pair} bytes each, and {memory.readable(free)} of memory is free: pass "
                f"max_samples={fitting} or fewer to compare a random part of the samples{advice}"
            )
        yield
