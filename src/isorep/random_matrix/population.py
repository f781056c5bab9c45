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
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import SampleStack, StackedSide
from isorep.random_matrix.bartlett_factor import BartlettFactor, Floats, y_coordinates
from isorep.random_matrix.effective_samples import effective_samples
from isorep.random_matrix.population_spectrum import Spectrum, estimate_spectrum, n_simulations

ROUNDS_BACK = 1 + sqrt(0.5)
"""Factor of the extrapolation from one and two rounds of sampling to none. It would be 1 if the
excess grew with the rounds and 1 + sqrt(2) if it grew with their root; this is the middle."""

ROUNDS_ERROR = sqrt(1 / 6)
"""Standard error of `ROUNDS_BACK`, if the true factor may be anywhere between 1 and 1 + sqrt(2)."""

PERFECT = 1 - 1e-9
"""Correlation of the population above which one counts as 1."""

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


class _Loadings(NamedTuple):
    """Loadings of canonical coordinates, (b, rx, rx) and (b, ry, ry), in components of x and y."""

    x: Floats
    y: Floats


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
        u, rho, wt = np.linalg.svd(to_numpy(sample.matrix))
        x_sums, y_sums = (to_numpy(side.loadings).sum(axis=1) for side in (x, y))
        x_rotation, y_rotation = (
            rotation[0] for rotation in _with_signs(u[None], wt.T[None], x_sums[None], y_sums[None])
        )
        rho = np.clip(rho, 0.0, 1.0)
        with one_thread():
            spectrum = estimate_spectrum(rho, n, rx, ry, np.random.default_rng(seed))
        return cls(x, y, x_rotation, y_rotation, spectrum, n)

    def excess(self, measure: Callable[[Overlap], ArrayLike], seed: int = 0) -> Excess:
        """Return the mean difference between the value of a sample and the population value.

        The sample's loadings contain sampling noise, so samples drawn with them are one round of
        sampling away from the population. A second round draws samples with the loadings of a
        first-round sample and the same correlations. The excess is extrapolated from both rounds to
        none. Effects of noise in the loadings grow with the rounds if the noise enters squared, as
        in variances, and with their square root if it does not, as in the absolute values of the
        paper's weights; the extrapolation takes the middle.
        """
        return self.excess_of_stacks(lambda stack: np.array([measure(o) for o in stack]), seed)

    def excess_of_stacks(
        self, measure: Callable[[SampleStack], ArrayLike], seed: int = 0
    ) -> Excess:
        """Return the excess of a measure that takes many samples at a time; see `excess`.

        Parameters
        ----------
        measure : callable
            Function that returns the values of a stack of b overlaps, (b, ...).
        seed : int
            Random seed of the simulated samples.
        """
        n = n_simulations(len(self.spectrum))
        # Both rounds use the same random numbers, each in another order, so that the rounds do not
        # differ by chance.
        factors = [
            self._factor(np.random.default_rng(stream))
            for stream in np.random.SeedSequence(seed).spawn(n)
        ]
        loadings = self._loadings
        with one_thread():
            parts = np.array([rho for _, rho in self.spectrum.parts])
            spectra = [parts, *(profile.spectra for profile in self.spectrum.profiles)]
            ends = np.cumsum([len(some) for some in spectra])[:-1]
            values = self._values(measure, np.concatenate(spectra))
            exact, *of_profiles = np.split(values, ends)
            weights = [weight for weight, _ in self.spectrum.parts]
            middle = np.tensordot(weights, exact, axes=1)
            profiles = tuple(
                (profile.misfits, some - middle)
                for profile, some in zip(self.spectrum.profiles, of_profiles, strict=True)
            )
            rounds = np.zeros((2, n, *middle.shape))
            for (weight, rho), population_value in zip(self.spectrum.parts, exact, strict=True):
                n_perfect = int(np.count_nonzero(rho > PERFECT))
                for batch in self._batches(n):
                    following = [(i + 1) % n for i in batch]
                    samples = self._draw(loadings, rho, [factors[i] for i in batch])
                    samples, sample_loadings = _canonical(samples, n_perfect)
                    rounds[0, batch] += weight * (np.asarray(measure(samples)) - population_value)
                    own_values = measure(_populations(*self._sides(sample_loadings), rho[None, :]))
                    samples = self._draw(sample_loadings, rho, [factors[i] for i in following])
                    if n_perfect > 1:
                        samples, _ = _canonical(samples, n_perfect)
                    rounds[1, following] += weight * (np.asarray(measure(samples)) - own_values)
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
        (sample,) = self._draw(self._loadings, correlations, [self._factor(rng)])
        return sample

    def _factor(self, rng: np.random.Generator) -> BartlettFactor:
        return BartlettFactor(self.n_samples, self.x.rank, self.y.rank, rng)

    @property
    def _loadings(self) -> _Loadings:
        """Loadings of the canonical coordinates in the components of `x` and `y`."""
        return _Loadings(self.x_rotation.T[None, ...], self.y_rotation.T[None, ...])

    def _values(self, measure: Callable[[SampleStack], ArrayLike], spectra: Floats) -> Floats:
        """Return the population value for each spectrum, (m, c): (m, ...)."""
        x, y = self._sides(self._loadings)  # of all batches, so that each decomposes once
        parts = [
            np.asarray(measure(_populations(x, y, spectra[batch])))
            for batch in self._batches(len(spectra))
        ]
        return np.concatenate(parts)

    def _sides(self, loadings: _Loadings) -> tuple[StackedSide, StackedSide]:
        return _simulated(self.x, loadings.x), _simulated(self.y, loadings.y)

    def _draw(
        self, loadings: _Loadings, correlations: Floats, factors: Sequence[BartlettFactor]
    ) -> SampleStack:
        """Draw a sample with each factor, as rx + ry rows with its second moments."""
        a, b, scale = self.x.rank, self.y.rank, sqrt(self.n_samples - 1)
        # In canonical coordinates, the rows of x are those of an identity times its factor.
        x_rows, x_factors = np.eye(a + b, a)[None, ...], np.array([factor.x for factor in factors])
        y_rows, y_factors = np.linalg.qr(y_coordinates(factors, correlations))
        return SampleStack(
            _simulated(self.x, x_factors @ loadings.x / scale, x_rows),
            _simulated(self.y, y_factors @ loadings.y / scale, y_rows),
            y_rows[:, :a],
        )

    def _batches(self, n: int) -> list[list[int]]:
        """Return parts of n samples, each so small that its loadings do not need much memory."""
        n_bytes = 16 * (self.x.rank * self.x.n_features + self.y.rank * self.y.n_features)
        size = max(1, BATCH // n_bytes)
        return [list(range(start, min(start + size, n))) for start in range(0, n, size)]


def _populations(x: StackedSide, y: StackedSide, correlations: Floats) -> SampleStack:
    """Return the overlaps of populations, of (1 or b) loadings and (b or 1, c) spectra."""
    a, b, c = x.rank, y.rank, correlations.shape[1]
    matrix = np.zeros((len(correlations), a, b))
    matrix[:, range(c), range(c)] = correlations
    # The paper's projection weights depend on the directions of equal correlations, which a new
    # decomposition would choose arbitrarily.
    svd = (np.eye(a, c)[None, ...], correlations, np.eye(b, c)[None, ...])
    return SampleStack(x, y, matrix, svd)


def _simulated(basis: Basis, roots: Floats, rows: Floats | None = None) -> StackedSide:
    return StackedSide(basis, roots, rows, basis.simulated_from or basis)


def _canonical(samples: SampleStack, n_perfect: int) -> tuple[SampleStack, _Loadings]:
    """Return samples with their decompositions, and the loadings of all canonical coordinates.

    Correlations that are 1 in the population are 1 in a sample, so rounding would choose their
    coordinates. They are those of the population instead, which the sample's rows are in.
    """
    x, y = (to_numpy(side.roots) for side in (samples.x, samples.y))
    u, rho, w = np.linalg.svd(to_numpy(samples.whitened))
    w = w.mT
    if n_perfect > 1:
        first = slice(0, n_perfect)
        left, _, right = np.linalg.svd(u[:, first, first])
        turn = (left @ right).mT
        u[:, :, first], w[:, :, first] = u[:, :, first] @ turn, w[:, :, first] @ turn
    x_sums, y_sums = (
        roots @ to_numpy(side.basis.loadings).sum(axis=1)
        for roots, side in ((x, samples.x), (y, samples.y))
    )
    u, w = _with_signs(u, w, x_sums, y_sums)
    c = rho.shape[1]
    svd = (u[:, :, :c], np.clip(rho, 0.0, 1.0), w[:, :, :c])
    return replace(samples, known_svd=svd), _Loadings(u.mT @ x, w.mT @ y)


def _with_signs(u: Floats, w: Floats, x_sums: Floats, y_sums: Floats) -> tuple[Floats, Floats]:
    """Return rotations to canonical coordinates with signs that make sums of loadings positive.

    Otherwise rounding would choose them, and the same seed could draw other samples.

    Parameters
    ----------
    u, w : (b, rx, rx) and (b, ry, ry) arrays
        Rotations, from a singular value decomposition.
    x_sums, y_sums : (b, rx) and (b, ry) arrays
        Sums of the loadings of each axis.
    """
    x_signs, y_signs = (
        np.where((rotation.mT @ sums[:, :, None])[:, :, 0] < 0, -1.0, 1.0)
        for rotation, sums in ((u, x_sums), (w, y_sums))
    )
    c = min(u.shape[1], w.shape[1])
    y_signs[:, :c] = x_signs[:, :c]
    return u * x_signs[:, None, :], w * y_signs[:, None, :]


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


def _on_host(basis: Basis) -> Basis:
    return replace(
        basis,
        mean=to_numpy(basis.mean),
        axes=basis.principal.to_numpy(),
        structure=None,
    )
