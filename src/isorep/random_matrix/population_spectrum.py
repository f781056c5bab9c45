"""Estimate the canonical correlations of a population from those of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from isorep.random_matrix.tracy_widom import n_above_edge

Floats = NDArray[np.float64]

POWERS = (0.0, 0.5, 1.0, 2.0)
"""Powers by which the correlations below the noise edge may decay with their rank; 0: all equal."""

MOST_STEPS = 12
"""Largest number of fixed-point steps for each power; the remaining misfit is then accepted."""

CLOSE = 2e-4
"""Mean misfit of the squared correlations below which the steps end."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Population correlations whose expected sample spectrum is the observed one.

    Attributes
    ----------
    head : (k,) float64 array
        Correlations above the noise edge, estimated one by one, descending.
    tail : (c - k,) float64 array
        The other correlations, descending. A sample determines little more than their sum of
        squares.
    sign : {1, -1}
        -1 if the sample's other correlations are smaller than those of unrelated data on average.
        ``tail`` is then the deficit, so that estimates for unrelated data scatter around zero.
    shapes : tuple of (float, Spectrum)
        Likelihoods, with sum 1, and spectra with the same sum of squares and another shape. This
        spectrum is their mean. Empty for the shapes themselves.
    """

    head: Floats
    tail: Floats
    sign: int
    shapes: tuple[tuple[float, Spectrum], ...] = ()

    def __len__(self) -> int:
        return len(self.head) + len(self.tail)

    def shifted(self, mean_square: float) -> Spectrum:
        """Return the spectrum with `mean_square` added to the mean square of the tail."""
        before = self.sign * float(np.mean(self.tail**2))
        shape = self.tail / sqrt(abs(before)) if before else np.ones_like(self.tail)
        after = before + mean_square
        tail = np.minimum(sqrt(abs(after)) * shape, self.head[-1] if len(self.head) else 1.0)
        return Spectrum(self.head, tail, 1 if after >= 0 else -1)

    @property
    def parts(self) -> list[tuple[float, Floats]]:
        """Weights and correlations over which to sum a function f of the correlations.

        A deficit in the tail has the value ``f(-tail) = 2 f(0) - f(tail)``.
        """
        whole = np.concatenate([self.head, self.tail])
        if self.sign > 0:
            return [(1.0, whole)]
        return [(2.0, np.concatenate([self.head, np.zeros_like(self.tail)])), (-1.0, whole)]


class BartlettFactor:
    """A Gaussian sample in canonical coordinates, as few rows with the same second moments.

    Bartlett's decomposition: ``T^T T`` with T upper triangular, normal above the diagonal and chi
    on it, has the law of the scatter of n centred samples of a + b uncorrelated coordinates. So T
    replaces the samples, and has a + b rows for every n. One factor serves many populations, so
    that their samples differ only by the population.

    Parameters
    ----------
    n_samples : float
        Number of samples n, not necessarily an integer.
    x_rank, y_rank : int
        Ranks a and b, with a + b <= n - 1.
    rng : numpy.random.Generator
        Random generator.
    """

    def __init__(
        self, n_samples: float, x_rank: int, y_rank: int, rng: np.random.Generator
    ) -> None:
        size = x_rank + y_rank
        factor = np.triu(rng.standard_normal((size, size)), 1)
        np.fill_diagonal(factor, np.sqrt(rng.chisquare(n_samples - 1 - np.arange(size))))
        self.x = factor[:x_rank, :x_rank]
        self._shared, self._specific = factor[:x_rank, x_rank:], factor[x_rank:, x_rank:]

    def y(self, correlations: Floats) -> tuple[Floats, Floats]:
        """Return y's coordinates in the a rows of x, (a, b), and in the other rows, (b, b)."""
        c = len(correlations)
        scale = np.sqrt(np.maximum(1 - correlations**2, 0.0))  # rounding may make a one exceed 1
        shared, specific = self._shared.copy(), self._specific.copy()
        shared[:, :c] = shared[:, :c] * scale + self.x[:, :c] * correlations
        specific[:, :c] *= scale
        return shared, specific

    def correlations(self, population: Floats) -> Floats:
        """Return the sample's correlations, descending, for the population's correlations."""
        (correlations,) = sample_correlations([self], population)
        return np.asarray(correlations)


def sample_correlations(factors: Sequence[BartlettFactor], population: Floats) -> Floats:
    """Return the correlations of each sample, (b, c), for the population's correlations."""
    y = np.array([np.concatenate(factor.y(population)) for factor in factors])
    lower = np.linalg.cholesky(y.mT @ y)
    matrix = np.linalg.solve(lower, y[:, : len(factors[0].x)].mT)
    wide = matrix.shape[1] <= matrix.shape[2]
    square = matrix @ matrix.mT if wide else matrix.mT @ matrix
    correlations: Floats = np.sqrt(np.clip(np.linalg.eigvalsh(square)[:, ::-1], 0.0, 1.0))
    return correlations


