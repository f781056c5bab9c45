"""PWCCA by variance from an equation of the loadings, beside the simulated correction.

docs/correction.md has the equation. It is solved as the equations of the correlations are:
errors from 64 simulated samples, and the mean of the best spectra of each value. It needs weights
from the side of the smaller rank. Prints the errors of both on cases of ``sample_size.py``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable

import numpy as np
from sample_size import RATIOS, Floats, simulations

import isorep
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Population
from isorep.random_matrix.population_spectrum import Profile, _masses, _profile
from isorep.random_matrix.spectrum_equations import (
    GRID,
    POINTS,
    Complex,
    SpectrumEquations,
    _real,
    _symmetric,
    _whitening,
)

CASES = ("exponential decay", "rank^-1", "graded", "two values", "half zeros", "all 0.2")
N_SAMPLES = 64
PWCCA = measure_named("pwcca(weighting=variance)")


def squared_loadings(rotation: Floats, basis: isorep.Basis) -> Floats:
    """Return the share of the variance that each direction explains."""
    variances = np.asarray(basis.singular_values) ** 2
    return variances @ rotation**2 / variances.sum()


def equation(
    sample: isorep.Overlap, n_samples: float
) -> tuple[Callable[[Floats], Complex], Complex]:
    """Return what a correlation with all the variance adds to the left side, and the right."""
    p, q, n = sample.x.rank, sample.y.rank, n_samples - 1
    u, s, _ = np.linalg.svd(np.asarray(sample.matrix), full_matrices=False)
    points = POINTS.astype(complex)
    root, gaps = np.sqrt(points), 1 / (points[:, None] - np.clip(s, 0, 1) ** 2)
    a = gaps.sum(axis=1)
    g = _symmetric(a, (p - points * a) / root, a + (q - p) / points) / n
    line = _symmetric(points, root, points)
    w = line - line @ g @ line
    e = np.eye(2) - g @ line  # (1 + M L)^-1

    def left(rho: Floats) -> Complex:
        (w11, w12), (_, w22) = np.moveaxis(w, 0, -1)[..., None]
        (e11, e12), _ = np.moveaxis(e, 0, -1)[..., None]
        numerator = e11**2 * w22 - 2 * e11 * e12 * w12 * rho**2 + e12**2 * rho**2 * w11
        return n * (g[:, 0, 0][:, None] + numerator / (w11 * w22 - w12**2 * rho**2))

    return left, n * gaps @ squared_loadings(u, sample.x)


def closed_form(sample: isorep.Overlap, population: Population, seed: int) -> tuple[float, Profile]:
    """Return PWCCA by variance, and the best spectra of each value."""
    n, rng = population.n_samples, np.random.default_rng(seed)
    _, rho = max(population.spectrum.parts, key=lambda part: part[0])
    shares = squared_loadings(population.x_rotation, population.x)
    errors = []
    for _ in range(N_SAMPLES):
        left, right = equation(population.draw(rho, rng), n)
        errors.append(_real(right - left(rho) @ shares))
    whitening = _whitening(np.array(errors))
    left, right = equation(sample, n)
    equations = SpectrumEquations(
        whitening @ _real(left(GRID), axis=0),
        whitening @ (_real(right) - np.mean(errors, axis=0)),
        1,
        POINTS.astype(complex),
        whitening,
    )
    profile = _profile(equations, GRID)
    masses = _masses(profile, float(profile.misfits.min()))
    return float(masses @ profile.means / masses.sum()), profile


def main() -> None:
    """Print the errors of both ways, of each case and on average."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=6, help="Samples per case and size.")
    parser.add_argument("--seed", type=int, default=0, help="Random seed.")
    options = parser.parse_args()
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    errors: dict[int, list[Floats]] = {ratio: [] for ratio in RATIOS}
    for case in simulations(options.seed):
        if case.ranks != (40, 40) or case.kind != "Gaussian" or case.data not in CASES:
            continue
        truth = case.truth()[3]
        for ratio in RATIOS:
            numbers = []
            for i in range(options.repeats):
                sample = case.draw(ratio * sum(case.ranks), np.random.default_rng([i, ratio]))
                population = Population.estimate(sample, i)
                excess = population.excess(lambda overlap: PWCCA(overlap).similarity, i)
                simulated = PWCCA(sample).similarity - float(excess.mean)
                closed, profile = closed_form(sample, population, i)
                misfits = profile.misfits - profile.misfits.min()
                misfit = np.interp(truth, profile.means, misfits, left=np.inf, right=np.inf)
                numbers.append((simulated - truth, closed - truth, misfit <= 3.84))
            errors[ratio].append(np.array(numbers))
            print(f"{case.name} {ratio} {np.mean(numbers, axis=0).round(4)}", file=sys.stderr)
    print(
        "| n / (p + q) | error, simulated | closed form | of one sample | closed form | covered |"
    )
    print("|---|---|---|---|---|---|")
    for ratio, parts in errors.items():
        values = np.array(parts)
        means = abs(values[..., :2].mean(axis=1)).mean(axis=0)
        singles = np.sqrt((values[..., :2] ** 2).mean(axis=1)).mean(axis=0)
        cells = " | ".join(f"{number:.4f}" for number in (*means, *singles))
        print(f"| {ratio} | {cells} | {values[..., 2].mean():.0%} |")


if __name__ == "__main__":
    main()
