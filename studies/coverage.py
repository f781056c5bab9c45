"""How often confidence intervals cover the population value.

    python studies/coverage.py --repeats 200 --out coverage.csv

Draws Gaussian samples of populations with known canonical correlations: few strong ones (8 from
0.95 to 0.8, the others 0), or many that decrease to 0. The most correlated coordinates have the
largest variances. With --degrees, samples are multivariate t with that many degrees of freedom.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

import isorep
from isorep.inference import interval
from isorep.measures import MEASURES
from isorep.random_matrix.population import Population

SAMPLES = {10: 500, 30: 1000, 100: 2000}
MEASURED = (
    ("cka", {}),
    ("cca", {}),
    ("pwcca", {}),
    ("pwcca", {"weighting": "variance"}),
)


def few(p):
    """Return eight strong correlations; the others are 0."""
    return np.concatenate([np.linspace(0.95, 0.8, 8), np.zeros(p - 8)])


def many(p):
    """Return correlations that decrease to 0."""
    return np.linspace(0.9, 0, p) ** 1.5


def main():
    """Print and write the share of intervals that cover the population value."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--p", type=int, nargs="+", choices=SAMPLES, default=list(SAMPLES))
    parser.add_argument("--degrees", type=int, help="Degrees of freedom of a t; default: Gaussian.")
    parser.add_argument("--out", type=Path, default=Path("coverage.csv"))
    options = parser.parse_args()
    rows = []
    for p in options.p:
        for population in (few, many):
            for row in study(p, SAMPLES[p], population, options.repeats, options.degrees):
                rows.append(row)
                print(*row, sep="  ", flush=True)
    heading = ("p", "n", "correlations", "measure", "weighting", "population", "mean estimate")
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*heading, "mean width", "covered", "repeats"])
        writer.writerows(rows)


def study(p, n, population, repeats, degrees=None):
    """Yield a row for each measure."""
    rng = np.random.default_rng([p, n])
    rho, sizes = population(p), np.geomspace(1, 0.1, p)
    x_turn, y_turn = (np.linalg.qr(rng.standard_normal((p, p)))[0] for _ in range(2))

    def couple(x, noise, solver="auto"):
        y = rho * x + np.sqrt(1 - rho**2) * noise
        return isorep.overlap(x * sizes @ x_turn, y * sizes @ y_turn, solver=solver)

    # Orthonormal centred columns are a sample without sampling error.
    exact = np.linalg.qr(np.column_stack([np.ones(4 * p), rng.standard_normal((4 * p, 2 * p))]))[0]
    whole = couple(exact[:, 1 : p + 1], exact[:, p + 1 :], solver="svd")

    def draw():
        sides = rng.standard_normal((2, n, p))
        return sides * np.sqrt(degrees / rng.chisquare(degrees, (n, 1))) if degrees else sides

    overlaps = [couple(*draw()) for _ in range(repeats)]
    populations = [Population.estimate(o, seed) for seed, o in enumerate(overlaps)]
    for name, options in MEASURED:
        truth = MEASURES[name](whole, **options).similarity
        intervals = [
            interval(o, name, seed=seed, population=population, **options)
            for seed, (o, population) in enumerate(zip(overlaps, populations, strict=True))
        ]
        yield (
            p,
            n,
            population.__name__,
            name,
            options.get("weighting", ""),
            round(truth, 4),
            round(np.mean([i.estimate for i in intervals]), 4),
            round(np.mean([i.high - i.low for i in intervals]), 4),
            round(np.mean([i.low <= truth <= i.high for i in intervals]), 3),
            repeats,
        )


if __name__ == "__main__":
    main()
