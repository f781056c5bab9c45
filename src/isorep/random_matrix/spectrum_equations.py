"""Equations of the population's canonical correlations that are linear in their distribution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep.random_matrix.bartlett_factor import BartlettFactor, Floats, sample_correlations

Complex = NDArray[np.complex128]

POINTS = np.concatenate([np.linspace(-0.1, 1.1, 7) + 0.2j, [-0.6, 1.4]])
"""Points l of the equations. Nearer to the sample's squared correlations, the errors are larger;
farther away, the equations of different points become nearly equal."""

COMPLEX = POINTS.imag != 0

GRID = np.sin(np.linspace(0.0, np.pi / 2, 52))
"""Correlations that a distribution consists of, denser near 1, where estimates are more precise."""

N_SAMPLES = 64
"""Number of simulated samples that give the errors of the equations."""

BATCH = 2**20
"""Size in bytes of the samples that are simulated at a time."""

LARGEST = 128
"""Largest number of correlations that are simulated. The errors are nearly the same for any number,
as long as ranks and samples have the same ratios."""

TIED = 0.1
"""Difference of squared correlations up to which they count as equal, in standard errors."""

EXACTLY = 100.0
"""Weight of an equation that must hold exactly, relative to the others."""


def population_transform(
    correlations: ArrayLike,
    n_samples: float,
    x_rank: int,
    y_rank: int,
    points: ArrayLike = POINTS,
) -> tuple[Complex, Complex]:
    """Return where a sample shows the transform of its population's spectrum, and the transform.

    With N = n - 1, c = min(p, q), sample correlations s_i and ``L = [[l, sqrt l], [sqrt l, l]]``,
    the sample determines at every point l

    ``a = sum_i 1 / (l - s_i^2) + (p - c) / l``, ``b = a + (q - p) / l``,
    ``G = [[a, g], [g, b]] / N`` with ``g = (p - l a) / sqrt l``,
    ``W = L - L G L``, ``M = (G^-1 - L)^-1``, ``tau = W_12^2 / (W_11 W_22)``,

    and the population's correlations rho_k follow, for large N,

    ``sum_k 1 / (1 - tau rho_k^2) = N M_11 W_11 - (p - c)``.

    Parameters
    ----------
    correlations : (..., c) array
        Canonical correlations of samples.
    n_samples : float
        Number of samples n.
    x_rank, y_rank : int
        Ranks p and q.
    points : (m,) array
        Points l, complex, or real outside of [0, 1].

    Returns
    -------
    tau, sums : (..., m) complex128 arrays
        Points tau, and the right sides.

    Notes
    -----
    The matrix ``sum_i D_i^T L D_i``, with ``D_i = diag(x_i, y_i)`` for whitened samples, has a
    deterministic equivalent with the 2 x 2 matrix M. docs/correction.md derives the equation.

    Examples
    --------
    A thousand samples, and twenty correlations that are all 0.5:

    >>> import numpy as np
    >>> factor = BartlettFactor(1000, 20, 20, np.random.default_rng(0))
    >>> sample = factor.correlations(np.full(20, 0.5))
    >>> tau, sums = population_transform(sample, 1000, 20, 20, [1.4])
    >>> print((20 / (1 - tau * 0.5**2)).real.round(), sums.real.round())
    [24.] [24.]
    """
    p, q, n = x_rank, y_rank, n_samples - 1
    points = np.asarray(points, dtype=np.complex128)
    squares = np.asarray(correlations, dtype=np.float64)[..., None, :] ** 2
    root = np.sqrt(points)
    a = np.sum(1 / (points[:, None] - squares), axis=-1) + max(p - q, 0) / points
    b = a + (q - p) / points
    g = (p - points * a) / root
    resolvent = _symmetric(a, g, b) / n
    line = _symmetric(points, root, points)
    w = line - line @ resolvent @ line
    m = np.linalg.solve(np.eye(2) - resolvent @ line, resolvent)
    tau = w[..., 0, 1] ** 2 / (w[..., 0, 0] * w[..., 1, 1])
    return tau, n * m[..., 0, 0] * w[..., 0, 0] - max(p - q, 0)


def spike(correlations: Floats, index: int, n_samples: float, x_rank: int, y_rank: int) -> float:
    """Return the population's correlation behind one of a sample's that stands alone.

    It is where the transform has its pole: ``rho^2 = 1 / tau`` at ``l = s_i^2``, with tau from the
    other correlations. Those that are nearly equal are left out, since their own poles would
    replace it.
    """
    squares = np.minimum(correlations, 1 - 1e-9) ** 2
    point = squares[index]
    standard_error = 2 * sqrt(point / n_samples) * (1 - point)
    others = correlations[abs(squares - point) > TIED * standard_error]
    tau, _ = population_transform(others, n_samples, x_rank, y_rank, [point])
    return sqrt(np.clip(1 / tau[0].real, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class SpectrumEquations:
    """Equations of a population's spectrum, in units of their errors.

    Attributes
    ----------
    left : (m, 52) float64 array
        For a correlation of each value of `GRID`, what it adds to the equations.
    right : (m,) float64 array
        What the sample shows.
    n_correlations : int
        Number of correlations c.
    tau : (9,) complex128 array
        Points of the transform.
    whitening : (m, m) float64 array
        Matrix that turns the errors into independent ones of variance 1.
    """

    left: Floats
    right: Floats
    n_correlations: int
    tau: Complex
    whitening: Floats

    @classmethod
    def of_sample(
        cls,
        correlations: Floats,
        n_samples: float,
        x_rank: int,
        y_rank: int,
        head: Floats,
        rng: np.random.Generator,
    ) -> SpectrumEquations:
        """Make the equations of a sample; simulated samples give their bias and their errors.

        The simulated population is the one that fits the equations without regard to their errors,
        but for the correlations that stand out, `head`, which are known better.
        """
        c = len(correlations)
        tau, sums = population_transform(correlations, n_samples, x_rank, y_rank)
        left, right = _real(_terms(tau, GRID), axis=0), _real(sums)
        scale = 1 + abs(right)
        pilot = nonnegative(left / scale[:, None], right / scale, c)
        part = min(1.0, LARGEST / c)
        p, q = (max(round(part * rank), 1) for rank in (x_rank, y_rank))
        n = max(1 + part * (n_samples - 1), p + q + 1)
        kept = head[: min(p, q) // 2] if part < 1 else head
        rest = quantiles(GRID, pilot, c)[len(kept) :]
        rest = quantiles(rest[::-1], np.ones(len(rest)), min(p, q) - len(kept))
        population = np.concatenate([kept, rest])
        drawn = _simulated(n, p, q, population, rng)
        drawn_tau, drawn_sums = population_transform(drawn, n, p, q)
        errors = _real(drawn_sums - np.sum(_terms(drawn_tau, population), axis=-1))
        whitening = _whitening(errors)
        right = right - errors.mean(axis=0)
        return cls(whitening @ left, whitening @ right, c, tau, whitening)

    def right_of(self, correlations: Floats) -> Floats:
        """Return the right sides that given correlations have without an error, (m,)."""
        return np.asarray(self.whitening @ _real(np.sum(_terms(self.tau, correlations), axis=1)))

    def at(self, correlations: Floats) -> SpectrumEquations:
        """Return the equations with the right sides of given correlations, without an error."""
        return replace(self, right=self.right_of(correlations))

    def mirrored(self, correlations: Floats) -> SpectrumEquations:
        """Return the equations with the right sides mirrored at those of given correlations."""
        return replace(self, right=2 * self.right_of(correlations) - self.right)

    def misfit(self, correlations: Floats) -> float:
        """Return the misfit (chi squared) of given correlations."""
        return float(np.sum((self.right_of(correlations) - self.right) ** 2))

    def fit(self, *fixed: tuple[Floats, float]) -> tuple[float, Floats]:
        """Return the least misfit (chi squared) of all spectra, and the spectrum that has it.

        Parameters
        ----------
        *fixed : (52,) float64 array and float
            Functions of `GRID` and their mean over the correlations, which the spectrum must have.

        Returns
        -------
        misfit : float
        weights : (52,) float64 array
            Numbers of correlations of each value of `GRID`; not integers, and with sum c.
        """
        c = self.n_correlations
        weights = nonnegative(
            self.left, self.right, c, *((values, mean * c) for values, mean in fixed)
        )
        return float(np.sum((self.left @ weights - self.right) ** 2)), weights


def nonnegative(left: Floats, right: Floats, total: float, *fixed: tuple[Floats, float]) -> Floats:
    """Return non-negative weights of a given sum, and given sums of functions, that fit best."""
    from scipy.optimize import nnls

    unit = EXACTLY * max(1.0, float(abs(left).max()))
    rows, values = zip((np.ones(left.shape[1]), total), *fixed, strict=True)
    weights: Floats = nnls(
        np.concatenate([left, unit * np.array(rows)]),
        np.concatenate([right, unit * np.array(values)]),
        maxiter=100 * left.shape[1],
    )[0]
    return weights


def quantiles(values: Floats, weights: Floats, n_parts: int) -> Floats:
    """Return the means of equally large parts of a distribution of ascending values, descending."""
    below = np.concatenate([[0.0], np.cumsum(weights)]) * n_parts / weights.sum()
    integral = np.concatenate([[0.0], np.cumsum(np.diff(below) * values)])
    means = np.diff(np.interp(np.arange(n_parts + 1), below, integral))
    return np.asarray(np.clip(means, 0.0, 1.0)[::-1])


def _simulated(
    n_samples: float, x_rank: int, y_rank: int, population: Floats, rng: np.random.Generator
) -> Floats:
    """Return the correlations of simulated samples, (`N_SAMPLES`, c)."""
    at_a_time = max(1, BATCH // (8 * (x_rank + y_rank) ** 2))
    return np.concatenate(
        [
            sample_correlations(
                [
                    BartlettFactor(n_samples, x_rank, y_rank, rng)
                    for _ in range(start, min(start + at_a_time, N_SAMPLES))
                ],
                population,
            )
            for start in range(0, N_SAMPLES, at_a_time)
        ]
    )


def _terms(tau: Complex, correlations: Floats) -> Complex:
    """Return ``1 / (1 - tau rho^2)``, (..., m, c), what each correlation adds to the transform."""
    return np.asarray(1 / (1 - tau[..., None] * correlations**2))


def _whitening(errors: Floats) -> Floats:
    """Return the matrix that turns the equations' errors into independent ones of variance 1."""
    n, m = errors.shape
    covariance = np.cov(errors, rowvar=False)
    scale = np.sqrt(np.diag(covariance)) + 1e-12
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale) + 1e-6 * np.eye(m))
    # The inverse of an estimated covariance is too large by this factor (Hartlap et al. 2007).
    return np.asarray((vectors / np.sqrt(values)).T / scale * sqrt((n - m - 2) / (n - 1)))


def _real(values: Complex, axis: int = -1) -> Floats:
    """Return real parts, and imaginary parts where they are not 0, along the axis of the points."""
    imaginary = np.compress(COMPLEX, values.imag, axis=axis)
    return np.concatenate([values.real, imaginary], axis=axis)


def _symmetric(first: Complex, off: Complex, last: Complex) -> Complex:
    return np.stack([np.stack([first, off], -1), np.stack([off, last], -1)], -2)
