"""Estimate the canonical correlations of a population from those of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from isorep.random_matrix.bartlett_factor import Floats
from isorep.random_matrix.multiple_correlation import (
    LEAST,
    populations_of_scores,
    probability_of_unrelated,
    square_of_unrelated,
)
from isorep.random_matrix.spectrum_equations import GRID, SpectrumEquations, quantiles, spike
from isorep.random_matrix.tracy_widom import n_above_edge

SHARPNESS = 8.0
"""The weights of spectra are the likelihood to this power. With 1, their mean has a larger bias;
the best fit alone, which an infinite power would give, has a larger variance."""

CLEARLY = 9.0
"""If the correlations below the noise edge are set to 0 and the misfit grows by more than this,
they are clearly above 0, and spectra need no mirror images."""

FIRST_STEP = 0.006
"""First step of a profile from the best value of its function to others."""

GROWTH = 1.6
"""Factor of each next step."""

HALVED = 8.0
"""Excess of a misfit from which on each step has a point in its middle."""

END = 24.0
"""Excess of a misfit at which a profile ends: that of the greatest level of confidence."""

NODES = 40
"""Number of nodes for the integral of a profile, between two of its points."""

SMALL_WEIGHT = 1e-3
"""Weight below which a part of an estimate is left out."""


class Profile(NamedTuple):
    """The best fitting spectra of each mean of a function of the correlations.

    Attributes
    ----------
    means : (g,) float64 array
        The means, ascending.
    misfits : (g,) float64 array
        Misfit (chi squared) of each, minus that of the best of all spectra.
    spectra : (g, c) float64 array
        Their correlations, descending.
    """

    means: Floats
    misfits: Floats
    spectra: Floats


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An estimate of the canonical correlations of a population.

    Attributes
    ----------
    parts : tuple of (float, (c,) float64 array)
        Weights, with sum 1, and correlations, descending, over which to sum a function of the
        correlations. If a sample's correlations are smaller than those of unrelated data, the
        estimate of a function f lies below ``f(0)``: it has ``2 f(0)``, and a negative weight for
        the correlations that are lacking. So estimates for unrelated data scatter around zero.
    profiles : tuple of Profile
        Spectra that the sample allows, by mean correlation and by mean square.
    """

    parts: tuple[tuple[float, Floats], ...]
    profiles: tuple[Profile, ...] = ()

    def __len__(self) -> int:
        return len(self.parts[0][1])


def estimate_spectrum(
    observed: Floats, n_samples: float, x_rank: int, y_rank: int, rng: np.random.Generator
) -> Spectrum:
    """Estimate the population's correlations, of any distribution, from those of a sample.

    Spectra, weights on 52 correlations from 0 to 1, are compared with what the sample shows of
    their Stieltjes transform; see `population_transform`. For each mean correlation, the best of
    all spectra has a misfit, chi squared: spectra whose misfit exceeds the least by no more than
    3.84 are the interval of 95 %. The estimate is the mean of the best ones, by weights
    ``exp(-4 misfit)`` that are a compromise between bias and variance.

    If correlations that do not stand out of the noise are clearly above 0, these are all spectra.
    Otherwise spectra with too small correlations, mirror images of the others, take part in the
    estimate, so that it has no bias where most correlations are 0.

    A single correlation has a known law, which replaces the equations.

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
    if c == 1:
        return _of_one(float(observed[0]) ** 2, n_samples, max(x_rank, y_rank))
    above = min(n_above_edge(observed, n_samples, x_rank, y_rank), c - 1)
    head = np.array([spike(observed, i, n_samples, x_rank, y_rank) for i in range(above)])
    head = np.sort(head)[::-1]
    equations = SpectrumEquations.of_sample(observed, n_samples, x_rank, y_rank, head, rng)
    standing = np.concatenate([head, np.zeros(c - above)])
    by_mean = _profile(equations, GRID, (float(standing.mean()),))
    clear = _clearly_above(by_mean, equations.misfit(standing), float(standing.mean()))
    by_square = _profile(equations, GRID**2)
    mirrored = None
    if not clear:
        equations = equations.mirrored(standing)
        mirrored = _profile(equations, GRID, (float(standing.mean()),))
    return _combined(by_mean, by_square, mirrored, standing)


def n_simulations(n_correlations: int) -> int:
    """Return the number of samples to simulate; longer spectra vary less and need fewer."""
    return min(64, max(4, -(-1024 // n_correlations)))


def _of_one(square: float, n_samples: float, rank: int) -> Spectrum:
    """Estimate the population's only correlation, whose law is known."""
    by_mean = _profile_of_one(square, n_samples, rank)
    if by_mean.means[0] == by_mean.means[-1]:  # 1, of identical sides
        return Spectrum(((1.0, by_mean.spectra[0]),), (by_mean, by_mean))
    mirrored = None
    if by_mean.misfits[0] <= CLEARLY:
        probability = max(probability_of_unrelated(square, n_samples, rank), LEAST)
        opposite = square_of_unrelated(1 - probability, n_samples, rank)
        mirrored = _profile_of_one(opposite, n_samples, rank)
    return _combined(by_mean, by_mean, mirrored, np.zeros(1))


