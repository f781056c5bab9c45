"""Bartlett's test of the number of canonical correlations above chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import epsilon, to_numpy
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText, issue
from isorep.inference.sequential import check, first_not_rejected, forced_warning

FEW_SAMPLES = 5
"""Samples per direction of both sides below which the test clearly rejects too often."""


@dataclass(frozen=True, eq=False)
class Bartlett:
    """Bartlett's tests of the hypotheses that k correlations are real, k = 0 to c - 1.

    Attributes
    ----------
    statistic : (c,) float64 array
        ``T_k``; infinite if a correlation after the k-th is exactly 1.
    dof : (c,) int64 array
        Degrees of freedom of ``T_k`` if only k correlations are real.
    p_values : (c,) float64 array
        Probability of a larger ``T_k`` if only k correlations are real.
    n_significant : int
        Smallest k that is not rejected; c if all are rejected.
    alpha : float
        Level of the tests; a hypothesis is rejected if ``p < alpha``.
    warnings : tuple of str
        Reasons to read the result with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> shared, x, y = np.random.default_rng(0).standard_normal((3, 1000, 2))
    >>> result = isorep.bartlett(isorep.overlap(np.hstack([shared, x]), np.hstack([shared, y])))
    >>> result.n_significant, result.dof
    (2, array([16,  9,  4,  1]))
    """

    statistic: NDArray[np.float64]
    dof: NDArray[np.int64]
    p_values: NDArray[np.float64]
    n_significant: int
    alpha: float
    warnings: tuple[str, ...] = ()


def bartlett(overlap: Overlap, alpha: float = 0.05) -> Bartlett:
    """Count the canonical correlations above chance, by Bartlett's sequential test.

    With a and b the ranks of the two sides and n samples,

    ``T_k = -(n - k - (a + b + 1) / 2 + sum_{i <= k} 1 / rho_i^2) log prod_{i > k} (1 - rho_i^2)``

    is approximately chi-squared with ``(a - k)(b - k)`` degrees of freedom if only the first k
    correlations are real. The smallest k that is not rejected is their number.

    - The factor before the logarithm is at least 1/2: no ``1 / rho_i^2`` is less than 1, and the
      ranks of centred data are at most n - 1.
    - If a correlation is exactly 1, ``T_k`` is infinite and p is 0. If the remaining correlations
      are 0 up to rounding, ``T_k`` is 0 and p is 1.
    - If ``a + b > n - 1``, some correlations are 1 whatever the data and prove nothing: every
      p-value is 1, none is significant, and the result warns. Take more samples or fewer directions
      (``overlap.leading``).

    The chi-squared law is asymptotic and assumes normal samples. With n near a + b it rejects too
    often: on independent normal data at ``alpha=0.05``, for a = b = 20, 29 % of the time at n = 60,
    11 % at n = 100, 7 % at n = 200 and 5 % at n = 1000. Below ``n = 5 (a + b)`` the result warns.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    alpha : float
        Level of each test, in (0, 1).

    Returns
    -------
    Bartlett
        Number of significant correlations, and statistic, degrees of freedom and p-value by k.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `alpha` is not in (0, 1).

    References
    ----------
    Bartlett 1941, The statistical significance of canonical correlations; with the sum of Lawley
    1959, Tests of significance in canonical analysis. Morcos, Raghu and Bengio 2018, appendix A.2.

    Examples
    --------
    Three shared dimensions among ten:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((1000, 3))
    >>> x, y = (np.hstack([shared, rng.standard_normal((1000, 7))]) for _ in range(2))
    >>> result = isorep.bartlett(isorep.overlap(x, y + 0.5 * rng.standard_normal(y.shape)))
    >>> result.n_significant, result.dof[:4]
    (3, array([100,  81,  64,  49]))
    """
    from scipy.special import chdtrc

    check(overlap, alpha, "isorep.bartlett")
    n, a, b = overlap.n_samples, overlap.x.rank, overlap.y.rank
    rho = to_numpy(overlap.correlations)
    squares = np.where(rho > epsilon("float64"), rho, 0.0) ** 2
    k = np.arange(len(rho))
    dof = (a - k) * (b - k)
    with np.errstate(divide="ignore"):
        logarithms = np.log1p(-squares)
        # All correlations after a 0 are 0, so their statistic is 0 whatever the inverse.
        inverse = np.where(squares > 0, 1 / squares, 0.0)
    log_lambda = np.cumsum(logarithms[::-1])[::-1]
    factor = n - k - (a + b + 1) / 2 + np.cumsum(inverse) - inverse
    statistic = np.where(log_lambda < 0, -factor * log_lambda, 0.0)
    warnings = issue(forced_warning(overlap) or _few_samples(n, a, b), stacklevel=2)
    p_values = np.ones(len(rho)) if overlap.n_forced else chdtrc(dof, statistic)
    return Bartlett(
        statistic=statistic,
        dof=dof,
        p_values=p_values,
        n_significant=first_not_rejected(p_values, alpha),
        alpha=alpha,
        warnings=warnings,
    )


def _few_samples(n: int, a: int, b: int) -> tuple[str, ...]:
    if n < FEW_SAMPLES * (a + b):
        return (
            WarningText(
                "few-samples",
                f"{n} samples are few to test {a} and {b} directions: Bartlett's test calls too "
                "many correlations significant",
                f"take {FEW_SAMPLES * (a + b)} or more, or fewer directions",
            ),
        )
    return ()
