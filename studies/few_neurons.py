"""CKA of two samples of neurons of one population, and of two that share half of their variance.

    python studies/few_neurons.py

For each number of neurons, the mean and the standard deviation over samples of `cka_debiased`, of
its estimate for the populations (``features="sampled"``), how often the estimate warns or is
undefined, and the mean of its standard error by the jackknife, over the estimates that do not warn.
The populations' code has 50 dimensions with variances 1 / k, on 300 stimuli.
"""

from __future__ import annotations

import argparse

import numpy as np

import isorep
from isorep.measures.cka import UNCERTAIN
from isorep.measures.sampled_neurons import sampled_alignment

STIMULI, DIMENSIONS = 300, 50
NEURONS = (10, 20, 50, 100, 300, 1000, 3000)


def codes(rng, share):
    """Return the codes of two populations that share a part of each dimension's variance."""
    spread = 1 / np.sqrt(np.arange(1, DIMENSIONS + 1))
    common, *alone = rng.standard_normal((3, STIMULI, DIMENSIONS)) * spread
    return [np.sqrt(share) * common + np.sqrt(1 - share) * part for part in alone]


def neurons(rng, code, width):
    """Return a sample of neurons of a population: random directions of its code."""
    sample = code @ rng.standard_normal((DIMENSIONS, width))
    return sample - sample.mean(axis=0)


def row(rng, share, width, repeats):
    """Return the numbers of one row of the table."""
    plain, sampled, errors, truths = [], [], [], []
    for _ in range(repeats):
        sides = codes(rng, share)
        truths.append(debiased(*sides))
        x, y = (neurons(rng, code, width) for code in sides)
        plain.append(debiased(x, y))
        try:
            estimate = sampled_alignment(x, y)
        except ValueError:
            continue
        sampled.append(estimate.value)
        errors.append(estimate.error)
    sampled, errors = np.array(sampled), np.array(errors)
    quiet = errors <= UNCERTAIN
    return {
        "true": np.mean(truths),
        "plain": np.mean(plain),
        "plain_sd": np.std(plain),
        "sampled": np.mean(sampled),
        "sampled_sd": np.std(sampled),
        "warned": 1 - quiet.sum() / repeats,
        "error": np.sqrt(np.mean(errors[quiet] ** 2)) if quiet.any() else np.nan,
    }


def debiased(x, y):
    """Return the debiased CKA, without its warnings."""
    return isorep.MEASURES["cka_debiased"](isorep.overlap(x, y)).similarity


def main():
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    repeats = parser.parse_args().repeats
    for share in (1.0, 0.5):
        print(f"\nshared variance {share:g}\n")
        print("| neurons a side | CKA, debiased | for the populations | standard error | warns |")
        print("|---|---|---|---|---|")
        for width in NEURONS:
            found = row(np.random.default_rng(0), share, width, repeats)
            print(
                f"| {width} | {found['plain']:.2f} ± {found['plain_sd']:.2f} "
                f"| {found['sampled']:.2f} ± {found['sampled_sd']:.2f} "
                f"| {found['error']:.2f} | {found['warned']:.0%} |",
                flush=True,
            )
        print(f"| all | {found['true']:.2f} | | | |")


if __name__ == "__main__":
    main()
