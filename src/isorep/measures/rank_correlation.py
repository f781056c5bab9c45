"""Spearman's rank correlation of very many pairs of numbers, in place."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, sqrt
from typing import Any

import numpy as np

Pairs = np.ndarray[Any, np.dtype[np.complex128]]

PART = 2**21
"""Numbers that are ranked at a time."""


def spearman(pairs: Pairs) -> float:
    """Return Spearman's rank correlation; tied numbers get their average rank.

    Complex numbers are sorted by their real parts, in place, and each imaginary part goes with its
    real part. So no order, which would need as much memory again, is held.

    Parameters
    ----------
    pairs : (n,) complex128 array
        Pairs of numbers x + iy; of x and of y, not all are the same. It is overwritten.

    Examples
    --------
    >>> spearman(np.array([1 + 9j, 3 + 8j, 2 + 9j, 4 + 2j]))
    -0.9486832980505138
    """
    x_square = 0.0
    for part, ranks in _ranked(pairs):
        x_square += float(ranks @ ranks)
        part.real, part.imag = part.imag.copy(), ranks
    product, y_square = 0.0, 0.0
    for part, ranks in _ranked(pairs):
        y_square += float(ranks @ ranks)
        product += float(ranks @ part.imag)
    return product / sqrt(x_square * y_square)


def _ranked(pairs: Pairs) -> Iterator[tuple[Pairs, np.ndarray[Any, np.dtype[np.float64]]]]:
    """Sort pairs by their real parts; yield them in parts, with the centred ranks of these."""
    pairs.sort()
    centre = (len(pairs) - 1) / 2
    start = 0
    while start < len(pairs):
        stop = min(start + PART, len(pairs))
        last = pairs[stop - 1].real
        if stop < len(pairs) and pairs[stop].real == last:
            # The part ends before the ties of its last number, unless it has no other numbers.
            stop = start + int(np.searchsorted(pairs[start:stop], complex(last, -inf)))
        if stop == start:
            end = start + int(np.searchsorted(pairs[start:], complex(last, inf), side="right"))
            rank = (start + end - 1) / 2 - centre
            for first in range(start, end, PART):
                part = pairs[first : min(first + PART, end)]
                yield part, np.full(len(part), rank)
            start = end
            continue
        keys = pairs[start:stop].real.copy()
        firsts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        counts = np.diff(firsts, append=len(keys))
        yield pairs[start:stop], np.repeat(firsts + (counts - 1) / 2 + (start - centre), counts)
        start = stop
