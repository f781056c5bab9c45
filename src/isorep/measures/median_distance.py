"""Median distance between samples: exact, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isorep.core.kernel import Kernel

Codes = NDArray[np.int64]

HELD = 2**23
"""Most squared distances that are held at a time; 64 MiB."""

BINS = 2**20
"""Most ranges in which one pass counts squared distances."""


def median_distance(kernel: Kernel) -> float:
    """Return the median of the distances between all pairs of samples.

    If there are more than `HELD` pairs, a first pass counts the squared distances in narrow ranges.
    If the range of the median still has too many, further passes divide it; the last pass sorts it.

    Examples
    --------
    >>> median_distance(Kernel(np.array([[0.0], [1.0], [3.0], [7.0]])))
    3.5
    """
    n_pairs = kernel.n_samples * (kernel.n_samples - 1) // 2
    lower, upper = (n_pairs - 1) // 2, n_pairs // 2
    # Bit patterns of numbers that are not negative have the order of the numbers.
    start, stop = 0, 2**63 - 1
    below, within = 0, n_pairs
    while within > HELD and stop - start > 1:
        shift = max(0, (stop - start - 1).bit_length() - BINS.bit_length() + 1)
        counts = _counts(kernel, start, stop, shift)
        ends = below + np.cumsum(counts)
        chosen = min(int(np.searchsorted(ends, lower, side="right")), len(counts) - 1)
        start, stop = start + (chosen << shift), min(start + ((chosen + 1) << shift), stop)
        within = int(counts[chosen])
        below = int(ends[chosen]) - within
    lower, upper = lower - below, upper - below
    if stop - start == 1:  # all are copies of one number
        values = np.array([start])
        lower, upper = 0, int(upper >= within)
    else:
        values = np.sort(np.concatenate([_between(part, start, stop) for part in _codes(kernel)]))
        # Rounding may differ between passes, and move a distance into the range or out of it.
        lower, upper = (min(max(rank, 0), len(values)) for rank in (lower, upper))
        lower = min(lower, len(values) - 1)
    if upper == len(values):
        values = np.append(values, _least_from(kernel, stop))
    middle = np.sqrt(values[[lower, upper]].view(np.float64))
    return float(middle.mean())


def _codes(kernel: Kernel) -> Iterator[Codes]:
    """Yield the bit patterns of the squared distances, in parts."""
    for part in kernel.pairs(kernel.squared_distances):
        part += 0.0  # -0.0 becomes 0.0
        yield part.view(np.int64)


def _between(codes: Codes, start: int, stop: int) -> Codes:
    return codes[(codes >= start) & (codes < stop)]


def _counts(kernel: Kernel, start: int, stop: int, shift: int) -> Codes:
    """Return how many codes are in each range of 2^shift between `start` and `stop`."""
    n_ranges = ((stop - start - 1) >> shift) + 1
    counts = np.zeros(n_ranges, dtype=np.int64)
    for codes in _codes(kernel):
        inside = _between(codes, start, stop)
        inside -= start
        inside >>= shift
        counts += np.bincount(inside, minlength=n_ranges)
    return counts


def _least_from(kernel: Kernel, start: int) -> int:
    """Return the least code of at least `start`."""
    return min(int(above.min()) for codes in _codes(kernel) if len(above := codes[codes >= start]))
