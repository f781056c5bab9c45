"""Permutation test of the number of canonical correlations above chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep._utils.parallel import one_thread
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap
from isorep.core.warning_text import issue
from isorep.inference.sequential import check, first_not_rejected, forced_warning

FLOOR = 1e-8
"""Value added to the diagonal of the variates' inner products, whose determinant may be 0."""

TIE = 1e-6
"""Difference of two statistics that rounding and `FLOOR` may cause; relative below 1."""

BATCH = 2**20
"""Size in bytes of the inner products that are decomposed at a time."""


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """Permutation test of the hypotheses that k correlations are real, k = 0 to c - 1.

    Attributes
    ----------
    statistic : (c,) float64 array
        ``-sum_{i > k} log(1 - rho_i^2)``, computed with `FLOOR` added to the inner products.
    p_values : (c,) float64 array
        Probability of at least this statistic if only k correlations are real, and at least the
        p-value of every smaller k, so that alpha bounds the probability of a first false rejection.
    n_significant : int
        Smallest k that is not rejected; c if all are rejected.
    alpha : float
        Level of the tests; a hypothesis is rejected if ``p < alpha``.
    warnings : tuple of str
        Reasons to read the result with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 50, 2))
    >>> o = isorep.overlap(x, x + 0.3 * noise)
    >>> result = isorep.inference.permutation_test(o, n_permutations=199)
    >>> result.n_significant, result.p_values
    (2, array([0.005, 0.005]))
    """

    statistic: NDArray[np.float64]
    p_values: NDArray[np.float64]
    n_significant: int
    alpha: float
    warnings: tuple[str, ...] = ()


def permutation_test(
    overlap: Overlap, *, n_permutations: int = 999, seed: int = 0, alpha: float = 0.05
) -> PermutationTest:
    """Count the canonical correlations above chance, by permutation of the samples.

    Winkler et al.'s stepwise test. For each k the first k pairs of canonical variates are removed,
    the rest of y is permuted against the rest of x, and the logarithm of Wilks' lambda is compared
    with its value before. Without the removal, the k-th correlation would be compared with noise of
    too many dimensions and too few correlations would be found. Variates that only the side of
    larger rank has are kept; without them too many correlations would be found.

    - For k = 0 the test is exact for every n and distribution of independent samples: permuting and
      centring rows commute, so the mean, the only nuisance variable here, has no effect. For k > 0
      the removed variates are estimates and the test is approximate. Of 400 pairs of normal data at
      ``alpha=0.05`` with 99 permutations, whose exact level is 4 %, it found one correlation too
      many in 4 % with 0 of 20 directions shared at n = 60 (Bartlett's test: 31 %), in 2 % with 3 of
      20 at n = 100, and in 3 % with 5 of 50 at n = 2000.
    - If ``a + b > n - 1``, with a and b the ranks, some correlations are 1 whatever the data and
      prove nothing: every p-value is 1, none is significant, and the result warns.
    - If samples depend on each other (tokens of one text), whole groups are permuted, or time is
      shifted; see `null_distribution`.

    One permutation gives all c tests, from one product of the variates and one Cholesky factor of
    their (a + b) x (a + b) inner products: if the last pairs come first, its leading minors are the
    determinants of the tests. A correlation within about 5e-9 of 1 counts as 1.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    n_permutations : int
        Number of permutations; a p-value is at least ``1 / (n_permutations + 1)``.
    seed : int
        Random seed of the permutations.
    alpha : float
        Level of each test, in (0, 1).

    Returns
    -------
    PermutationTest
        Number of significant correlations, and statistic and p-value by k.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `alpha` is not in (0, 1), or `n_permutations` is less than 1.

    References
    ----------
    Winkler, Renaud, Smith and Nichols 2020, Permutation inference for canonical correlation
    analysis, algorithm 1 (without nuisance variables).

    Examples
    --------
    Three shared dimensions among ten, and few samples:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((60, 3))
    >>> x, y = (np.hstack([shared, rng.standard_normal((60, 7))]) for _ in range(2))
    >>> o = isorep.overlap(x, y + 0.3 * rng.standard_normal(y.shape))
    >>> isorep.inference.permutation_test(o, n_permutations=199).n_significant
    3
    """
    check(overlap, alpha, "isorep.inference.permutation_test")
    u, v = _all_variates(overlap)
    xp, c = array_namespace(u), overlap.correlations.shape[0]
    warnings = issue(forced_warning(overlap), stacklevel=2)
    observed = _statistic(to_numpy(u.T @ v), c)
    if overlap.n_forced:
        return PermutationTest(observed, np.ones(c), 0, alpha, warnings)
    reached, threshold = np.ones(c), observed - TIE * np.clip(observed, 0.0, 1.0)
    orders = Orders(overlap.structure or overlap.n_samples, n_permutations, seed)
    with one_thread():
        for batch in orders.batches(max(1, BATCH // (8 * (u.shape[1] + v.shape[1]) ** 2))):
            crosses = []
            for order in batch:
                reordered = xp.take(v, xp.asarray(order, device=device(v)), axis=0)
                if not orders.are_permutations:
                    reordered = _orthonormal(reordered)
                crosses.append(to_numpy(u.T @ reordered))
            reached += np.sum(_statistic(np.array(crosses), c) >= threshold, axis=0)
    p_values = np.maximum.accumulate(reached / (1 + n_permutations))
    return PermutationTest(
        statistic=observed,
        p_values=p_values,
        n_significant=first_not_rejected(p_values, alpha),
        alpha=alpha,
    )


def _all_variates(overlap: Overlap) -> tuple[Array, Array]:
    """Return orthonormal bases of both sides, (n, x_rank) and (n, y_rank), variates first."""
    xp = array_namespace(overlap.matrix)
    bases = []
    for side, rotation in ((overlap.x, overlap.x_rotation), (overlap.y, overlap.y_rotation)):
        complete = np.linalg.qr(to_numpy(rotation), mode="complete")[0]
        complete[:, : rotation.shape[1]] = to_numpy(rotation)  # QR may have changed a sign
        bases.append(side.combine(xp.asarray(complete, device=device(overlap.matrix))))
    return bases[0], bases[1]


def _orthonormal(variates: Array) -> Array:
    """Return an orthonormal basis of centred columns; the last k span what the last k spanned."""
    xp = array_namespace(variates)
    centred = variates - xp.mean(variates, axis=0)
    q: Array = xp.flip(xp.linalg.qr(xp.flip(centred, axis=1))[0], axis=1)
    return q


def _statistic(cross: NDArray[np.float64], c: int) -> NDArray[np.float64]:
    """Return ``-log det(1 - C_k C_k^T)`` for ``C_k = cross[k:, k:]``, k = 0 to c - 1.

    For a stack of matrices, (..., a, b), the statistics are (..., c).
    """
    *stack, a, b = cross.shape
    gram = np.zeros((*stack, a + b, a + b)) + np.eye(a + b) * (1 + FLOOR)
    gram[..., :a, a:], gram[..., a:, :a] = cross, np.swapaxes(cross, -2, -1)
    # Directions without a partner come first, then the pairs, with the last pair first.
    pairs = np.stack([np.arange(c), a + np.arange(c)], axis=1)[::-1].ravel()
    order = np.concatenate([np.arange(c, a), np.arange(a + c, a + b), pairs])
    factors = np.linalg.cholesky(gram[..., order[:, None], order])
    logarithms = np.cumsum(2 * np.log(np.diagonal(factors, axis1=-2, axis2=-1)), axis=-1)
    return -logarithms[..., a + b - 2 * c + 1 :: 2][..., ::-1]
