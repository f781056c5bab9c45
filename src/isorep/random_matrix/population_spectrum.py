"""Spectrum: the canonical correlations of the population behind those of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from isorep.random_matrix.tracy_widom import n_above_edge

Floats = NDArray[np.float64]

POWERS = (0.0, 0.5, 1.0, 2.0)
"""How correlations that drown in noise may fall off with their rank: from all equal to few."""

MOST_STEPS = 12
"""Fixed-point steps for each power; past it, what is left of the misfit is accepted."""

CLOSE = 2e-4
"""Mean misfit of the squared correlations at which the steps end."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Population correlations whose expected sample spectrum is the observed one.

    Attributes
    ----------
    head : (k,) float64 array
        Correlations that stand out of the noise, each estimated by itself, descending.
    tail : (c - k,) float64 array
        The others, of which a sample determines little more than the sum of squares, descending.
    sign : {1, -1}
        -1 where the others were smaller than those of unrelated data are on average. ``tail`` is
        then how much is lacking, so that estimates of nothing scatter around zero, not above it.
    shapes : tuple of (float, Spectrum)
        Spectra that show the same sum of squares in another shape, and the likelihood of each, of
        sum 1. This one is their mean; none where it is itself one of several.
    """

    head: Floats
    tail: Floats
    sign: int
    shapes: tuple[tuple[float, Spectrum], ...] = ()

    def __len__(self) -> int:
        return len(self.head) + len(self.tail)

    def shifted(self, mean_square: float) -> Spectrum:
        """Return the spectrum with a tail whose mean square is greater by so much."""
        own = self.sign * float(np.mean(self.tail**2))
        shape = self.tail / sqrt(abs(own)) if own else np.ones_like(self.tail)
        wanted = own + mean_square
        tail = np.minimum(sqrt(abs(wanted)) * shape, self.head[-1] if len(self.head) else 1.0)
        return Spectrum(self.head, tail, 1 if wanted >= 0 else -1)

    @property
    def parts(self) -> list[tuple[float, Floats]]:
        """Populations that any function f of the correlations is to be summed over, with weights.

        Where something is lacking, ``f(-tail) = 2 f(0) - f(tail)`` extends f.
        """
        whole = np.concatenate([self.head, self.tail])
        if self.sign > 0:
            return [(1.0, whole)]
        return [(2.0, np.concatenate([self.head, np.zeros_like(self.tail)])), (-1.0, whole)]


class BartlettFactor:
    """A Gaussian sample in canonical coordinates, in as few rows as hold its second moments.

    Bartlett's decomposition: ``T^T T`` with T upper triangular, normal above the diagonal and chi
    on it, has the law of the scatter of n centred samples of a + b uncorrelated coordinates.
    Columns of T are therefore as good as the samples, and have a + b rows, however many n is.

    Parameters
    ----------
    n_samples : float
        n, which need not be whole.
    x_rank, y_rank : int
        a and b, with a + b <= n - 1.
    rng : numpy.random.Generator
        One factor serves many populations, which then differ by the populations alone.
    """

    def __init__(
        self, n_samples: float, x_rank: int, y_rank: int, rng: np.random.Generator
    ) -> None:
        size = x_rank + y_rank
        factor = np.triu(rng.standard_normal((size, size)), 1)
        np.fill_diagonal(factor, np.sqrt(rng.chisquare(n_samples - 1 - np.arange(size))))
        self.x = factor[:x_rank, :x_rank]
        self._shared, self._own = factor[:x_rank, x_rank:], factor[x_rank:, x_rank:]

    def y(self, correlations: Floats) -> tuple[Floats, Floats]:
        """Return y's coordinates: in the a rows that hold x's, (a, b), and in the rest, (b, b)."""
        c = len(correlations)
        rest = np.sqrt(1 - correlations**2)
        shared, own = self._shared.copy(), self._own.copy()
        shared[:, :c] = shared[:, :c] * rest + self.x[:, :c] * correlations
        own[:, :c] *= rest
        return shared, own

    def correlations(self, population: Floats) -> Floats:
        """Return the sample's canonical correlations for those of the population, descending."""
        from scipy.linalg import solve_triangular

        shared, own = self.y(population)
        lower = np.linalg.cholesky(shared.T @ shared + own.T @ own)
        matrix = solve_triangular(lower, shared.T, lower=True)
        square = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
        found: Floats = np.sqrt(np.clip(np.linalg.eigvalsh(square)[::-1], 0.0, 1.0))
        return found