def match_spectrum(
    observed: Floats, n_samples: float, x_rank: int, y_rank: int, rng: np.random.Generator
) -> Spectrum:
    """Estimate the population whose expected sample spectrum is the observed one.

    Correlations above the noise edge are estimated one by one, by fixed-point steps of their
    squares, ``rho^2 <- rho^2 - (E[s^2 | rho] - s^2) / gain``, with a simulated expectation. The
    others have the form ``t v^g``, with v falling from 1 to 0 and t chosen to give the observed sum
    of squares. Results for several powers g are averaged by the likelihood of the observed shape of
    the tail, ``sum s^4 / (sum s^2)^2``, under each.

    Parameters
    ----------
    observed : (c,) float64 array
        Canonical correlations s of the sample, descending.
    n_samples : float
        Number of samples n, not necessarily an integer.
    x_rank, y_rank : int
        Ranks a and b, with a + b <= n - 1.
    rng : numpy.random.Generator
        Random generator of the simulated samples.

    Returns
    -------
    Spectrum
    """
    c = len(observed)
    factors = [BartlettFactor(n_samples, x_rank, y_rank, rng) for _ in range(n_simulations(c))]

    def simulated(population: Floats) -> Floats:
        return sample_correlations(factors, population)

    k = min(n_above_edge(observed, n_samples, x_rank, y_rank), c - 1)
    unrelated = np.sum(simulated(np.zeros(c)) ** 2, axis=1)
    # The slope is between this gain, for weak correlations, and 1, for correlations near 1.
    slope = (gain(n_samples, x_rank, y_rank) + 1) / 2
    ranks = (np.arange(c - k, 0, -1) - 0.5) / (c - k)
    least, most = _allowed(observed[k:], n_samples - k, max(x_rank, y_rank) - k)
    head, square = observed[:k], max(least, 0.0)
    spectra_by_power, likelihoods = [], []
    for power in POWERS if c - k > 1 else POWERS[:1]:
        for _ in range(MOST_STEPS):
            tail = scaled(ranks**power, abs(square), head[-1] if k else 1.0)
            spectra = simulated(np.concatenate([head, tail if square > 0 else 0 * tail]))
            squares = np.sum(spectra[:, k:] ** 2, axis=1)
            if square < 0:
                squares += unrelated - np.sum(
                    simulated(np.concatenate([tail, np.zeros(k)])) ** 2, axis=1
                )
            head_misfit = observed[:k] ** 2 - np.mean(spectra[:, :k] ** 2, axis=0)
            tail_misfit = float(np.mean(np.sum(observed[k:] ** 2) - squares))
            if abs(tail_misfit) + np.sum(abs(head_misfit)) < CLOSE * c:
                break
            head = np.sort(np.sqrt(np.clip(head**2 + head_misfit / slope, 0.0, 1.0)))[::-1]
            square = min(max(square + tail_misfit / (c - k) / slope, least), most)
        spectra_by_power.append(Spectrum(head, tail, 1 if square >= 0 else -1))
        likelihoods.append(
            _likelihood(_concentration(observed[k:]), _concentration(spectra[:, k:]))
        )
    weights = np.array(likelihoods) / sum(likelihoods)
    # Rounding may make the mean of ones exceed 1.
    head = np.minimum(weights @ np.array([shape.head for shape in spectra_by_power]), 1.0)
    tail = weights @ np.array([shape.sign * shape.tail for shape in spectra_by_power])
    tail = np.clip(tail, -1.0, 1.0)
    return Spectrum(
        head,
        abs(tail),
        1 if np.sum(tail) >= 0 else -1,
        tuple(zip(weights.tolist(), spectra_by_power, strict=True)),
    )


def scaled(shape: Floats, mean_square: float, largest: float) -> Floats:
    """Return a multiple of a descending shape, cut off at `largest`, with a given mean square."""
    m = len(shape)
    if mean_square >= largest**2:
        return np.full(m, largest)
    rest = np.cumsum(shape[::-1] ** 2)[::-1]
    # The multiple, if the first j values are cut off.
    multiples = np.sqrt(np.maximum(m * mean_square - np.arange(m) * largest**2, 0.0) / rest)
    multiple = multiples[np.argmax(multiples * shape <= largest)]
    return np.asarray(np.minimum(multiple * shape, largest))


def _allowed(tail: Floats, n_samples: float, rank: int) -> tuple[float, float]:
    """Return bounds of the population's mean squared correlation, by that of a sample.

    The sample's is too high, most of all for unrelated data, where it is ``rank / (n - 1)`` and not
    0. In between, the sample's is a convex function of the population's: so it removes no more than
    the adjustment of R^2 for the number of predictors. Below chance there is no lower bound.
    """
    mean_square = float(np.mean(tail**2))
    adjusted = 1 - (1 - mean_square) * (n_samples - 1) / (n_samples - 1 - rank)
    return (adjusted if adjusted > 0 else -1.0), mean_square


def gain(n_samples: float, x_rank: int, y_rank: int) -> float:
    """Return the mean slope of a sample's squared correlations in those of the population."""
    return (1 - x_rank / n_samples) * (1 - y_rank / n_samples)


def n_simulations(n_correlations: int) -> int:
    """Return the number of samples to simulate; longer spectra vary less and need fewer."""
    return min(64, max(4, -(-1024 // n_correlations)))


def _concentration(tail: Floats) -> Floats:
    squares = tail**2
    total = np.sum(squares, axis=-1)
    return np.asarray(np.sum(squares**2, axis=-1) / np.where(total > 0, total, 1.0) ** 2)


def _likelihood(observed: Floats, simulated: Floats) -> float:
    """Return the predictive density (t distribution) of the observed value, up to a factor."""
    dof = len(simulated) - 1
    spread = float(np.var(simulated, ddof=1)) * (1 + 1 / len(simulated))
    if spread == 0.0:
        return 1.0
    z2 = float((observed - np.mean(simulated)) ** 2 / spread)
    return float((1 + z2 / dof) ** (-(dof + 1) / 2) / sqrt(spread))
