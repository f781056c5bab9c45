"""Level of p-values and coverage of intervals for samples that depend on each other.

    python studies/dependent_samples.py --repeats 500 --out dependent_samples.csv

Level: two unrelated sides, p-value by 39 permutations, share of p <= 0.05. Each kind of samples is
tried as declared (``groups=`` or ``order=``) and as independent samples.

Coverage: two sides of which every direction has correlation 0.5 in the population, or none; share
of 95 % intervals, by groups, that cover the population's value.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np

import isorep
from isorep.core.orders import Orders
from isorep.inference.infer import examine
from isorep.inference.null_distribution import null_distributions
from isorep.measures.registry import measures_named

MEASURES = ("pwcca", "cka", "cka_debiased", "rsa", "linear_regression")
COVERED = ("pwcca", "cca", "cka", "cka_debiased")
N_PERMUTATIONS = 39
MANY_SAMPLES, FEWER = 200, 5
"""With more samples, rsa takes seconds a draw and is tried on a fifth of the draws."""


def independent(rng, n=60, p=8):
    """Return two unrelated sides of independent samples, and no structure."""
    return *rng.standard_normal((2, n, p)), {}


def series(rng, coefficient, n, p=8, start=200):
    """Return autoregressive series of order 1."""
    values = rng.standard_normal((n + start, p))
    for t in range(1, n + start):
        values[t] += coefficient * values[t - 1]
    return values[start:]


def autoregressive(coefficient, n):
    """Return a function that draws two unrelated series of n time points."""

    def draw(rng):
        x, y = (series(rng, coefficient, n) for _ in range(2))
        return x, y, {"order": np.arange(n)}

    return draw


def repeated(groups, size, p, share, rng):
    """Return rows of which groups share a part of this variance."""
    common = np.repeat(rng.standard_normal((groups, p)), size, axis=0)
    noise = rng.standard_normal((groups * size, p))
    return np.sqrt(share) * common + np.sqrt(1 - share) * noise


def stimuli(rng, groups=20, size=6, p=8):
    """Return two unrelated sides of 20 stimuli with 6 repeats each."""
    x, y = (repeated(groups, size, p, 0.9, rng) for _ in range(2))
    return x, y, {"groups": np.repeat(np.arange(groups), size)}


def texts(n_texts, of_position, p=8):
    """Return a function that draws two unrelated sides of tokens of texts, each of 5 to 39 tokens.

    Half of the variance is the text's; the rest is autoregressive with coefficient 0.5. With
    `of_position`, a direction of its own on each side grows with the position in the text, up to
    twice the standard deviation of the rest.
    """

    def draw(rng):
        lengths = rng.integers(5, 40, n_texts)

        def side():
            drift = of_position * rng.standard_normal(p) / 20
            return np.concatenate(
                [
                    np.sqrt(0.5) * rng.standard_normal(p)
                    + np.sqrt(0.5 * 0.75) * series(rng, 0.5, length, p)
                    + np.arange(length)[:, None] * drift
                    for length in lengths
                ]
            )

        return side(), side(), {"groups": np.repeat(np.arange(n_texts), lengths)}

    return draw


KINDS = {
    "independent, n = 60": independent,
    "AR(0.5), n = 120": autoregressive(0.5, 120),
    "AR(0.9), n = 120": autoregressive(0.9, 120),
    "AR(0.9), n = 500": autoregressive(0.9, 500),
    "20 stimuli x 6 repeats": stimuli,
    "tokens of 30 texts": texts(30, of_position=0),
    "tokens of 30 texts, drift": texts(30, of_position=1),
}

COVERAGE = (
    (40, 8, 5, 0.9, 0.5),
    (40, 8, 5, 0.9, 0.0),
    (10, 40, 3, 0.5, 0.5),
    (100, 10, 10, 0.3, 0.5),
)
"""Groups, their size, features, share of the variance that groups share, and correlation."""


def level(draw, measures, repeats, seed):
    """Return the shares of p <= 0.05 by measure, declared and as independent samples."""
    rng = np.random.default_rng(seed)
    hits, tried = np.zeros((2, len(measures))), np.zeros(len(measures))
    for repeat in range(repeats):
        x, y, structure = draw(rng)
        slow = len(x) > MANY_SAMPLES and repeat >= repeats // FEWER
        tested = np.array([not (slow and row.name == "rsa") for row in measures])
        tried += tested
        for i, declared in enumerate((structure, {})):
            overlap = isorep.overlap(x, y, **declared)
            orders = Orders(overlap.structure or overlap.n_samples, N_PERMUTATIONS, repeat)
            rows = [row for row, is_tested in zip(measures, tested, strict=True) if is_tested]
            similarities = {row: row(overlap).similarity for row in rows}
            nulls = null_distributions(overlap, similarities, orders)
            hits[i, tested] += [nulls[row.label].p_value <= 0.05 for row in rows]
    return hits / tried


def coverage(n_groups, size, p, share, rho, measures, repeats, seed):
    """Return mean estimate, mean width and coverage of the intervals, by measure."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    results = np.zeros((repeats, len(measures), 3))  # corrected similarity and its bounds
    for repeat in range(repeats):
        shared, x_alone, y_alone = (repeated(n_groups, size, p, share, rng) for _ in range(3))
        x, y = (np.sqrt(rho) * shared + np.sqrt(1 - rho) * side for side in (x_alone, y_alone))
        overlap = isorep.overlap(x, y, groups=groups)
        inferred = examine(overlap, measures, chance=False, seed=repeat)
        for i, row in enumerate(measures):
            result = inferred[row.label]
            results[repeat, i] = (result.corrected, *result.interval)
    truth = np.array([rho**2 if "cka" in row.name else rho for row in measures])
    estimate, low, high = np.moveaxis(results, 2, 0)
    covered = (low <= truth) & (truth <= high)
    return truth, estimate.mean(0), (high - low).mean(0), covered.mean(0)


def main():
    """Print and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", default="", help="part of the names of samples for the level")
    parser.add_argument("--out", type=Path, default=Path("dependent_samples.csv"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    measures, covered = measures_named(MEASURES), measures_named(COVERED)
    rows = []

    def write(*row):
        rows.append(row)
        print(*row, sep="  ", flush=True)

    write("level", "samples", "declared", *MEASURES)
    for name, draw in KINDS.items():
        if options.samples not in name:
            continue
        declared, alone = level(draw, measures, options.repeats, options.seed)
        write("level", name, "yes", *declared.round(3))
        write("level", name, "no", *alone.round(3))
    write("coverage", "groups x size, features", "share", "correlation", "measure", "population")
    rows[-1] += ("mean estimate", "mean width", "covered")
    for case in () if options.samples else COVERAGE:
        n_groups, size, p, share, rho = case
        results = coverage(*case, covered, options.repeats // 2, options.seed)
        for row, *values in zip(covered, *results, strict=True):
            numbers = np.round(values, 3)
            write("coverage", f"{n_groups} x {size}, {p}", share, rho, row.label, *numbers)
    with options.out.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
