"""The four classical tests of any relation at all between two sides, by their F approximations."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass
from math import exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.core.score import FewSamplesWarning
from isorep.inference.sequential import check_overlap, forced_warning


@dataclass(frozen=True)
class FTest:
    """A statistic and its F approximation.

    Attributes
    ----------
    statistic : float
        As the test is named; infinite where a correlation of 1 makes it so.
    f : float
        The F value; 0 where the samples do not suffice to test.
    numerator_dof, denominator_dof : float
        Degrees of freedom of F; the second is 0 where the samples do not suffice.
    p_value : float
        Chance of a greater F between independent sides; 1 where the samples do not suffice.
    """

    statistic: float
    f: float
    numerator_dof: float
    denominator_dof: float
    p_value: float


@dataclass(frozen=True)
class Manova:
    """Four tests that the two sides have nothing in common, and Wilks' by index.

    Attributes
    ----------
    wilks_by_index : tuple of FTest
        Wilks' lambda, ``prod_{i > k} (1 - rho_i^2)``, of what the first k correlations leave, for k
        = 0 to c - 1.
    pillai : FTest
        Pillai's trace, ``sum rho_i^2``.
    hotelling_lawley : FTest
        The Hotelling-Lawley trace, ``sum rho_i^2 / (1 - rho_i^2)``.
    roy : FTest
        Roy's greatest root, ``rho_1^2 / (1 - rho_1^2)``.
    warnings : tuple of str
        Reasons to read the result with care; empty where there are none.
    """

    wilks_by_index: tuple[FTest, ...]
    pillai: FTest
    hotelling_lawley: FTest
    roy: FTest
    warnings: tuple[str, ...] = ()

    @property
    def wilks(self) -> FTest:
        """Wilks' lambda of all the correlations."""
        return self.wilks_by_index[0]


def manova(overlap: Overlap) -> Manova:
    """Test for any relation between two sides: Wilks, Pillai, Hotelling-Lawley and Roy.

    Each is a function of the canonical correlations alone. With ranks a, b and n samples, ``s =
    min(a, b)``, ``g = max(a, b)``, ``N = n - 1 - a - b``:

    - Wilks: Rao's F, exact where s is 1 or 2. Applied to what the first k correlations leave, it is
      a test of the (k + 1)th and those after it.
    - Pillai: ``F = (N + s) V / (g (s - V))``. The one least disturbed by what is not normal.
    - Hotelling-Lawley: McKeon's F where ``N > 3``, Pillai's otherwise.
    - Roy: ``F = (n - 1 - g) theta / g``, an upper bound, so that its p-value is too small: at n =
      200 it is under 0.05 for a third of unrelated pairs with a = b = 3, and for all with a = b =
      20. `random_matrix_edge` gives the same root its own law.

    A correlation of exactly 1 has p 0. Where ``a + b > n - 1`` some are 1 whatever the data:
    nothing is tested, every F is 0 and every p-value 1, and the result warns. A single test that
    has no degrees of freedom left reads the same. The approximations assume normal samples; with
    many directions and few samples prefer `permutation_test`.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.

    Returns
    -------
    Manova
        Statistic, F, degrees of freedom and p-value of each test.

    Raises
    ------
    TypeError
        When `overlap` is none.

    References
    ----------
    Rao 1951, An asymptotic expansion of the distribution of Wilks' criterion. Pillai 1955, Some new
    test criteria in multivariate analysis. McKeon 1974, F approximations to the distribution of
    Hotelling's T0^2. Muller and Peterson 1984, Practical methods for computing power in testing the
    multivariate general linear hypothesis, has all four.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((2, 100, 4))
    >>> result = isorep.inference.manova(isorep.overlap(x, y + 0.5 * x))
    >>> result.pillai.p_value < 0.001, round(result.wilks.f, 2), result.wilks.numerator_dof
    (True, 9.32, 16.0)
    """
    check_overlap(overlap, "isorep.inference.manova")
    n, a, b = overlap.n_samples, overlap.x.rank, overlap.y.rank
    squares = to_numpy(overlap.correlations) ** 2
    with np.errstate(divide="ignore"):
        roots = squares / (1 - squares)
        logarithms = np.cumsum(np.log1p(-squares)[::-1])[::-1]
    warnings = forced_warning(overlap)
    for text in warnings:
        python_warnings.warn(text, FewSamplesWarning, stacklevel=2)
    left = n - 1 - a - b
    return Manova(
        wilks_by_index=tuple(
            _wilks(float(logarithm), a, b, k, left) for k, logarithm in enumerate(logarithms)
        ),
        pillai=_pillai(squares, a, b, left),
        hotelling_lawley=_hotelling_lawley(roots, a, b, left),
        roy=_f_test(float(roots[0]), float(roots[0]), max(a, b), left + min(a, b), left),
        warnings=warnings,
    )


def _wilks(logarithm: float, a: int, b: int, k: int, left: int) -> FTest:
    rao = left + (a + b - 1) / 2  # whatever k: a, b and n all fall by it
    a, b = a - k, b - k
    # One direction on either side makes Rao's formula 0 / 0, and its F is exact with t = 1.
    t = sqrt((a * a * b * b - 4) / (a * a + b * b - 5)) if a * a + b * b > 5 else 1.0
    denominator = rao * t - (a * b - 2) / 2
    root = exp(logarithm / t)
    ratio = -np.expm1(logarithm / t) / root if root > 0 else inf
    return _f_test(exp(logarithm), float(ratio), a * b, denominator, left)


def _pillai(squares: NDArray[np.float64], a: int, b: int, left: int) -> FTest:
    s = min(a, b)
    trace, missing = float(np.sum(squares)), float(np.sum(1 - squares))
    ratio = trace / missing if missing > 0 else inf
    return _f_test(trace, ratio, a * b, s * (left + s), left)


def _hotelling_lawley(roots: NDArray[np.float64], a: int, b: int, left: int) -> FTest:
    s = min(a, b)
    trace = float(np.sum(roots))
    if left <= 3:
        denominator = s * (left - 1) / 2 * s + s
        return _f_test(trace, trace / s, a * b, denominator, left)
    spread = (left - 1 + a) * (left - 1 + b) / (left * (left - 3))
    denominator = 4 + (a * b + 2) / (spread - 1)
    return _f_test(trace, trace * (left - 1) / (denominator - 2), a * b, denominator, left)


def _f_test(
    statistic: float, ratio: float, numerator: float, denominator: float, left: int
) -> FTest:
    """Test ``ratio``, which times denominator over numerator is F."""
    from scipy.special import fdtrc

    if left < 0 or denominator <= 0:
        return FTest(statistic, 0.0, float(numerator), 0.0, 1.0)
    f = ratio * denominator / numerator
    return FTest(
        statistic, f, float(numerator), float(denominator), float(fdtrc(numerator, denominator, f))
    )