def match_spectrum(
    observed: Floats, n_samples: float, x_rank: int, y_rank: int, rng: np.random.Generator
) -> Spectrum:
    """Find the population whose expected sample spectrum is the observed one.

    Correlations past the edge of what unrelated data show are found one by one, by fixed-point
    steps of their squares, ``rho^2 <- rho^2 - (E[s^2 | rho] - s^2) / gain``, with a simulated
    expectation. The others are taken as ``t v^g``, v falling from 1 to 0, with t so that the sum of
    their squares is met; powers g are averaged by the likelihood that each gives to the shape of
    the tail, ``sum s^4 / (sum s^2)^2``.

    Parameters
    ----------
    observed : (c,) float64 array
        Canonical correlations s of the sample, descending.
    n_samples : float
        n, which need not be whole.
    x_rank, y_rank : int
        a and b, with a + b <= n - 1.
    rng : numpy.random.Generator
        Of the simulated samples.

    Returns
    -------
    Spectrum
    """
    c = len(observed)
    factors = [BartlettFactor(n_samples, x_rank, y_rank, rng) for _ in range(n_simulations(c))]

    def simulated(population: Floats) -> Floats:
        return np.array([factor.correlations(population) for factor in factors])

    k = min(n_above_edge(observed, n_samples, x_rank, y_rank), c - 1)
    nothing = np.sum(simulated(np.zeros(c)) ** 2, axis=1)
    slope = gain(n_samples, x_rank, y_rank)
    ranks = (np.arange(c - k, 0, -1) - 0.5) / (c - k)
    head, square = observed[:k], 0.0
    found, likelihoods = [], []
    for power in POWERS if c - k > 1 else POWERS[:1]:
        shape = ranks**power / sqrt(np.mean(ranks ** (2 * power)))
        for _ in range(MOST_STEPS):
            tail = np.minimum(sqrt(abs(square)) * shape, head[-1] if k else 1.0)
            spectra = simulated(np.concatenate([head, tail if square > 0 else 0 * tail]))
            squares = np.sum(spectra[:, k:] ** 2, axis=1)
            if square < 0:
                squares += nothing - np.sum(
                    simulated(np.concatenate([tail, np.zeros(k)])) ** 2, axis=1
                )
            off = observed[:k] ** 2 - np.mean(spectra[:, :k] ** 2, axis=0)
            lacking = float(np.mean(np.sum(observed[k:] ** 2) - squares))
            if abs(lacking) + abs(np.sum(off)) < CLOSE * c:
                break
            head = np.sort(np.sqrt(np.clip(head**2 + off / slope, 0.0, 1.0)))[::-1]
            square = min(square + lacking / (c - k) / slope, 1.0)
        found.append(Spectrum(head, tail, 1 if square >= 0 else -1))
        likelihoods.append(
            _likelihood(_concentration(observed[k:]), _concentration(spectra[:, k:]))
        )
    weights = np.array(likelihoods) / sum(likelihoods)
    # Of rounding, the mean of ones may be more than 1, which is no correlation.
    head = np.minimum(weights @ np.array([shape.head for shape in found]), 1.0)
    tail = weights @ np.array([shape.sign * shape.tail for shape in found])
    return Spectrum(
        head,
        abs(tail),
        1 if np.sum(tail) >= 0 else -1,
        tuple(zip(weights.tolist(), found, strict=True)),
    )


def gain(n_samples: float, x_rank: int, y_rank: int) -> float:
    """Return by how much a sample's squared correlations move with the population's, on average."""
    return (1 - x_rank / n_samples) * (1 - y_rank / n_samples)


def n_simulations(n_correlations: int) -> int:
    """Return how many samples to simulate: spectra are rigid, and the longer, the fewer will do."""
    return min(64, max(4, -(-1024 // n_correlations)))


def _concentration(tail: Floats) -> Floats:
    squares = tail**2
    whole = np.sum(squares, axis=-1)
    return np.asarray(np.sum(squares**2, axis=-1) / np.where(whole > 0, whole, 1.0) ** 2)


def _likelihood(observed: Floats, simulated: Floats) -> float:
    """Density of a further value of a normal sample, up to a factor (a t distribution)."""
    dof = len(simulated) - 1
    spread = float(np.var(simulated, ddof=1)) * (1 + 1 / len(simulated))
    if spread == 0.0:
        return 1.0
    z2 = float((observed - np.mean(simulated)) ** 2 / spread)
    return float((1 + z2 / dof) ** (-(dof + 1) / 2) / sqrt(spread))
