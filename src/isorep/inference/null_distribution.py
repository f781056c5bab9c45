"""The null distribution: a measure on samples whose pairing has been shuffled."""

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
from isorep.measures.registry import measure_named

TIE = 1e-12
"""Relative difference under which a shuffled similarity counts as equal to the observed one."""


@dataclass(frozen=True, eq=False)
class NullDistribution:
    """A measure's similarity, and what it is when samples are paired at random.

    Attributes
    ----------
    similarity : float
        Of the samples as they are paired.
    draws : (n_permutations,) float64 array
        Similarities of shuffled pairings, in the order drawn.
    p_value : float
        ``(1 + #{draws >= similarity}) / (1 + n_permutations)``: chance, where the two sides are
        independent, of so high a similarity.
    measure : str
        Its name in `isorep.MEASURES`.
    """

    similarity: float
    draws: NDArray[np.float64]
    p_value: float
    measure: str

    @property
    def chance(self) -> float:
        """Mean similarity of the shuffled pairings."""
        return float(np.mean(self.draws))


def null_distribution(
    overlap: Overlap,
    measure: str = "pwcca",
    *,
    n_permutations: int = 999,
    seed: int = 0,
    **options: Any,
) -> NullDistribution:
    """Shuffle which sample of y belongs to which of x, and read a measure off each time.

    Each draw keeps both representations as they are, spectra, ranks and all, and breaks only what
    connects them. Where the samples are independent of each other and the two sides are too, the
    p-value is exact for every n, distribution and measure: it is at most alpha with probability at
    most alpha. Samples that depend on each other (tokens of one text, frames of one video) are not
    exchangeable, and make it too small; take one from each cluster, or their means.

    A draw costs one product of the two bases, and what the measure does with it.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    measure : str
        A name in `isorep.MEASURES`.
    n_permutations : int
        Draws; the p-value is no less than ``1 / (n_permutations + 1)``.
    seed : int
        Of NumPy's generator.
    **options
        The measure's own.

    Returns
    -------
    NullDistribution
        Similarity, draws and p-value; `chance` is the mean of the draws.

    Raises
    ------
    TypeError
        When `overlap` is none.
    ValueError
        When there is no draw to make, or for an unknown measure or option.

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
    read = measure_named(measure)
    options = read.seeded(options, seed)
    similarity = read(overlap, **options).similarity
    # The bases themselves, so that a draw needs no rotation of its own.
    x, y = (replace(side, factor=side.q, rotation=None) for side in (overlap.x, overlap.y))
    xp = array_namespace(y.factor)

    def shuffled(rows: Array) -> float:
        return read(
            couple(x, replace(y, factor=xp.take(y.factor, rows, axis=0))), **options
        ).similarity

    with one_thread():
        draws = np.array([shuffled(rows) for rows in permutations(y.factor, n_permutations, seed)])
    reached = np.count_nonzero(draws >= similarity - TIE * abs(similarity))
    return NullDistribution(
        similarity=similarity,
        draws=draws,
        p_value=(1 + int(reached)) / (1 + n_permutations),
        measure=measure,
    )


def check_permutations(n_permutations: Any) -> None:
    """Refuse what is no number of draws.

    Raises
    ------
    TypeError, ValueError
        When it is no whole number; when there is no draw to make.
    """
    if as_integer(n_permutations, "n_permutations") < 1:
        raise ValueError(f"at least 1 permutation is needed, not {n_permutations}")


def permutations(array: Array, n_permutations: int, seed: int) -> Iterator[Array]:
    """Draw orders of an array's rows, as (n,) indices of its own library and device.

    Raises
    ------
    TypeError, ValueError
        When `n_permutations` or `seed` is no whole number; when there is no draw to make, or the
        seed is negative.
    """
    check_permutations(n_permutations)
    check_seed(seed)
    xp, rng = array_namespace(array), np.random.default_rng(seed)
    for _ in range(n_permutations):
        yield xp.asarray(rng.permutation(array.shape[0]), device=device(array))
