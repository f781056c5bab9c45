"""Canonical correlations above the noise edge that random-matrix theory predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText, issue
from isorep.inference.sequential import check, first_not_rejected, forced_warning
from isorep.random_matrix.effective_samples import independent_samples
from isorep.random_matrix.equal_lengths import with_equal_lengths
from isorep.random_matrix.tracy_widom import centre_and_scale, tracy_widom_quantile, tracy_widom_sf


@dataclass(frozen=True, eq=False)
class RandomMatrixEdge:
    """Tests of each canonical correlation against its noise edge.

    Attributes
    ----------
    edges : (c,) float64 array
        Noise edge: if only the first k correlations are real, the next one exceeds it with
        probability `alpha`; 1 if there are too few samples.
    p_values : (c,) float64 array
        Probability of at least this correlation if only the first k are real.
    n_significant : int
        Number of correlations above their edges before the first that is not.
    alpha : float
        Level of each test.
    warnings : tuple of str
        Reasons to read the result with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> shared, x, y = np.random.default_rng(0).standard_normal((3, 200, 10))
    >>> o = isorep.overlap(np.hstack([shared, x]), np.hstack([shared, y]))
    >>> result = isorep.inference.random_matrix_edge(o)
    >>> result.n_significant, bool((result.edges[:10] < o.correlations[:10]).all())
    (10, True)
    """

    edges: NDArray[np.float64]
    p_values: NDArray[np.float64]
    n_significant: int
    alpha: float
    warnings: tuple[str, ...] = ()


def random_matrix_edge(overlap: Overlap, alpha: float = 0.05) -> RandomMatrixEdge:
    """Count the canonical correlations above the noise edge of random-matrix theory.

    For the largest correlation rho of independent normal data, ``log(rho^2 / (1 - rho^2))`` is
    approximately ``mu + sigma W``, with W of the Tracy-Widom law of order 1. With ranks a and b,
    ``N = n - 1`` and angles in (0, pi),

    - ``sin^2(gamma / 2) = (min(a, b) - 1/2) / (N - 1)``,
      ``sin^2(phi / 2) = (max(a, b) - 1/2) / (N - 1)``
    - ``mu = 2 log tan((phi + gamma) / 2)``
    - ``sigma^3 = 16 / ((N - 1)^2 sin^2(phi + gamma) sin(phi) sin(gamma))``.

    After k rejections, the next correlation is tested as the largest one of a problem with k fewer
    directions on each side and k fewer samples.

    Unlike Bartlett's chi-squared law, this law holds for ranks that grow with the samples, so also
    for n near a + b: on independent normal data at ``alpha=0.05`` it rejected 4 to 5 % of the time
    for a = b = 20 to 100 and n from 2.2 a to 50 a, and 2 to 4 % if a and b are 1 to 5 or n is
    2 above a + b. It finds single correlations above the edge; `permutation_test` and
    `isorep.bartlett` can also find many weak correlations that are all below the edge.

    - If ``a + b > n - 1``, some correlations are 1 whatever the data and prove nothing: every
      p-value is 1, none is significant, and the result warns. If ``a + b = n - 1``, the edge is 1,
      no correlation exceeds it, and the result warns too.
    - If samples depend on each other, their effective number takes the place of n.
    - The law assumes normal samples but depends little on that assumption, unless few samples are
      long on both sides. So if lengths vary much on both, the correlations are those of samples
      scaled to equal length in whitened coordinates. Of 200 unrelated pairs of 300 samples of 20
      directions, each side with the lengths of a multivariate t(2), 54 % had a correlation above
      the edge as they were, and 4 % so scaled; of 1,000 samples of 50 and 50 directions, 9 shared,
      in three classes of spread 0.3, 1 and 3, 24 and 9 were found on average
      (``python studies/noise_edge.py``).

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    alpha : float
        Level of each test, in (0, 1).

    Returns
    -------
    RandomMatrixEdge
        Number of correlations above the edge, and edge and p-value by k.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `alpha` is not in (0, 1).

    References
    ----------
    Johnstone 2008, Multivariate analysis and Jacobi ensembles: largest eigenvalue, Tracy-Widom
    limits and rates of convergence, theorem 1. Johnstone 2009,
    Approximate null distribution of the largest root in multivariate analysis, for the sequence.

    Examples
    --------
    Three shared dimensions among fifty, with fewer samples than Bartlett's test needs:

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
    n, a, b = independent_samples(overlap, seed=0), overlap.x.rank, overlap.y.rank
    overlap = with_equal_lengths(overlap)
    rho = to_numpy(overlap.correlations)
    doubts = forced_warning(overlap) or _edge_warning(n, a, b)
    warnings = issue(doubts, stacklevel=2)
    if doubts:
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


def _edge_warning(n: float, a: int, b: int) -> tuple[str, ...]:
    if a + b < n - 1:
        return ()
    return (
        WarningText(
            "few-samples",
            f"{n:.0f} samples are too few to test {a} and {b} directions: noise may reach a "
            "correlation of 1, so none counts as significant",
            "take more samples or fewer directions",
        ),
    )
