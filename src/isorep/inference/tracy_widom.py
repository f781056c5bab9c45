"""The random-matrix edge: which canonical correlations stand out of the noise of many."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._arrays import to_numpy
from isorep.inference._sequential import check, first_not_rejected, forced_warning
from isorep.overlap import Overlap
from isorep.score import FewSamplesWarning

LEAST = -8.0
"""Where the law's distribution function is 2e-12, and p-values under it are all told as one."""

MOST = 100.0
"""Where it is 0: the upper tail is 1e-290."""

BEYOND = 12.0
"""Where the Airy function is 1e-13 of its greatest and falls faster than any power."""

NODES = 28
"""Of the quadrature over the kernel."""


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


def tracy_widom_sf(s: ArrayLike) -> NDArray[np.float64]:
    """Chance that a variable of the Tracy-Widom law of order 1 exceeds `s`, any shape.

    ``F1(s) = det(1 - K)``, ``K(u, v) = Ai(u + v + s)`` on (0, inf), by Gauss-Legendre quadrature:
    with a relative error of about 1e-12.

    Parameters
    ----------
    s : array-like
        In the law's own units (mean -1.21, standard deviation 1.27); may be infinite.

    Returns
    -------
    float64 array
        In [0, 1], of the shape of `s`.

    References
    ----------
    Ferrari and Spohn 2005, A determinantal formula for the GOE Tracy-Widom distribution. Bornemann
    2010, On the numerical evaluation of Fredholm determinants.

    Examples
    --------
    >>> tracy_widom_sf([-3.8954, -1.2686, 0.9793, 2.0234]).round(4)
    array([0.99, 0.5 , 0.05, 0.01])
    """
    from scipy.special import airy

    points = np.clip(np.asarray(s, dtype=np.float64), LEAST, MOST)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    # Of a whole spectrum most lie under the least value, which is evaluated once.
    different, places = np.unique(points, return_inverse=True)
    chances = np.empty(len(different))
    for i, point in enumerate(different):
        span = max(BEYOND - point, 4.0) / 2
        u, root = span * (nodes + 1), np.sqrt(span * weights)
        kernel = root[:, None] * airy(u[:, None] + u + point)[0] * root
        # By eigenvalues and not det(), of which a small p-value would keep no digit.
        chances[i] = -np.expm1(np.sum(np.log1p(-np.linalg.eigvalsh(kernel))))
    return chances[places].reshape(points.shape)


@cache
def tracy_widom_quantile(share: float) -> float:
    """Value that a variable of the Tracy-Widom law of order 1 exceeds with chance ``1 - share``.

    Parameters
    ----------
    share : float
        In (0, 1).

    Returns
    -------
    float
        In the law's own units; to about 1e-10.

    References
    ----------
    See `tracy_widom_sf`.

    Examples
    --------
    >>> round(tracy_widom_quantile(0.95), 4)
    0.9793
    """
    from scipy.optimize import brentq

    return float(
        brentq(lambda s: float(tracy_widom_sf(s)) - (1 - share), LEAST, BEYOND, xtol=1e-12)
    )


def centre_and_scale(
    m: float, a: int, b: int, k: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Johnstone's constants of ``m = n - 1`` centred samples, k directions a side removed."""
    rest = m - k - 1
    gamma = 2 * np.arcsin(np.sqrt((min(a, b) - k - 0.5) / rest))
    phi = 2 * np.arcsin(np.sqrt((max(a, b) - k - 0.5) / rest))
    cube = 16 / (rest**2 * np.sin(phi + gamma) ** 2 * np.sin(phi) * np.sin(gamma))
    return 2 * np.log(np.tan((phi + gamma) / 2)), np.cbrt(cube)


def _no_room(n: int, a: int, b: int) -> tuple[str, ...]:
    if a + b < n - 1:
        return ()
    return (
        f"{n} samples are too few to test {a} and {b} directions: noise may reach a correlation of "
        "1, so none counts as significant; take more samples or fewer directions",
    )
