"""Null distribution: the similarities after random permutations of the samples of one side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array
from isorep._utils.parallel import one_thread
from isorep._utils.validation import as_integer, check_seed
from isorep.core.overlap import Overlap, couple
from isorep.inference.sequential import check_overlap
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named

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
    """

    similarity: float
    draws: NDArray[np.float64]
    p_value: float
    measure: str

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
    for every n, distribution and measure: it is at most alpha with probability at most alpha. If
    samples depend on each other (tokens of one text, frames of one video), they are not
    exchangeable and the p-value is too small; take one sample of each group, or the group means.

    A permutation costs one product of the two bases and one evaluation of the measure.

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
    seeded = row.seeded({}, seed)
    similarity = row(overlap, **seeded).similarity
    # With the bases as factors, a permutation needs no rotation.
    x, y = (replace(side, factor=side.q, rotation=None) for side in (overlap.x, overlap.y))
    y_q = overlap.y.q
    xp = array_namespace(y_q)

    def permuted(order: Array) -> float:
        reordered = replace(y, factor=xp.take(y_q, order, axis=0))
        return row(couple(x, reordered), **seeded).similarity

    with one_thread():
        draws = np.array([permuted(order) for order in permutations(y_q, n_permutations, seed)])
    reached = np.count_nonzero(draws >= similarity - TIE * abs(similarity))
    return NullDistribution(
        similarity=similarity,
        draws=draws,
        p_value=(1 + int(reached)) / (1 + n_permutations),
        measure=row.label,
    )


def check_permutations(n_permutations: Any) -> None:
    """Raise TypeError unless the number is an integer, and ValueError if it is less than 1."""
    if as_integer(n_permutations, "n_permutations") < 1:
        raise ValueError(f"n_permutations must be 1 or more, got {n_permutations}")


def permutations(array: Array, n_permutations: int, seed: int) -> Iterator[Array]:
    """Yield random orders of an array's rows, as (n,) indices of its library and on its device.

    Raises
    ------
    TypeError, ValueError
        If `n_permutations` or `seed` is not an integer; if `n_permutations` is less than 1 or the
        seed is negative.
    """
    check_permutations(n_permutations)
    check_seed(seed)
    xp, rng = array_namespace(array), np.random.default_rng(seed)
    for _ in range(n_permutations):
        yield xp.asarray(rng.permutation(array.shape[0]), device=device(array))
