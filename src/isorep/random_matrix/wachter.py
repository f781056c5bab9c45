"""Wachter's law: where the canonical correlations of independent data lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep.core.overlap import Overlap

NODES = 400
"""Of the quadrature over the density, which errs by less than 1e-6 of the mean."""


@dataclass(frozen=True)
class Wachter:
    """Limiting law of the squared canonical correlations of independent data.

    For n samples and ranks p <= q, with ``a = p / (n - 1)`` and ``b = q / (n - 1)``, the p squared
    correlations spread as

    ``f(x) = sqrt((d+ - x)(x - d-)) / (2 pi a x (1 - x))`` on ``[d-, d+]``,
    ``d+- = (sqrt(a (1 - b)) +- sqrt(b (1 - a)))^2``,

    and a share ``max(0, a + b - 1) / a`` of them is 1: the forced ones. (The p x p matrix
    ``M M^T`` has no zeros to speak of; the q x q ``M^T M`` has q - p of them more.) The law is a
    limit for p, q and n growing together, and holds for distributions of any shape with finite
    variances. It says where the whole spectrum lies; how far beyond d+ the greatest correlation of
    noise may stray is `random_matrix_edge`'s.

    Attributes
    ----------
    n_samples : int
        Rows of both sides.
    x_rank, y_rank : int
        Directions of each side, at most ``n_samples - 1``.

    References
    ----------
    Wachter 1980, The limiting empirical measure of multiple discriminant ratios. Bai and
    Silverstein 2004, CLT for linear spectral statistics of large-dimensional sample covariance
    matrices, theorem 1.1, has the like of `mean`'s correction for one covariance matrix.

    Examples
    --------
    A hundred directions on each side, a thousand samples, nothing in common:

    >>> law = Wachter(n_samples=1001, x_rank=100, y_rank=100)
    >>> round(law.edges[1] ** 0.5, 3), round(law.mean(), 6)
    (0.6, 0.1)
    >>> law.correlations().round(2)[[0, 50, 99]]
    array([0.59, 0.26, 0.  ])
    """

    n_samples: int
    x_rank: int
    y_rank: int

    def __post_init__(self) -> None:
        most = self.n_samples - 1
        if not (1 <= self.x_rank <= most and 1 <= self.y_rank <= most):
            raise ValueError(
                f"ranks {self.x_rank} and {self.y_rank} of {self.n_samples} centred samples: "
                f"expected 1 to {most}"
            )

    @classmethod
    def from_overlap(cls, overlap: Overlap) -> Wachter:
        """Return the law of an overlap of these ranks and this many samples."""
        return cls(overlap.n_samples, overlap.x.rank, overlap.y.rank)

    @property
    def n_correlations(self) -> int:
        """The smaller rank, c."""
        return min(self.x_rank, self.y_rank)

    @property
    def forced(self) -> float:
        """Share of the correlations that is 1 whatever the data: the point mass at 1."""
        return max(0, self.x_rank + self.y_rank - (self.n_samples - 1)) / self.n_correlations

    @property
    def edges(self) -> tuple[float, float]:
        """Ends of the interval ``[d-, d+]`` that holds the squared correlations not forced."""
        middle, half = self._interval
        return max(middle - half, 0.0), min(middle + half, 1.0)

    @property
    def _shares(self) -> tuple[float, float]:
        return self.x_rank / (self.n_samples - 1), self.y_rank / (self.n_samples - 1)

    @property
    def _interval(self) -> tuple[float, float]:
        a, b = self._shares
        return a + b - 2 * a * b, 2 * sqrt(a * (1 - a) * b * (1 - b))

    def density(self, squares: ArrayLike) -> NDArray[np.float64]:
        """Density at squared correlations, any shape, without the point mass at 1."""
        x = np.asarray(squares, dtype=np.float64)
        low, high = self.edges
        inside = (x > low) & (x < high)
        x = np.where(inside, x, 0.5)
        height = np.sqrt(np.where(inside, (high - x) * (x - low), 0.0))
        return np.asarray(height / (2 * pi * min(self._shares) * x * (1 - x)))

    def cdf(self, squares: ArrayLike) -> NDArray[np.float64]:
        """Share of the squared correlations up to each of `squares`, any shape."""
        x = np.asarray(squares, dtype=np.float64)
        middle, half = self._interval
        cosine = np.clip((middle - x) / half, -1.0, 1.0) if half else np.where(x < middle, 1, -1)
        return np.asarray(np.where(x >= 1, 1.0, self._below(np.arccos(cosine))))

    def quantile(self, share: ArrayLike) -> NDArray[np.float64]:
        """Squared correlation under which each `share`, in [0, 1], of them lies."""
        wanted = np.asarray(share, dtype=np.float64)
        low, high = np.zeros_like(wanted), np.full_like(wanted, pi)
        for _ in range(60):
            angle = (low + high) / 2
            under = self._below(angle) < wanted
            low, high = np.where(under, angle, low), np.where(under, high, angle)
        middle, half = self._interval
        inside = np.clip(middle - half * np.cos((low + high) / 2), 0.0, 1.0)
        return np.asarray(np.where(wanted > 1 - self.forced, 1.0, inside))

    def correlations(self) -> NDArray[np.float64]:
        """Return the spectrum to expect, (c,) correlations, descending."""
        c = self.n_correlations
        forced = round(self.forced * c)
        rest = self.quantile((np.arange(c - forced)[::-1] + 0.5) / c)
        return np.concatenate([np.ones(forced), np.sqrt(rest)])

    def mean(self, of: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None) -> float:
        """Mean of a function of the squared correlations over all c; of themselves by default.

        With real data the mean over c correlations departs from the limit law's by a term in 1/c,

        ``(of(d-) + of(d+)) / 4 - the mean of of(x) under 1 / (2 pi sqrt((d+ - x)(x - d-)))``,

        which is added. The mean square is then exact, ``q / (n - 1)`` for any distribution. For
        simulated normal data the mean correlation (``np.sqrt``) was up to 14 % above this for c =
        1, 3 % for c = 2, within 1 % from c = 5 and 0.5 % from c = 10.
        """
        function = of or (lambda squares: squares)
        middle, half = self._interval
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        angle, weights = pi * (nodes + 1) / 2, weights * pi / 2
        x = np.clip(middle - half * np.cos(angle), 1e-300, 1 - 1e-16)
        low, high = (function(np.array(edge)) for edge in self.edges)
        # Over the angle the density loses its square roots: d+ - x and x - d- are its sine's.
        slope = (half * np.sin(angle)) ** 2 / (2 * pi * min(self._shares) * x * (1 - x))
        noise = (low + high) / 4 - float(weights @ function(x)) / (2 * pi)
        return float(
            weights @ (slope * function(x))
            + self.forced * function(np.array(1.0))
            + noise / self.n_correlations
        )

    def _below(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the correlations under ``middle - half cos(angle)``: the density integrated."""
        middle, half = self._interval
        if not half:
            return np.where(angle < pi, 0.0, 1 - self.forced)
        # 1 / (x (1 - x)) is 1 / x + 1 / (1 - x).
        whole = np.array(pi)
        near_0 = _integral(angle, middle / half)
        near_1 = _integral(whole, (1 - middle) / half) - _integral(
            whole - angle, (1 - middle) / half
        )
        return np.asarray(half * (near_0 + near_1) / (2 * pi * min(self._shares)))


def _integral(t: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Integrate ``sin^2 / (a - cos)`` from 0 to t, in [0, pi], for a of 1 or more."""
    a = max(a, 1.0)  # which rounding can undercut
    turned = np.arctan2(sqrt(a + 1) * np.sin(t / 2), sqrt(a - 1) * np.cos(t / 2))
    return np.asarray(a * t + np.sin(t) - 2 * sqrt(a * a - 1) * turned)
