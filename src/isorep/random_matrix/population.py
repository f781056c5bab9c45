"""Population: what a sample was drawn from, as far as it shows, and new samples of it."""

from __future__ import annotations

from collections.abc import Callable
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
from isorep.random_matrix.population_spectrum import (
    BartlettFactor,
    Floats,
    Spectrum,
    gain,
    match_spectrum,
    n_simulations,
)
from isorep.random_matrix.tracy_widom import n_above_edge

ROUNDS_BACK = 1 + sqrt(0.5)
"""How many times the change from one round of sampling to the next leads back to none: between 1,
where it grows with the rounds, and 1 + sqrt(2), where it grows with their square root."""

ROUNDS_ERROR = sqrt(1 / 6)
"""Standard deviation of what may be anywhere between these two."""

MORE_THAN_CHANCE = 2.0
"""Standard errors by which lengths must vary together for samples to count as fewer."""

MOST_ROUNDS = 5
"""Of counting samples by what is under the edge of noise, which depends on their number."""


class Excess(NamedTuple):
    """By how much samples exceed the population on average, and how far that can be trusted.

    Attributes
    ----------
    mean : float64 array
        The excess, of the shape of what is read.
    error : float64 array
        Its standard error, from the number of simulated samples, the extrapolation, and the
        sample's loadings.
    shapes : (g, ...) float64 array
        How much more the population's value would be with each shape of the correlations that
        drown in noise.
    likelihoods : (g,) float64 array
        Of the shapes, of sum 1.
    """

    mean: Floats
    error: Floats
    shapes: Floats
    likelihoods: Floats

    @property
    def shape_error(self) -> Floats:
        """Standard deviation of the population's value over the shapes."""
        spread = self.shapes - np.tensordot(self.likelihoods, self.shapes, 1)
        return np.sqrt(np.tensordot(self.likelihoods, spread**2, 1))


