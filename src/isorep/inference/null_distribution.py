"""Null distribution: the similarities after random permutations of the samples of one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.orders import Orders, possible_orders, shifts_time
from isorep.core.overlap import Overlap
from isorep.core.overlap_stack import reordered
from isorep.core.warning_text import WarningText, heard
from isorep.inference.sequential import check_overlap
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.random_matrix.effective_samples import independent_samples
from isorep.random_matrix.undeclared_dependence import dependence_warnings

BATCH = 2**23
"""Size in bytes of the rows that are permuted at a time."""

ENOUGH_ORDERS = 100
"""Orders of the groups from which on p-values can be small."""

LONG_SERIES = 30
"""Independent samples that a time series must be worth for p-values of its shifts."""

TIE = 1e-12
"""Relative difference below which a permuted similarity counts as equal to the observed one."""


@dataclass(frozen=True, eq=False)
class NullDistribution:
    """Similarity of two sides, and similarities after permutations of the samples.

    Attributes
    ----------
    similarity : float
        Similarity of the samples as paired.
    draws : (n_permutations,) float64 array
        Similarities after each permutation, in the order drawn.
    p_value : float
        ``(1 + #{draws >= similarity}) / (1 + n_permutations)``: the probability of so high a
        similarity if the two sides are independent.
    measure : str
        Name of the measure, with options that differ from their defaults.
    warnings : tuple of str
        Reasons to read the p-value with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 5))
    >>> o = isorep.overlap(x, x + y)
    >>> null = isorep.inference.null_distribution(o, "cca", n_permutations=199)
    >>> null.draws.shape, bool(null.draws.max() < null.similarity), null.p_value
    ((199,), True, 0.005)
    """

    similarity: float
    draws: NDArray[np.float64]
    p_value: float
    measure: str
    warnings: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """Chance level: the mean similarity after permutation."""
        return float(np.mean(self.draws))


def null_distribution(
    overlap: Overlap,
    measure: Spec = "pwcca",
    *,
    n_permutations: int = 999,
    seed: int = 0,
    **options: Any,
) -> NullDistribution:
    """Compute a measure after random permutations of the rows of y.

    Each permutation reorders the rows of y and leaves both representations unchanged. If the
    samples are independent of each other and the two sides are independent, the p-value is exact
    for every n, distribution and measure: it is at most alpha with probability at most alpha.

    If samples depend on each other (tokens of one text, repeats of one stimulus, time points), pass
    ``groups=`` or ``order=`` to `isorep.overlap`: whole groups then change places, which is exact
    for groups of equal size, or time is shifted circularly, which is approximate; see
    `isorep.core.orders.Orders`. Otherwise the p-value is too small.

    A permutation costs one product of the two bases and one evaluation of the measure; the products
    and, of common measures, the evaluations are computed in batches.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`.
    n_permutations : int
        Number of permutations; the p-value is at least ``1 / (n_permutations + 1)``.
    seed : int
        Random seed of the permutations.
    **options
        Options of the measure.

    Returns
    -------
    NullDistribution
        Similarity, permuted similarities and p-value; `chance` is the mean of the draws.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `n_permutations` is less than 1, or the measure or an option is unknown.

    References
    ----------
    Phipson and Smyth 2010, Permutation p-values should never be zero.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((2, 100, 10))
    >>> o = isorep.overlap(x, y + 0.5 * x)
    >>> null = isorep.inference.null_distribution(o, "cca", n_permutations=199)
    >>> round(null.similarity, 2), round(null.chance, 2), null.p_value
    (0.5, 0.27, 0.005)
    """
    check_overlap(overlap, "isorep.inference.null_distribution")
    row = measure_named(measure).with_options(**options)
    similarity = row(overlap, **row.seeded({}, seed)).similarity
    orders = Orders(overlap.structure or overlap.n_samples, n_permutations, seed)
    null = null_distributions(overlap, {row: similarity}, orders)[row.label]
    if isinstance(null, Exception):
        raise null
    return replace(null, warnings=heard(dependence_warnings(overlap) + order_warnings(overlap)))


def null_distributions(
    overlap: Overlap, similarities: Mapping[Measure, float], orders: Orders
) -> dict[str, NullDistribution | ValueError | TypeError]:
    """Compute several measures after the same permutations; see `null_distribution`.

    The permutations are coupled and decomposed in batches, once for all measures.

    Parameters
    ----------
    overlap
        The samples as paired.
    similarities
        The measures, and their similarities of the samples as paired.
    orders
        The permutations.

    Returns
    -------
    dict
        By label of the measure, its null distribution or the error that prevents it.
    """
    narrow = min(overlap.x.rank, overlap.y.rank)
    size = max(1, BATCH // (8 * narrow * overlap.n_samples))
    draws: dict[str, list[NDArray[np.float64]]] = {row.label: [] for row in similarities}
    errors: dict[str, ValueError | TypeError] = {}
    with one_thread():
        for stack in reordered(overlap, orders, size):
            for row in similarities:
                check_stopped()
                if row.label in errors:
                    continue
                try:
                    values = row.similarities(stack, **row.seeded({}, orders.seed))
                except (TypeError, ValueError) as error:
                    errors[row.label] = error
                else:
                    draws[row.label].append(values)
    return {
        row.label: errors[row.label]
        if row.label in errors
        else _null(row, similarity, np.concatenate(draws[row.label]))
        for row, similarity in similarities.items()
    }


def order_warnings(overlap: Overlap) -> tuple[str, ...]:
    """Warn if groups are so few, or a series so short, that p-values are coarse or too small."""
    structure = overlap.structure
    if structure is None or not overlap.knows_samples:
        return ()
    if shifts_time(structure):
        worth = independent_samples(overlap, seed=0)
        if worth < LONG_SERIES:
            return (
                WarningText(
                    "few-groups",
                    f"the time series is worth only about {worth:.0f} independent samples: shifts "
                    "of so short a series give p-values below 0.05 twice as often as they should, "
                    "or more",
                    "record a longer one, or pass groups= of independent parts",
                ),
            )
    elif structure.order is not None and not Orders(structure, 1, 0).are_permutations:
        return (
            WarningText(
                "unequal-groups",
                "groups of unequal length change places, so that some samples do not meet their "
                "own position: if the position in a group affects both sides, p-values are "
                "somewhat too small",
                "cut the groups to one length",
            ),
        )
    if possible_orders(structure) >= ENOUGH_ORDERS:
        return ()
    return (
        WarningText(
            "few-groups",
            f"there are only {possible_orders(structure):.0f} orders that keep groups together, or "
            f"shifts of time, so that no p-value can be below {1 / possible_orders(structure):.2g}",
            "take more groups, or pass order= if the samples of each group are a time series",
        ),
    )


def _null(row: Measure, similarity: float, draws: NDArray[np.float64]) -> NullDistribution:
    reached = np.count_nonzero(draws >= similarity - TIE * abs(similarity))
    return NullDistribution(
        similarity=similarity,
        draws=draws,
        p_value=(1 + int(reached)) / (1 + len(draws)),
        measure=row.label,
    )
