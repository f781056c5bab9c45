"""Contrasts: differences between the mean distances of two groups of networks."""

from __future__ import annotations

import numpy as np

import isorep
from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import MARGIN, Contrast
from isorep.paper.analysis.distances import Distances, Floats
from isorep.paper.analysis.permutation_tests import Statistic

TITLES = {
    "pwcca": "PWCCA",
    "cca": "mean CCA",
    "svcca": "SVCCA",
    "cosine": "cosine",
    "euclidean": "Euclidean",
}

INTER = "inter"

NO_BOUND = ("euclidean",)
"""Measures with unbounded distances; their differences are shares of the mean distance."""


def gap(
    distances: Distances,
    measure: str,
    layer: str,
    minuend: str,
    subtrahend: str,
    *,
    two_sided: bool = False,
) -> Contrast:
    """Contrast two of three mean distances (within either group, and "inter") at a layer."""
    means = _means(distances, measure, layer)

    def statistic(first: Floats, second: Floats) -> Floats:
        return means[minuend](first, second) - means[subtrahend](first, second)

    n = distances.group_size
    return contrast(
        f"{layer}, {TITLES[measure]}: {minuend} - {subtrahend}",
        statistic,
        n,
        isorep.inference.permute_labels(statistic, (n, n), two_sided=two_sided),
        at_floor=measure not in NO_BOUND
        and max(
            isorep.inference.observed_value(means[name], (n, n)) for name in (minuend, subtrahend)
        )
        < MARGIN,
    )


def level(distances: Distances, measure: str, layer: str, group: str) -> Contrast:
    """Contrast the mean distance within a group, or "inter", with 0."""
    return contrast(
        f"{layer}, {TITLES[measure]}: {group}",
        _means(distances, measure, layer)[group],
        distances.group_size,
        None,
    )


def _means(distances: Distances, measure: str, layer: str) -> dict[str, Statistic]:
    """Return the mean distance within each group and between them, by name."""
    table = comparable(distances.at(measure, layer), measure)
    return {
        distances.groups[0]: lambda first, second: isorep.inference.mean_within(table, first),
        distances.groups[1]: lambda first, second: isorep.inference.mean_within(table, second),
        INTER: lambda first, second: isorep.inference.mean_between(table, first, second),
    }


def comparable(table: Floats, measure: str) -> Floats:
    """Return bounded distances unchanged, and unbounded ones as shares of their mean."""
    if measure not in NO_BOUND:
        return table
    mean = table[~np.eye(len(table), dtype=bool)].mean()
    shares: Floats = table / mean
    return shares


def contrast(
    where: str,
    statistic: Statistic,
    n: int,
    exact: isorep.inference.Exact | None,
    *,
    at_floor: bool = False,
) -> Contrast:
    """Return a statistic of two groups of n networks with its interval and p-value."""
    return Contrast(
        where,
        isorep.inference.observed_value(statistic, (n, n)),
        permutation_tests.interval(statistic, n),
        exact,
        at_floor,
    )
