"""The Tracy-Widom law of the largest canonical correlation of noise, and its centre and scale."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST = -8.0
"""Smallest argument: the distribution function is 2e-12 here, so smaller ones have the same p."""

MOST = 100.0
"""Largest argument: the upper tail is 1e-290 here."""

BEYOND = 12.0
"""End of the quadrature: the Airy function is 1e-13 of its maximum and decays quickly."""

NODES = 28
"""Number of nodes of the quadrature over the kernel."""


def tracy_widom_sf(s: ArrayLike) -> NDArray[np.float64]:
    """Return the probability that a Tracy-Widom variable of order 1 exceeds `s`.

    ``F1(s) = det(1 - K)``, ``K(u, v) = Ai(u + v + s)`` on (0, inf), by Gauss-Legendre quadrature
    with a relative error of about 1e-12.

    Parameters
    ----------
    s : array-like
        Values, of any shape, in the law's units (mean -1.21, standard deviation 1.27); infinite
        values are allowed.

    Returns
    -------
    float64 array
        Probabilities, of the shape of `s`.

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
    # Most values of a spectrum are clipped to the smallest one, which is evaluated once.
    unique, inverse = np.unique(points, return_inverse=True)
    probabilities = np.empty(len(unique))
    for i, point in enumerate(unique):
        span = max(BEYOND - point, 4.0) / 2
        u, root = span * (nodes + 1), np.sqrt(span * weights)
        kernel = root[:, None] * airy(u[:, None] + u + point)[0] * root
        # Eigenvalues instead of det(), because 1 - det() would lose all digits of a small p-value.
        probabilities[i] = -np.expm1(np.sum(np.log1p(-np.linalg.eigvalsh(kernel))))
    return probabilities[inverse].reshape(points.shape)


@cache
def tracy_widom_quantile(share: float) -> float:
    """Return the quantile of the Tracy-Widom law of order 1.

    Parameters
    ----------
    share : float
        Probability of a smaller value, in (0, 1).

    Returns
    -------
    float
        Quantile in the law's units, to about 1e-10.

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
    """Return Johnstone's constants for ``m = n - 1`` and k directions removed from each side."""
    rest = m - k - 1
    gamma = 2 * np.arcsin(np.sqrt((min(a, b) - k - 0.5) / rest))
    phi = 2 * np.arcsin(np.sqrt((max(a, b) - k - 0.5) / rest))
    cube = 16 / (rest**2 * np.sin(phi + gamma) ** 2 * np.sin(phi) * np.sin(gamma))
    return 2 * np.log(np.tan((phi + gamma) / 2)), np.cbrt(cube)


def n_above_edge(observed: NDArray[np.float64], n_samples: float, x_rank: int, y_rank: int) -> int:
    """Return the number of leading correlations above the noise edge, tested one after another."""
    if x_rank + y_rank >= n_samples - 1:  # noise may reach 1
        return 0
    from scipy.special import expit

    steps = np.arange(len(observed))
    centre, scale = centre_and_scale(n_samples - 1, x_rank, y_rank, steps)
    under = observed**2 <= expit(centre + scale * tracy_widom_quantile(0.95))
    return int(np.argmax(under)) if np.any(under) else len(observed)
