"""Population: estimate the Gaussian population behind a sample, and draw new samples from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isorep._utils.arrays import to_numpy
from isorep._utils.parallel import one_thread
from isorep._utils.validation import check_seed
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple
from isorep.core.principal_axes import PrincipalAxes
from isorep.random_matrix.bartlett_factor import BartlettFactor, Floats
from isorep.random_matrix.effective_samples import effective_samples
from isorep.random_matrix.population_spectrum import Spectrum, estimate_spectrum, n_simulations

ROUNDS_BACK = 1 + sqrt(0.5)
"""Factor of the extrapolation from one and two rounds of sampling to none. It would be 1 if the
excess grew with the rounds and 1 + sqrt(2) if it grew with their root; this is the middle."""

ROUNDS_ERROR = sqrt(1 / 6)
"""Standard error of `ROUNDS_BACK`, if the true factor may be anywhere between 1 and 1 + sqrt(2)."""

BATCH = 2**20
"""Size in bytes of the loadings of the samples that are simulated at a time."""


class Excess(NamedTuple):
    """Mean difference between sample values and population values, with its errors.

    Attributes
    ----------
    mean : float64 array
        The excess, of the shape of the value.
    error : float64 array
        Standard error of the excess, from the number of simulated samples, the extrapolation, and
        the sample's loadings.
    profiles : tuple of ((g,) float64 array, (g, ...) float64 array)
        Misfits of spectra that the sample allows, and differences of their population values from
        the estimate.
    n_samples : float
        Effective sample size.
    """

    mean: Floats
    error: Floats
    profiles: tuple[tuple[Floats, Floats], ...]
    n_samples: float

    def of(self, index: int) -> Excess:
        """Return the excess of one of several numbers."""
        return self._replace(
            mean=self.mean[index],
            error=self.error[index],
            profiles=tuple((misfits, values[:, index]) for misfits, values in self.profiles),
        )

    def within(self, misfit: float) -> tuple[Floats, Floats]:
        """Return the least and greatest difference of spectra up to a misfit, at most and least 0.

        Between two spectra, differences and misfits are linear.
        """
        reached = [np.zeros_like(self.mean)]
        for misfits, values in self.profiles:
            reached += [value for value, m in zip(values, misfits, strict=True) if m <= misfit]
            for i in np.flatnonzero((misfits[:-1] <= misfit) != (misfits[1:] <= misfit)):
                share = (misfit - misfits[i]) / (misfits[i + 1] - misfits[i])
                reached.append(values[i] + share * (values[i + 1] - values[i]))
        return np.min(reached, axis=0), np.max(reached, axis=0)


@dataclass(frozen=True, eq=False)
class Population:
    """Two representations as a Gaussian population: canonical coordinates times loadings.

    Attributes
    ----------
    x, y : Basis
        Bases of the sample, on the CPU; their loadings serve as the population's.
    x_rotation, y_rotation : (rx, rx) and (ry, ry) float64 arrays
        All canonical coordinates in the principal components of `x` and `y`.
    spectrum : Spectrum
        Canonical correlations of the population.
    n_samples : float
        Effective sample size; see `effective_samples`.
    """

    x: Basis
    y: Basis
    x_rotation: Floats
    y_rotation: Floats
    spectrum: Spectrum
    n_samples: float

    @classmethod
    def estimate(
        cls, sample: Overlap, seed: int = 0, n_effective: float | None = None
    ) -> Population:
        """Estimate the population that a sample came from; see `estimate_spectrum`.

        Parameters
        ----------
        sample : Overlap
        seed : int
            Random seed of the simulated samples.
        n_effective : float, optional
            The effective sample size, if it is known; see `effective_samples`.

        Raises
        ------
        ValueError
            If there are so few samples that some correlations are 1 for all data, or the seed is
            negative.
        """
        check_seed(seed)
        if sample.structure is not None and not sample.knows_samples:
            raise ValueError(
                f"the {sample.n_samples} samples depend on each other ({sample.structure.n_groups} "
                "groups), and a stream cannot tell how many independent ones they are worth: "
                "compare fewer samples in memory for a correction or an interval"
            )
        rx, ry = sample.x.rank, sample.y.rank
        if sample.n_forced:
            enough = 2 * (sample.x.attainable_rank + sample.y.attainable_rank)
            raise ValueError(
                f"{sample.n_samples} samples of {rx} and {ry} directions cannot be corrected: "
                f"{sample.n_forced} of their canonical correlations are 1 whatever the data; take "
                f"{enough} samples or more, or keep fewer directions"
            )
        x, y = _on_host(sample.x), _on_host(sample.y)
        n = effective_samples(sample, seed) if n_effective is None else n_effective
        if sample.structure is not None and n - 1 <= rx + ry:
            raise ValueError(
                f"{sample.n_samples} samples that depend on each other are worth about {n:.0f} "
                f"independent ones, too few to correct {rx} and {ry} directions; take more groups, "
                "or keep fewer directions"
            )
        x_rotation, rho, y_rotation = _coordinates(x, y, to_numpy(sample.matrix))
        with one_thread():
            spectrum = estimate_spectrum(rho, n, rx, ry, np.random.default_rng(seed))
        return cls(x, y, x_rotation, y_rotation, spectrum, n)

    def value(self, measure: Callable[[Overlap], ArrayLike]) -> Floats:
        """Return the population value of a function of overlaps."""
        return sum(
            (
                weight * np.asarray(measure(self.overlap(correlations)))
                for weight, correlations in self.spectrum.parts
            ),
            start=np.zeros(()),
        )

    def excess(self, measure: Callable[[Overlap], ArrayLike], seed: int = 0) -> Excess:
        """Return the mean difference between the value of a sample and the population value.

        The sample's loadings contain sampling noise, so samples drawn with them are one round of
        sampling away from the population. A second round draws samples with the loadings of a
        first-round sample and the same correlations. The excess is extrapolated from both rounds to
        none. Effects of noise in the loadings grow with the rounds if the noise enters squared, as
        in variances, and with their square root if it does not, as in the absolute values of the
        paper's weights; the extrapolation takes the middle.
        """
        n = n_simulations(len(self.spectrum))
        # Both rounds use the same random numbers, each in another order, so that the rounds do not
        # differ by chance.
        factors = [
            self._factor(np.random.default_rng(stream))
            for stream in np.random.SeedSequence(seed).spawn(n)
        ]
        with one_thread():
            middle = self.value(measure)
            profiles = tuple(
                (
                    profile.misfits,
                    np.array(
                        [np.asarray(measure(self.overlap(rho))) - middle for rho in profile.spectra]
                    ),
                )
                for profile in self.spectrum.profiles
            )
            rounds = np.zeros((2, n, *middle.shape))
            for weight, correlations in self.spectrum.parts:
                exact = np.asarray(measure(self.overlap(correlations)))
                for batch in self._batches(n):
                    next_batch = [(i + 1) % n for i in batch]
                    samples = _draw([self] * len(batch), correlations, [factors[i] for i in batch])
                    populations = [self.with_loadings(sample) for sample in samples]
                    for i, sample in zip(batch, samples, strict=True):
                        rounds[0, i] += weight * (np.asarray(measure(sample)) - exact)
                    samples = _draw(populations, correlations, [factors[i] for i in next_batch])
                    for i, population, sample in zip(next_batch, populations, samples, strict=True):
                        own_exact = np.asarray(measure(population.overlap(correlations)))
                        rounds[1, i] += weight * (np.asarray(measure(sample)) - own_exact)
        change = rounds[1] - rounds[0]
        excess = rounds[0] - ROUNDS_BACK * change
        # The change of the next draw estimates the excess due to a sample's own loadings. If the
        # excess depends on the loadings, samples minus this excess vary more than samples.
        without_excess = np.var(rounds[0] - np.roll(change, -1, axis=0), axis=0, ddof=1)
        by_loadings = np.maximum(without_excess - np.var(rounds[0], axis=0, ddof=1), 0.0)
        return Excess(
            mean=np.mean(excess, axis=0),
            error=np.sqrt(
                np.var(excess, axis=0, ddof=1) / n
                + (ROUNDS_ERROR * np.mean(change, axis=0)) ** 2
                + by_loadings
            ),
            profiles=profiles,
            n_samples=self.n_samples,
        )

    def with_loadings(self, sample: Overlap) -> Population:
        """Return a population of the same correlations, with the loadings of a sample."""
        x_rotation, _, y_rotation = _coordinates(sample.x, sample.y, to_numpy(sample.matrix))
        return replace(self, x=sample.x, y=sample.y, x_rotation=x_rotation, y_rotation=y_rotation)

    def overlap(self, correlations: Floats) -> Overlap:
        """Return the overlap of the population, with the given correlations."""
        # The paper's projection weights depend on the directions of equal correlations, which a new
        # decomposition would choose arbitrarily.
        c = len(correlations)
        return Overlap.from_svd(
            self.x, self.y, self.x_rotation[:, :c], correlations, self.y_rotation[:, :c]
        )

    def draw(self, correlations: Floats, rng: np.random.Generator) -> Overlap:
        """Draw a new sample of size `n_samples`, as rx + ry rows with its second moments."""
        (sample,) = _draw([self], correlations, [self._factor(rng)])
        return sample

    def _factor(self, rng: np.random.Generator) -> BartlettFactor:
        return BartlettFactor(self.n_samples, self.x.rank, self.y.rank, rng)

    def _batches(self, n: int) -> list[range]:
        """Return parts of n samples, each so small that its loadings do not need much memory."""
        n_bytes = 16 * (self.x.rank * self.x.n_features + self.y.rank * self.y.n_features)
        size = max(1, BATCH // n_bytes)
        return [range(start, min(start + size, n)) for start in range(0, n, size)]


def _draw(
    populations: Sequence[Population], correlations: Floats, factors: Sequence[BartlettFactor]
) -> list[Overlap]:
    """Draw a sample of each population, as rx + ry rows with its second moments."""
    x, y = [], []
    for population, factor in zip(populations, factors, strict=True):
        scale = sqrt(population.n_samples - 1)
        no_rows = np.zeros((population.y.rank, population.x.rank))
        x.append(np.concatenate([factor.x @ population.x_rotation.T / scale, no_rows]))
        y.append(np.concatenate(factor.y(correlations)) @ population.y_rotation.T / scale)
    x_bases = _bases([population.x for population in populations], np.array(x))
    y_bases = _bases([population.y for population in populations], np.array(y))
    return [couple(*pair) for pair in zip(x_bases, y_bases, strict=True)]


def _coordinates(x: Basis, y: Basis, matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return all canonical coordinates of both sides, as rotations, and their correlations.

    Signs make the sum of the loadings positive. Otherwise rounding would choose them, and the same
    seed could draw other samples.
    """
    u, rho, wt = np.linalg.svd(matrix)
    w = wt.T
    x_signs, y_signs = (
        np.where(np.sum(rotation.T @ to_numpy(side.loadings), axis=1) < 0, -1.0, 1.0)
        for rotation, side in ((u, x), (w, y))
    )
    y_signs[: len(rho)] = x_signs[: len(rho)]
    return u * x_signs, np.clip(rho, 0.0, 1.0), w * y_signs


