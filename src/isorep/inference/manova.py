"""The four classical tests of a relation between two sides, by their F approximations."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.core.warning_text import issue
from isorep.inference.sequential import check_overlap, forced_warning


@dataclass(frozen=True)
class FTest:
    """A statistic and its F approximation.

    Attributes
    ----------
    statistic : float
        Statistic that the test is named after; may be infinite if a correlation is 1.
    f : float
        F value; 0 if there are too few samples.
    numerator_dof, denominator_dof : float
        Degrees of freedom of F; the second is 0 if there are too few samples.
    p_value : float
        Probability of a larger F if the sides are independent; 1 if there are too few samples.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 3))
    >>> test = isorep.inference.manova(isorep.overlap(x, x + y)).pillai
    >>> test.numerator_dof, test.p_value < 0.001
    (9.0, True)
    """

    statistic: float
    f: float
    numerator_dof: float
    denominator_dof: float
    p_value: float


@dataclass(frozen=True)
class Manova:
    """Four tests of the hypothesis that the two sides are independent.

    Attributes
    ----------
    wilks_by_index : tuple of FTest
        Wilks' lambda, ``prod_{i > k} (1 - rho_i^2)``, without the first k correlations, for k = 0
        to c - 1.
    pillai : FTest
        Pillai's trace, ``sum rho_i^2``.
    hotelling_lawley : FTest
        The Hotelling-Lawley trace, ``sum rho_i^2 / (1 - rho_i^2)``.
    roy : FTest
        Roy's largest root, ``rho_1^2 / (1 - rho_1^2)``.
    warnings : tuple of str
        Reasons to read the result with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 3))
    >>> result = isorep.inference.manova(isorep.overlap(x, x + y))
    >>> len(result.wilks_by_index), result.roy.statistic < result.hotelling_lawley.statistic
    (3, True)
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
    """Test for a relation between two sides: Wilks, Pillai, Hotelling-Lawley and Roy.

    Each test depends only on the canonical correlations. With ranks a, b and n samples, ``s =
    min(a, b)``, ``g = max(a, b)``, ``N = n - 1 - a - b``:

    - Wilks: Rao's F, exact if s is 1 or 2. Without the first k correlations, it tests the (k + 1)th
      and later correlations.
    - Pillai: ``F = (N + s) V / (g (s - V))``. The most robust to samples that are not normal.
    - Hotelling-Lawley: McKeon's F if ``N > 3``, Pillai's otherwise.
    - Roy: ``F = (n - 1 - g) theta / g``, an upper bound, so its p-value is too small: at n = 200 it
      is below 0.05 for a third of unrelated pairs with a = b = 3, and for all with a = b = 20.
      `random_matrix_edge` uses the law of this root.

    If a correlation is exactly 1, p is 0. If ``a + b > n - 1``, some correlations are 1 whatever
    the data: every F is 0, every p-value is 1, and the result warns. A test without degrees of
    freedom also has F 0 and p 1. The approximations assume normal samples; for many directions and
    few samples prefer `permutation_test`.

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
        If `overlap` is not an Overlap.

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
    warnings = issue(forced_warning(overlap), stacklevel=2)
    dof = n - 1 - a - b
    return Manova(
        wilks_by_index=tuple(
            _wilks(float(logarithm), a, b, k, dof) for k, logarithm in enumerate(logarithms)
        ),
        pillai=_pillai(squares, a, b, dof),
        hotelling_lawley=_hotelling_lawley(roots, a, b, dof),
        roy=_f_test(float(roots[0]), float(roots[0]), max(a, b), dof + min(a, b), dof),
        warnings=warnings,
    )


def _wilks(logarithm: float, a: int, b: int, k: int, dof: int) -> FTest:
    rao = dof + (a + b - 1) / 2  # the same for every k, which reduces a, b and n alike
    a, b = a - k, b - k
    # With one direction on a side Rao's formula is 0 / 0, and F with t = 1 is exact.
    t = sqrt((a * a * b * b - 4) / (a * a + b * b - 5)) if a * a + b * b > 5 else 1.0
    denominator = rao * t - (a * b - 2) / 2
    root = exp(logarithm / t)
    ratio = -np.expm1(logarithm / t) / root if root > 0 else inf
    return _f_test(exp(logarithm), float(ratio), a * b, denominator, dof)


def _pillai(squares: NDArray[np.float64], a: int, b: int, dof: int) -> FTest:
    s = min(a, b)
    trace, missing = float(np.sum(squares)), float(np.sum(1 - squares))
    ratio = trace / missing if missing > 0 else inf
    return _f_test(trace, ratio, a * b, s * (dof + s), dof)


def _hotelling_lawley(roots: NDArray[np.float64], a: int, b: int, dof: int) -> FTest:
    s = min(a, b)
    trace = float(np.sum(roots))
    if dof <= 3:
        denominator = s * (dof - 1) / 2 * s + s
        return _f_test(trace, trace / s, a * b, denominator, dof)
    spread = (dof - 1 + a) * (dof - 1 + b) / (dof * (dof - 3))
    denominator = 4 + (a * b + 2) / (spread - 1)
    return _f_test(trace, trace * (dof - 1) / (denominator - 2), a * b, denominator, dof)


def _f_test(
    statistic: float, ratio: float, numerator: float, denominator: float, dof: int
) -> FTest:
    """Return the test with ``F = ratio * denominator / numerator``."""
    from scipy.special import fdtrc

    if dof < 0 or denominator <= 0:
        return FTest(statistic, 0.0, float(numerator), 0.0, 1.0)
    f = ratio * denominator / numerator
    return FTest(
        statistic, f, float(numerator), float(denominator), float(fdtrc(numerator, denominator, f))
    )