@dataclass(frozen=True, eq=False)
class Population:
    """Two representations as a Gaussian population: canonical coordinates times loadings.

    Attributes
    ----------
    x, y : Basis
        The sample's, on the host. Its loadings are taken for the population's.
    x_rotation, y_rotation : (rx, rx) and (ry, ry) float64 arrays
        The canonical coordinates in the principal components of `x` and `y`, all of them.
    spectrum : Spectrum
        The population's canonical correlations.
    n_samples : float
        How many Gaussian samples the sample's are worth; see `effective_samples`.
    """

    x: Basis
    y: Basis
    x_rotation: Floats
    y_rotation: Floats
    spectrum: Spectrum
    n_samples: float

    @classmethod
    def estimate(cls, sample: Overlap, seed: int = 0) -> Population:
        """Find the population that a sample came from; see `match_spectrum`.

        Raises
        ------
        ValueError
            When there are so few samples that some correlations are 1 whatever the data, or the
            seed is negative.
        """
        check_seed(seed)
        rx, ry = sample.x.rank, sample.y.rank
        if sample.n_forced:
            raise ValueError(
                f"{sample.n_samples} samples of {rx} and {ry} directions cannot be corrected: "
                f"{sample.n_forced} of their canonical correlations are 1 whatever the data; take "
                f"{2 * (rx + ry)} samples or more, or keep fewer directions"
            )
        x, y = _on_host(sample.x), _on_host(sample.y)
        x_rotation, rho, y_rotation = _coordinates(x, y, to_numpy(sample.matrix))
        n = effective_samples(x, y, x_rotation, rho, y_rotation)
        with one_thread():
            spectrum = match_spectrum(rho, n, rx, ry, np.random.default_rng(seed))
        return cls(x, y, x_rotation, y_rotation, spectrum, n)

    @property
    def tail_error(self) -> float:
        """Standard error of the mean square of the correlations that drown in noise."""
        k = len(self.spectrum.head)
        m, a, b = self.n_samples - 1 - k, self.x.rank - k, self.y.rank - k
        # Of the trace of a beta matrix, which unrelated data give.
        variance = 2 * a * b * (m - a) * (m - b) / (m**2 * (m - 1) * (m + 2))
        if self.spectrum.sign > 0:  # and of each squared correlation that is there
            squares = self.spectrum.tail**2
            variance += 4 * float(np.sum(squares * (1 - squares) ** 2)) / m
        variance *= 1 + 1 / n_simulations(len(self.spectrum))
        return sqrt(variance) / len(self.spectrum.tail) / gain(m + 1, a, b)

    def value(
        self, read: Callable[[Overlap], ArrayLike], spectrum: Spectrum | None = None
    ) -> Floats:
        """Return what `read` gives for the population itself, or with another spectrum."""
        return sum(
            (
                weight * np.asarray(read(self.overlap(correlations)))
                for weight, correlations in (spectrum or self.spectrum).parts
            ),
            start=np.zeros(()),
        )

    def excess(self, read: Callable[[Overlap], ArrayLike], seed: int = 0) -> Excess:
        """Return by how much `read` is greater in a sample than in the population, on average.

        The sample's loadings are a noisy version of the population's, so the excess is that of a
        population one round of sampling away from the one meant. A sample of that population, with
        its loadings and the same correlations, is two rounds away; from both, the excess is
        extrapolated to none. What noise does to loadings grows with the rounds where it enters
        squared, as in variances, and with their square root where it does not, as in the absolute
        values of the paper's weights; the extrapolation goes midway.
        """
        n = n_simulations(len(self.spectrum))
        streams = np.random.SeedSequence(seed).spawn(n)
        with one_thread():
            middle = self.value(read)
            shapes = [self.value(read, shape) - middle for _, shape in self.spectrum.shapes]
            rounds = np.zeros((2, n, *middle.shape))
            for weight, correlations in self.spectrum.parts:
                for i in range(n):
                    population = self
                    # Both rounds draw the same samples, each after another, so that what differs
                    # between the rounds is not the luck of the draw.
                    for j, drawn in enumerate((i, (i + 1) % n)):
                        rng = np.random.default_rng(streams[drawn])
                        sample = population.draw(correlations, rng)
                        meant = population.overlap(correlations)
                        rounds[j, drawn] += weight * (np.asarray(read(sample)) - read(meant))
                        population = population.with_loadings(sample)
        change = rounds[1] - rounds[0]
        excess = rounds[0] - ROUNDS_BACK * change
        # A sample less the excess that its own loadings have, which the next draw's change tells,
        # varies more than the sample alone where the excess depends on the loadings.
        less_own = np.var(rounds[0] - np.roll(change, -1, axis=0), axis=0, ddof=1)
        by_loadings = np.maximum(less_own - np.var(rounds[0], axis=0, ddof=1), 0.0)
        return Excess(
            mean=np.mean(excess, axis=0),
            error=np.sqrt(
                np.var(excess, axis=0, ddof=1) / n
                + (ROUNDS_ERROR * np.mean(change, axis=0)) ** 2
                + by_loadings
            ),
            shapes=np.array(shapes),
            likelihoods=np.array([likelihood for likelihood, _ in self.spectrum.shapes]),
        )

    def with_loadings(self, sample: Overlap) -> Population:
        """Return a population of the same correlations, with the loadings of a sample."""
        x_rotation, _, y_rotation = _coordinates(sample.x, sample.y, sample.matrix)
        return replace(self, x=sample.x, y=sample.y, x_rotation=x_rotation, y_rotation=y_rotation)

    def overlap(self, correlations: Floats) -> Overlap:
        """Return what a sample without sampling error would show."""
        c = len(correlations)
        matrix = (self.x_rotation[:, :c] * correlations) @ self.y_rotation[:, :c].T
        found = Overlap(self.x, self.y, matrix)
        # Decomposed anew, equal correlations would come with other, arbitrary directions, on which
        # the paper's projection weights depend.
        vars(found)["_svd"] = self.x_rotation[:, :c], correlations, self.y_rotation[:, :c]
        return found

    def draw(self, correlations: Floats, rng: np.random.Generator) -> Overlap:
        """Return a new sample of as many rows, by its second moments: held in rx + ry rows."""
        n, rx, ry = self.n_samples, self.x.rank, self.y.rank
        factor = BartlettFactor(n, rx, ry, rng)
        x = np.concatenate([factor.x, np.zeros((ry, rx))])
        y = np.concatenate(factor.y(correlations))
        x_basis = _basis(self.x, x @ self.x_rotation.T / sqrt(n - 1))
        y_basis = _basis(self.y, y @ self.y_rotation.T / sqrt(n - 1))
        return couple(x_basis, y_basis)