def shared_scale(sample: Overlap) -> float:
    """Return how much samples with large norms on one side have large norms on the other.

    It is the mean product of the squared Mahalanobis norms over the product of their means: about 1
    if only canonical coordinates connect the sides, as in simulated samples.
    """
    product, lengths = 1.0, []
    for side in (sample.x, sample.y):
        leverage = np.minimum(np.sum(to_numpy(side.q) ** 2, axis=1) + 1 / side.n_samples, 0.999)
        length = leverage / (1 - leverage)  # by the covariance of the other samples
        product *= float(np.mean(length))
        lengths.append(length)
    linear = 2 * float(np.sum(to_numpy(sample.correlations) ** 2))
    return float(np.mean(lengths[0] * lengths[1])) / product - linear / (
        sample.x.rank * sample.y.rank
    )


def _bases(models: Sequence[Basis], coordinates: Floats) -> list[Basis]:
    """Return bases of samples from their coordinates, (b, n, r), in the models' components."""
    q, upper = np.linalg.qr(coordinates)
    s = np.array([to_numpy(model.singular_values) for model in models])
    units = s[:, :1]  # without a unit, squares could overflow
    scaled = upper * (s / units)[:, None, :]
    # Left vectors are orthonormal also for tiny singular values.
    squares, vectors = np.linalg.eigh(scaled @ scaled.mT)
    squares, vectors = squares[:, ::-1], vectors[:, :, ::-1]
    singular_values = units * np.sqrt(np.clip(squares, 0.0, None))
    coefficients = vectors.mT @ scaled / (s / units)[:, None, :]
    rotations, factors = np.linalg.solve(upper, vectors), q @ vectors
    return [
        replace(
            model,
            axes=PrincipalAxes(
                singular_values=singular_values[i],
                loadings=coefficients[i] @ model.loadings,
                whitening=model.rotated_whitening(rotations[i]),
                factor=factors[i],
                rotation=None,
            ),
            simulated_from=model.simulated_from or model,
        )
        for i, model in enumerate(models)
    ]


def _on_host(basis: Basis) -> Basis:
    return replace(
        basis,
        mean=to_numpy(basis.mean),
        axes=basis.principal.to_numpy(),
        structure=None,
    )