def _profile_of_one(square: float, n_samples: float, rank: int) -> Profile:
    correlations, scores = populations_of_scores(square, n_samples, rank)
    return Profile(correlations, scores**2, correlations[:, None])


def _combined(
    by_mean: Profile, by_square: Profile, mirrored: Profile | None, standing: Floats
) -> Spectrum:
    """Return the spectrum of profiles, with mirror images of some at given correlations."""
    best = min(by_mean.misfits.min(), by_square.misfits.min())
    profiles = tuple(p._replace(misfits=p.misfits - best) for p in (by_mean, by_square))
    branches = [(1.0, by_mean)]
    if mirrored is not None:
        branches.append((-1.0, mirrored))
    least = min(branch.misfits.min() for _, branch in branches)
    masses = [_masses(branch, least) for _, branch in branches]
    total = sum(float(mass.sum()) for mass in masses)
    parts: list[tuple[float, Floats]] = []
    for (sign, branch), mass in zip(branches, masses, strict=True):
        weight = float(mass.sum()) / total
        if weight < SMALL_WEIGHT:
            continue
        parts.append((sign * weight, np.clip(mass @ branch.spectra / mass.sum(), 0.0, 1.0)))
        if sign < 0:
            parts.append((2 * weight, standing))
    whole = sum(weight for weight, _ in parts)
    return Spectrum(tuple((weight / whole, rho) for weight, rho in parts), profiles)


def _profile(equations: SpectrumEquations, values: Floats, also: tuple[float, ...] = ()) -> Profile:
    """Return the best spectra of each mean of a function of the correlations, within [0, 1].

    Parameters
    ----------
    values : (52,) float64 array
        The function, of `GRID`; it increases.
    also : tuple of float
        Means to include.
    """
    c = equations.n_correlations

    def point(*mean: float) -> tuple[float, float, Floats]:
        misfit, weights = equations.fit(*((values, value) for value in mean))
        return float(values @ weights) / c, misfit, quantiles(GRID, weights, c)

    points = [point(), *map(point, also)]
    middle, least, _ = points[0]
    for direction in (-1, 1):
        inner, step = middle, FIRST_STEP
        while inner != max(direction, 0):
            mean = min(max(inner + direction * step, 0.0), 1.0)
            points.append(point(mean))
            excess = points[-1][1] - least
            if excess > HALVED:
                points.append(point((inner + mean) / 2))
            if excess > END:
                break
            inner, step = mean, step * GROWTH
    means, misfits, spectra = zip(*sorted(points, key=lambda point: point[0]), strict=True)
    return Profile(np.array(means), np.array(misfits), np.array(spectra))


def _clearly_above(profile: Profile, misfit: float, mean: float) -> bool:
    """Tell whether the best spectrum clearly exceeds one of a given misfit and mean."""
    best = int(profile.misfits.argmin())
    return bool(profile.means[best] > mean and misfit - profile.misfits[best] > CLEARLY)


def _masses(profile: Profile, least: float) -> Floats:
    """Return how much each spectrum of a profile counts; between two, the misfit is linear."""
    means = profile.means
    nodes = np.interp(
        np.linspace(0, len(means) - 1, (len(means) - 1) * NODES + 1), range(len(means)), means
    )
    misfits = np.interp(nodes, means, profile.misfits)
    widths = np.diff(nodes, prepend=nodes[0]) + np.diff(nodes, append=nodes[-1])
    density = np.exp(-SHARPNESS / 2 * (misfits - least)) * widths
    hats = np.array([np.interp(nodes, means, hat) for hat in np.eye(len(means))])
    return np.asarray(hats @ density)