def _coordinates(x: Basis, y: Basis, matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return all canonical coordinates of both sides, as rotations, and their correlations.

    Their signs, which rounding would choose, are those that make the sum of the loadings positive:
    the same seed then draws the same samples.
    """
    u, rho, wt = np.linalg.svd(matrix)
    w = wt.T
    x_signs, y_signs = (
        np.where(np.sum(turn.T @ side.loadings, axis=1) < 0, -1.0, 1.0)
        for turn, side in ((u, x), (w, y))
    )
    y_signs[: len(rho)] = x_signs[: len(rho)]
    return u * x_signs, np.clip(rho, 0.0, 1.0), w * y_signs


def effective_samples(
    x: Basis, y: Basis, x_rotation: Floats, correlations: Floats, y_rotation: Floats
) -> float:
    """Return how many Gaussian samples show as much chance correlation as these.

    Where some samples are large in many directions of both sides, fewer decide what both show. With
    leverages h, squared lengths in whitened coordinates, and signs that are chance, the squared
    correlations of what is unrelated sum to ``sum_i h_x(i) h_y(i)``; of lengths that do not depend
    on each other, to ``a b / n``. The ratio says how many times too large n is: for elliptical
    samples, in the limit, it is the kurtosis that multiplies the variances of canonical
    correlations. Correlations past the edge of noise are taken out of both sides first, and what
    weak ones add to the sum of Gaussian samples, ``2 / n`` of their squares, is subtracted.

    Parameters
    ----------
    x, y : Basis
        On the host. Second moments alone do not tell, and count in full.
    x_rotation, y_rotation : (rx, rx) and (ry, ry) float64 arrays
        As in `Population`.
    correlations : (c,) float64 array
        Of the sample, descending.

    Returns
    -------
    float
        From ``rx + ry + 1`` to n; n where lengths do not vary together by more than chance.

    References
    ----------
    Muirhead and Waternaux 1980, Asymptotic distributions in canonical correlation analysis and
    other multivariate procedures for nonnormal populations.
    """
    n, rx, ry = x.n_samples, x.rank, y.rank
    if not (x.knows_samples and y.knows_samples):
        return n
    x_variates, y_variates = x.combine(x_rotation), y.combine(y_rotation)
    k, found = 0, float(n)
    for _ in range(MOST_ROUNDS):
        # The squared lengths of what is left of each sample.
        h_x, h_y = (np.einsum("ij,ij->i", z[:, k:], z[:, k:]) for z in (x_variates, y_variates))
        a, b = rx - k, ry - k
        weak = max(float(np.sum(correlations[k:] ** 2) - h_x @ h_y), 0.0)
        together = float(np.sum((h_x - a / n) * (h_y - b / n))) - 2 / n * weak
        if together <= MORE_THAN_CHANCE * sqrt(n) * float(np.std(h_x) * np.std(h_y)):
            return n
        found = max(1 + (n - 1) / (1 + n / (a * b) * together), rx + ry + 1)
        above = n_above_edge(correlations, found, rx, ry)
        if above in (k, len(correlations)):
            break
        k = above
    return found


def shared_scale(sample: Overlap) -> float:
    """Return how much samples that are large on one side are large on the other too.

    The mean product of their squared Mahalanobis lengths, over the product of the means: about 1
    where canonical coordinates are all that connects the sides, as the simulated samples have it.
    """
    product, lengths = 1.0, []
    for side in (sample.x, sample.y):
        leverage = np.minimum(np.sum(to_numpy(side.q) ** 2, axis=1) + 1 / side.n_samples, 0.999)
        own = leverage / (1 - leverage)  # the length by the covariance of the others
        product *= float(np.mean(own))
        lengths.append(own)
    linear = 2 * float(np.sum(to_numpy(sample.correlations) ** 2))
    return float(np.mean(lengths[0] * lengths[1])) / product - linear / (
        sample.x.rank * sample.y.rank
    )


def _basis(model: Basis, coordinates: Floats) -> Basis:
    """Return the basis of samples given in the coordinates of the model's whitened components."""
    q, upper = np.linalg.qr(coordinates)
    unit = model.singular_values[0]  # squares of anything else could overflow
    scaled = upper * (model.singular_values / unit)
    # Left vectors, orthonormal however small a singular value is.
    squares, vectors = np.linalg.eigh(scaled @ scaled.T)
    vectors = vectors[:, ::-1]
    singular_values = unit * np.sqrt(np.clip(squares[::-1], 0.0, None))
    axes = model.loadings / model.singular_values[:, None]
    return replace(
        model,
        singular_values=singular_values,
        loadings=unit * ((vectors.T @ scaled) @ axes),
        whitening=model.whitening @ np.linalg.solve(upper, vectors),
        factor=q @ vectors,
        rotation=None,
    )


def _on_host(basis: Basis) -> Basis:
    return replace(
        basis,
        mean=to_numpy(basis.mean),
        singular_values=to_numpy(basis.singular_values),
        loadings=to_numpy(basis.loadings),
        whitening=to_numpy(basis.whitening),
        factor=None if basis.factor is None else to_numpy(basis.factor),
        rotation=None if basis.rotation is None else to_numpy(basis.rotation),
    )
