"""Expected similarity of unrelated samples, where theory gives it.

The functions are the `Measure.chance_rule` of measures. They use ``E M_ij^2 = 1 / (n - 1)``, which
is exact for every distribution if samples are paired at random: two centred unit vectors in random
order have mean product 0 and mean squared product 1 / (n - 1).
"""

from __future__ import annotations

from math import comb, sqrt

import numpy as np

from isorep.core.overlap import Overlap
from isorep.random_matrix.wachter import Wachter

FEWEST_CORRELATIONS = 5
"""Number of correlations from which Wachter's law gives their mean to 1 %."""


def mean_correlation(overlap: Overlap) -> float | None:
    """Return the expected mean canonical correlation, by Wachter's law."""
    law = Wachter.from_overlap(overlap)
    return law.mean(np.sqrt) if law.n_correlations >= FEWEST_CORRELATIONS else None


def mean_squared_correlation(overlap: Overlap) -> float:
    """Return the expected ``||M||_F^2 / min(rx, ry)``, exact."""
    return max(overlap.x.rank, overlap.y.rank) / (overlap.n_samples - 1)


def shared_span(overlap: Overlap) -> float:
    """Return the expected ``||M||_F^2 / max(rx, ry)``, exact."""
    return min(overlap.x.rank, overlap.y.rank) / (overlap.n_samples - 1)


def linear_cka(overlap: Overlap) -> float:
    """Return the expected ``||diag(sx) M diag(sy)||_F^2 / (||sx^2|| ||sy^2||)``, exact."""
    share = 1.0
    for axes in (overlap.x.axes, overlap.y.axes):
        share *= axes.squared_norm / sqrt(axes.gram_square)
    return share / (overlap.n_samples - 1)


def explained_variance(overlap: Overlap) -> float:
    """Return the expected ``||M diag(sy)||_F^2 / ||sy||^2`` of linear regression, exact."""
    return overlap.x.rank / (overlap.n_samples - 1)


def shared_neighbours(k: int, n: int) -> float:
    """Return the expected share of k neighbours, of n samples without ties, that two lists share.

    Exact. Equal samples come in the order of their rows and share more.
    """
    return k / (n - 1)


def jaccard_of_neighbours(k: int, n: int) -> float:
    """Return the expected Jaccard similarity of two such lists, exact."""
    return sum(
        comb(k, both) * comb(n - 1 - k, k - both) / comb(n - 1, k) * both / (2 * k - both)
        for both in range(max(0, 2 * k - n + 1), k + 1)
    )
