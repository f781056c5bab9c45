"""Text windows: how a text is cut into rows and windows for a language model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SHORT_WINDOW = 0.05
"""Share of windows that are about half as long (Merity et al. 2017, section 5)."""


def rows_of_text(tokens: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Cut a text into rows of equal length (rows, T); each row continues the row before it.

    Examples
    --------
    >>> rows_of_text(np.arange(8), 3)
    array([[0, 1],
           [2, 3],
           [4, 5]])
    """
    length = len(tokens) // rows
    if length < 2:
        raise ValueError(
            f"a text of {len(tokens)} tokens is too short for {rows} rows of at least 2"
        )
    return tokens[: rows * length].reshape(rows, length)


def windows(tokens: int, bptt: int, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield the start and the length of windows that cover `tokens` tokens.

    Lengths are normal with a standard deviation of 5 tokens around `bptt`, or, in 5 % of cases,
    around half of it; at least 5 (Merity et al. 2017, section 4.1).
    """
    start = 0
    while start < tokens:
        mean = bptt / 2 if random.random() < SHORT_WINDOW else bptt
        length = min(max(5, int(random.normal(mean, 5))), tokens - start)
        yield start, length
        start += length
