"""Neighbour search: the nearest neighbours on both sides, exact or approximate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from isorep.core.basis import Basis
from isorep.core.kernel import Kernel
from isorep.core.warning_text import WarningText
from isorep.measures.approximate_neighbours import TESTED, approximate
from isorep.measures.neighbours import Indices, Metric, kernel_of, nearest

Search = Literal["exact", "approximate"]

MOST_EXACT = 20_000
"""Number of samples up to which the search is exact whatever the option."""


class Neighbours(NamedTuple):
    """The k nearest neighbours of each sample on both sides.

    Attributes
    ----------
    x, y : (m, k) int64 arrays
        Indices of the neighbours, nearest first.
    warnings : tuple of str
        Warning about an approximate search, with its recall.
    """

    x: Indices
    y: Indices
    warnings: tuple[str, ...] = ()


def neighbours(
    x: Basis,
    y: Basis,
    k: int,
    metric: Metric,
    max_samples: int | None,
    seed: int,
    search: Search = "exact",
) -> Neighbours:
    """Return the nearest neighbours of each sample in x and in y."""
    kernels = [kernel_of(side, metric, max_samples, seed) for side in (x, y)]
    return neighbours_of(kernels, k, metric, seed, search)


def neighbours_of(
    kernels: Sequence[Kernel], k: int, metric: Metric, seed: int, search: Search
) -> Neighbours:
    """Return the nearest neighbours of each sample of two kernels."""
    if search == "exact" or kernels[0].n_samples <= MOST_EXACT:
        x, y = (nearest(kernel, k, metric) for kernel in kernels)
        return Neighbours(x, y)
    (x, x_recall), (y, y_recall) = (approximate(kernel, k, metric, seed) for kernel in kernels)
    warning = WarningText(
        "approximate-neighbours",
        f"the search is approximate: of the {k} nearest neighbours of {TESTED} samples it found "
        f"{100 * x_recall:.1f} % in x and {100 * y_recall:.1f} % in y",
        "pass search='exact', or max_samples= to compare fewer samples exactly",
    )
    return Neighbours(x, y, (warning,))
