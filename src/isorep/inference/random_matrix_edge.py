"""The random-matrix edge: which canonical correlations stand out of the noise of many."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.core.score import FewSamplesWarning
from isorep.inference.sequential import check, first_not_rejected, forced_warning
from isorep.random_matrix.tracy_widom import centre_and_scale, tracy_widom_quantile, tracy_widom_sf


@dataclass(frozen=True, eq=False)
class RandomMatrixEdge:
    """Which canonical correlations lie beyond the edge of noise, one after another.

    Attributes
    ----------
    edges : (c,) float64 array
        The correlation that the k-th of noise exceeds with probability `alpha`, were the k before
        it real; 1 where the samples do not suffice to tell.
    p_values : (c,) float64 array
        Chance of as great a correlation, were only the k before it real.
    n_significant : int
        How many lie beyond their edges before the first that does not.
    alpha : float
        Level of each test.
    warnings : tuple of str
        Reasons to read the result with care; empty where there are none.
    """

    edges: NDArray[np.float64]
    p_values: NDArray[np.float64]
    n_significant: int
    alpha: float
    warnings: tuple[str, ...] = ()


def random_matrix_edge(overlap: Overlap, alpha: float = 0.05) -> RandomMatrixEdge:
    """Count the canonical correlations beyond the edge that random-matrix theory gives noise.

    The greatest correlation rho of independent normal data has ``log(rho^2 / (1 - rho^2))`` about
    ``mu + sigma W``, W of the Tracy-Widom law of order 1. With ranks a and b, ``N = n - 1`` and
    angles in (0, pi),

    - ``sin^2(gamma / 2) = (min(a, b) - 1/2) / (N - 1)``,
      ``sin^2(phi / 2) = (max(a, b) - 1/2) / (N - 1)``
    - ``mu = 2 log tan((phi + gamma) / 2)``
    - ``sigma^3 = 16 / ((N - 1)^2 sin^2(phi + gamma) sin(phi) sin(gamma))``.

    The k-th is tested as the greatest of a problem with k directions a side and k samples fewer, so
    long as those before it were rejected.

    Unlike Bartlett's chi-squared law this one is made for ranks that grow with the samples, so it
    holds where n is near a + b: on independent normal data at ``alpha=0.05`` it rejected 4 to 5 %
    of the time for a = b = 20 to 100 and n from 2.2 a to 50 a, and less, 2 to 4 %, where a and b
    are 1 to 5 or n is 2 above a + b. It finds what stands out alone; many weak correlations, each
    under the edge, `permutation_test` and `isorep.bartlett` may find together.

    - Where ``a + b > n - 1``, some correlations are 1 whatever the data, so that they are evidence
      of nothing: every p-value is 1, none is significant, and the result warns. Where ``a + b = n -
      1`` the edge is 1 and no correlation beyond it; the result warns too.
    - The law assumes normal samples but depends little on that, unless tails are so heavy that few
      samples make the correlations; then take `permutation_test`.
    - A scale that samples share, some being large on both sides, is a relation too, and counts: of
      1,000 samples of 50 and 50 directions with nothing but the scale of a multivariate t(5) in
      common it found 9 to 11, Bartlett's and the permutation test 15 to 21.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    alpha : float
        Level of each test, in (0, 1).

    Returns
    -------
    RandomMatrixEdge
        The number beyond the edge; edge and p-value by k.

    Raises
    ------
    TypeError
        When `overlap` is none.
    ValueError
        When `alpha` is not in (0, 1).

    References
    ----------
    Johnstone 2008, Multivariate analysis and Jacobi ensembles: largest eigenvalue, Tracy-Widom
    limits and rates of convergence, theorem 1. Johnstone 2009,
    Approximate null distribution of the largest root in multivariate analysis, for the sequence.

    Examples
    --------
    Three shared dimensions among fifty, and fewer samples than Bartlett's test can do with:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((200, 3))
    >>> x, y = (np.hstack([shared, rng.standard_normal((200, 47))]) for _ in range(2))
    >>> o = isorep.overlap(x, y + 0.3 * rng.standard_normal(y.shape))
    >>> result = isorep.inference.random_matrix_edge(o)
    >>> result.n_significant, result.edges[:4].round(2)
    (3, array([0.88, 0.87, 0.87, 0.86]))
    """
    from scipy.special import expit, logit

    check(overlap, alpha, "isorep.inference.random_matrix_edge")
    n, a, b = overlap.n_samples, overlap.x.rank, overlap.y.rank
    rho = to_numpy(overlap.correlations)
    warnings = forced_warning(overlap) or _no_room(n, a, b)
    for text in warnings:
        python_warnings.warn(text, FewSamplesWarning, stacklevel=2)
    if warnings:
        ones = np.ones(len(rho))
        return RandomMatrixEdge(ones, ones.copy(), 0, alpha, warnings)
    centre, scale = centre_and_scale(n - 1, a, b, np.arange(len(rho)))
    with np.errstate(divide="ignore"):
        p_values = tracy_widom_sf((logit(rho**2) - centre) / scale)
    return RandomMatrixEdge(
        edges=np.sqrt(expit(centre + scale * tracy_widom_quantile(1 - alpha))),
        p_values=p_values,
        n_significant=first_not_rejected(p_values, alpha),
        alpha=alpha,
    )


def _no_room(n: int, a: int, b: int) -> tuple[str, ...]:
    if a + b < n - 1:
        return ()
    return (
        f"{n} samples are too few to test {a} and {b} directions: noise may reach a correlation of "
        "1, so none counts as significant; take more samples or fewer directions",
    )
