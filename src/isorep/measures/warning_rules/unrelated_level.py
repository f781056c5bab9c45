"""Unrelated level: the similarity that unrelated data of this size would show."""

from __future__ import annotations

from functools import cache
from itertools import count
from math import isinf, sqrt
from typing import TYPE_CHECKING

import numpy as np
from array_api_compat import array_namespace, device
from scipy.special import stdtrit

from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.overlap_stack import OverlapStack
from isorep.core.warning_text import WarningText

if TYPE_CHECKING:
    from isorep.measures.base import Measure

HIGH = 0.25
"""Similarity of unrelated data above which a measure warns, if it has a formula for this level."""

HIGH_ROOT = 0.5
"""The same for other measures, most of which are roots or means of unsquared correlations."""

FEW_SAMPLES = 12
"""Samples per effective direction below which unrelated data may reach `HIGH`."""

N_DRAWS = 5
"""Number of draws that estimate a level without a formula."""

WORK = 2e8
"""Largest number of multiplications of one draw; beyond it, draws would take too long."""


def unrelated_level(
    measure: Measure, overlap: Overlap, computed: float | None
) -> tuple[WarningText, ...]:
    """Warn if unrelated data with these spectra would show a high similarity, or may by chance.

    Parameters
    ----------
    measure : Measure
    overlap : Overlap
    computed : float or None
        The level, if the measure's formula has computed it.
    """
    level, high = measure.chance(overlap), HIGH
    if level is None:
        level, high = computed, HIGH_ROOT
    if level == 0:
        return _wide_spread(measure, overlap)
    digits = ".2f"
    if level is None:
        level, digits = _simulated(measure, overlap), ".1f"
    if level is None:
        return ()
    without_bias, many = 0.0, ""
    if isinf(measure.distance_range[1]):
        # The similarity of unrelated data is never 0 then, however many samples there are.
        without_bias = measure.compute(_uncoupled(overlap)).similarity
        high, many = HIGH, f", and {without_bias:.1f} with many samples"
    if level - without_bias <= high:
        return ()
    n, p, q = overlap.n_samples, overlap.x.n_features, overlap.y.n_features
    return (
        WarningText(
            "few-samples",
            f"{n} samples of {p} and {q} features are few: unrelated data would show a "
            f"{measure.name} of {level:{digits}}{many}",
            "take more samples, use cka_debiased, or compare with this level (isorep.infer)",
        ),
    )


def _wide_spread(measure: Measure, overlap: Overlap) -> tuple[WarningText, ...]:
    """Warn if unrelated data, whose mean similarity is 0, may show a high similarity by chance.

    The similarity is the cosine, or correlation, of two U-centred n x n matrices, which have n (n -
    3) / 2 degrees of freedom. For independent directions it is distributed as a correlation is.
    """
    n = min(overlap.n_samples, measure.options.get("max_samples") or overlap.n_samples)
    items = "samples"
    structure = overlap.structure
    if structure is not None and structure.order is None and structure.n_groups < n:
        n, items = structure.n_groups, "groups of samples"
    spread = _spread(n)
    if spread <= HIGH:
        return ()
    enough = next(m for m in count(n) if _spread(m) <= HIGH)
    counted = f"{n} {items} are" if n > 1 else "1 group of samples is"
    return (
        WarningText(
            "few-samples",
            f"{counted} few: the {measure.name} of unrelated data would lie between about "
            f"-{spread:.1f} and {spread:.1f}, by chance",
            f"take {enough} {items} or more, or report the p-value (isorep.infer)",
        ),
    )


@cache
def _spread(n: int) -> float:
    """Return the similarity that about one in 20 unrelated pairs of layers exceeds.

    Examples
    --------
    >>> [round(_spread(n), 2) for n in (4, 5, 8, 10, 11, 100)]
    [0.99, 0.73, 0.37, 0.28, 0.25, 0.02]
    """
    freedom = n * (n - 3) // 2 - 1
    if freedom < 1:  # 3 samples: the similarity is -1 or 1
        return 1.0
    t = float(stdtrit(freedom, 0.95))
    return t / sqrt(freedom + t**2)


def _simulated(measure: Measure, overlap: Overlap) -> float | None:
    """Return the mean similarity of a few draws; None if it is low or takes too long.

    Measures of moments get overlaps of random subspaces, so that a stream and arrays in memory have
    the same level. Other measures get the samples of y in random order.
    """
    n, x, y = overlap.n_samples, overlap.x, overlap.y
    by_moments = measure.from_moments({})
    work = n * x.rank * y.rank if by_moments else n * n * (x.rank + y.rank)
    in_sample = by_moments or (measure.requires == "samples" and overlap.knows_samples)
    # The effective rank is at most the rank, which needs no decomposition.
    if work > WORK or not in_sample or n - 1 >= FEW_SAMPLES * max(x.rank, y.rank):
        return None
    if n - 1 >= FEW_SAMPLES * max(_effective_rank(x), _effective_rank(y)):
        return None
    rng = np.random.default_rng(0)
    if by_moments:
        draws = [_random_overlap(overlap, rng) for _ in range(N_DRAWS)]
        similarities = [measure.compute(draw).similarity for draw in draws]
        return measure.clipped(float(np.mean(similarities)))
    orders = np.array([rng.permutation(n) for _ in range(N_DRAWS)])
    return float(measure.similarities(OverlapStack.from_orders(x, y, orders)).mean())


def _random_overlap(overlap: Overlap, rng: np.random.Generator) -> Overlap:
    """Return an overlap of two independent random subspaces, with the spectra of these sides."""
    matrix = overlap.matrix
    narrow, wide = sorted(matrix.shape)
    frame = np.linalg.qr(rng.standard_normal((overlap.n_samples - 1, narrow)))[0][:wide]
    drawn = frame if matrix.shape == frame.shape else frame.T
    x, y = (side.with_factor(None) for side in (overlap.x, overlap.y))
    return Overlap(x, y, array_namespace(matrix).asarray(drawn, device=device(matrix)))


def _uncoupled(overlap: Overlap) -> Overlap:
    """Return the overlap of populations with these spectra that have nothing in common."""
    return Overlap(overlap.x, overlap.y, 0 * overlap.matrix)


def _effective_rank(basis: Basis) -> float:
    """Return ``sum(s)^2 / sum(s^2)``, the number of directions that a nuclear norm sees."""
    xp = array_namespace(basis.singular_values)
    s = basis.singular_values / basis.singular_values[0]
    return float(xp.sum(s) ** 2 / xp.sum(s**2))
