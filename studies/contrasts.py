"""Level and power of contrasts, and of the tests of groups of networks.

    python studies/contrasts.py --repeats 200 --out contrasts.csv

Contrasts: is a as similar to b as c is? In the population it is, or it is more similar by a known
difference. The share of p <= 0.05 is the level or the power; the power is beside that of a z test
that knows the standard deviation of the difference over all repeats (brute force). Each kind of
samples is declared (``groups=`` or ``order=``) where samples depend on each other.

Groups of networks: two groups of points at random, of which one may be spread more widely, or
shifted; the share of p <= 0.05 of each test of `isorep.compare_groups` and `isorep.factor_trend`.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import norm

import isorep
from isorep.inference.contrast import difference, uncertain_similarities
from isorep.inference.shared_parts import SharedParts
from isorep.measures.registry import measures_named

MEASURES = ("cka_debiased", "linear_regression(folds=5)", "cka", "cca", "pwcca")
FAST = MEASURES[:2]
"""Measures without a correction by simulation, which are tried more often."""

N_SAMPLES, N_FEATURES, WIDE = 320, 8, 24
CORRELATIONS = np.linspace(0.9, 0.3, N_FEATURES)
LARGE = 100_000
"""Samples that give the true difference."""

ALPHA = 0.05


def independent(rng, p, n=N_SAMPLES):
    """Return independent samples, (n, p)."""
    return rng.standard_normal((n, p))


def in_groups(rng, p, n=N_SAMPLES):
    """Return samples in groups of 8, which share half of the variance."""
    shared = np.repeat(rng.standard_normal((n // 8, p)), 8, axis=0)
    return np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.standard_normal((n, p))


def in_time(rng, p, n=N_SAMPLES):
    """Return an autoregressive series of order 1 and coefficient 0.6."""
    values = rng.standard_normal((n + 60, p))
    for t in range(1, n + 60):
        values[t] = 0.6 * values[t - 1] + 0.8 * values[t]
    return values[60:]


STRUCTURES = {
    "groups": {"groups": np.arange(N_SAMPLES) // 8},
    "time": {"order": np.arange(N_SAMPLES)},
}


def sides(kind, factor, rng, n=N_SAMPLES):
    """Return a, b and c: the correlations of c with b are those of a times a factor."""
    noise = {"groups": in_groups, "time": in_time}.get(kind, independent)
    b = noise(rng, N_FEATURES, n)

    def related(correlations):
        own = noise(rng, N_FEATURES, n)
        if kind == "related":  # a and c also share what b does not have
            own = 0.8 * common + 0.6 * own
        return correlations * b + np.sqrt(1 - correlations**2) * own

    common = noise(rng, N_FEATURES, n)
    a, c = related(CORRELATIONS), related(factor * CORRELATIONS)
    if kind == "widths":
        c = np.hstack([c, 0.2 * noise(rng, WIDE - N_FEATURES, n)])
    return a, b, c


def contrasts(kind, factor, measures, repeats, seed):
    """Yield for each measure the differences, p-values and whether intervals hold the truth."""
    rows = measures_named(list(measures))
    large = [
        isorep.Basis.from_array(x) for x in sides(kind, factor, np.random.default_rng(1), LARGE)
    ]
    truth = np.array([_raw(row, large) for row in rows])
    results = np.empty((repeats, len(rows), 3))
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        a, b, c = sides(kind, factor, rng)
        structure = STRUCTURES.get(kind, {})
        shared = SharedParts(1, repeat)
        pairs = [
            uncertain_similarities(isorep.overlap(x, b, **structure), rows, True, repeat, shared)
            for x in (a, c)
        ]
        for k, row in enumerate(rows):
            contrast = difference(*(pair[row.label] for pair in pairs))
            low, high = contrast.interval
            results[repeat, k] = contrast.difference, contrast.p_value, low <= truth[k] <= high
    for k, row in enumerate(rows):
        yield row.label, truth[k], *results[:, k].T


def _raw(row, bases):
    a, b, c = bases
    options = row.seeded({}, 0)
    pairs = (isorep.overlap(x, b) for x in (a, c))
    first, second = (row.compute(pair, **options).similarity for pair in pairs)
    return first - second


CASES = (
    ("independent", 1.0),
    ("related", 1.0),
    ("widths", 1.0),
    ("groups", 1.0),
    ("time", 1.0),
    ("independent", 11 / 12),
)
"""Kind of samples, and the correlations of c in units of those of a."""


def study_contrasts(cases, repeats, fast_repeats):
    """Yield a row with level or power for each case and measure."""
    for kind, factor in cases:
        for measures, n in ((FAST, fast_repeats), (MEASURES[2:], repeats)):
            for name, truth, values, p_values, covered in contrasts(kind, factor, measures, n, 0):
                sd = values.std(ddof=1)
                z = abs(truth) / sd
                yield {
                    "data": kind,
                    "measure": name,
                    "true difference": round(float(truth), 4),
                    "mean": round(float(values.mean()), 4),
                    "sd": round(float(sd), 4),
                    "p <= 0.05": round(float(np.mean(p_values <= ALPHA)), 3),
                    "brute force": round(float(norm.sf(1.96 - z) + norm.cdf(-1.96 - z)), 3),
                    "covered": round(float(covered.mean()), 3),
                    "repeats": n,
                }


def study_groups(repeats):
    """Print level and power of the tests of groups of networks."""
    cases = {
        "equal": (1.0, 0.0),
        "one spread 1.5 times as widely": (1.5, 0.0),
        "shifted by 1.5": (1.0, 1.5),
    }
    names = ("separation", "pseudo_f", "spread_difference")
    for sizes in ((5, 5), (4, 8)):
        groups = dict(enumerate(np.repeat([0, 1], sizes).tolist()))
        for case, (spread, shift) in cases.items():
            p_values = []
            for repeat in range(repeats):
                points = np.random.default_rng([repeat, 2]).standard_normal((sum(sizes), 5))
                points[sizes[0] :] *= spread
                points[sizes[0] :, 0] += shift
                tests = isorep.compare_groups(_distances(points), groups)
                pair = tests.isel(group=0, other_group=1)
                p_values.append([float(pair[f"{test}_p_value"]) for test in names])
            _print_shares(f"groups of {sizes}, {case}", names, p_values)
    names = ("within_trend", "mantel")
    levels = np.repeat([0, 1, 2], 3)
    cases = {
        "equal": (0.0, 0.0),
        "spread 1, 1.5, 2": (0.5, 0.0),
        "shifted by 0, 1, 2": (0.0, 1.0),
    }
    for case, (spread, shift) in cases.items():
        p_values = []
        for repeat in range(repeats):
            points = np.random.default_rng([repeat, 3]).standard_normal((9, 5))
            points *= (1 + spread * levels)[:, None]
            points[:, 0] += shift * levels
            trend = isorep.factor_trend(_distances(points), dict(enumerate(levels.tolist())))
            p_values.append([float(trend[f"{test}_p_value"]) for test in names])
        _print_shares(f"levels of 3 networks, {case}", names, p_values)


def _distances(points):
    return np.linalg.norm(points[:, None] - points, axis=-1)


def _print_shares(case, names, p_values):
    shares = np.mean(np.array(p_values) <= ALPHA, axis=0)
    print(case, dict(zip(names, shares.round(3).tolist(), strict=True)), flush=True)


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200, help="of measures to correct")
    parser.add_argument("--fast-repeats", type=int, default=400, help="of other measures")
    parser.add_argument("--group-repeats", type=int, default=400, help="of groups of networks")
    parser.add_argument("--out", type=Path, default=Path("contrasts.csv"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    study_groups(arguments.group_repeats)
    rows = study_contrasts(CASES, arguments.repeats, arguments.fast_repeats)
    with arguments.out.open("w", newline="") as file:
        for number, row in enumerate(rows):
            writer = csv.DictWriter(file, list(row))
            if number == 0:
                writer.writeheader()
            writer.writerow(row)
            print(*row.values(), flush=True)


if __name__ == "__main__":
    main()
