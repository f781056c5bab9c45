"""Bias and coverage of noise ceilings, on recordings whose ceiling is known.

    python studies/noise_ceiling.py --datasets 40 --out noise_ceiling.csv

Truth: the mean similarity of noise-free responses and averages over noisy trials, over 400 fresh
draws of stimuli and noise with the same sizes. Each recording is one draw of both, and the ceiling
is estimated from its trials alone. Coverage: share of 95 % intervals that hold the truth. Halves:
the usual formula, the square root of the similarity of two halves of the trials, taken to all
trials by Spearman-Brown.

Responses are linear mixtures of Gaussian latents of which each has a variance of 1 over its rank
(or equal ones), or spike counts whose rates are exponentials of 8 such latents.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import isorep
from isorep.inference.repeated_similarity import repeated_similarities
from isorep.inference.signal_and_noise import SignalAndNoise
from isorep.measures.registry import measures_named
from isorep.representations.repeats import Repeats

MEASURES = (
    "cka",
    "cka_debiased",
    "cca",
    "pwcca",
    "svcca",
    "procrustes",
    "rsa",
    "linear_regression",
)
N_TRUE = 400
N_SPLITS = 4


@dataclass(frozen=True)
class Case:
    """Sizes and kind of a recording; `trials` are the least and greatest number of a stimulus."""

    kind: str
    stimuli: int
    neurons: int
    trials: tuple[int, int]
    noise: float = 1.5

    def __str__(self) -> str:
        low, high = self.trials
        trials = str(low) if low == high else f"{low}-{high}"
        return f"{self.kind}, {self.stimuli} stimuli, {self.neurons} neurons, {trials} trials"

    def mixing(self, rng):
        """Return the weights of the latents, (latents, neurons)."""
        n_latents = 8 if self.kind == "counts" else self.neurons
        weights = np.linalg.qr(rng.standard_normal((self.neurons, n_latents)))[0].T
        variances = np.arange(1.0, n_latents + 1) ** (0.0 if self.kind == "equal" else -1.0)
        return weights * np.sqrt(variances * self.neurons / variances.sum())[:, None]

    def draw(self, mixing, rng):
        """Return noise-free responses, single trials and their stimuli."""
        signal = rng.standard_normal((self.stimuli, len(mixing))) @ mixing
        counts = rng.integers(self.trials[0], self.trials[1] + 1, self.stimuli)
        stimulus = np.repeat(np.arange(self.stimuli), counts)
        if self.kind == "counts":
            signal = np.exp(0.6 * signal)
            return signal, rng.poisson(signal[stimulus]).astype(float), stimulus
        noise = self.noise * rng.standard_normal((len(stimulus), self.neurons))
        if self.kind == "correlated":  # half of the noise is shared by all neurons
            shared = rng.standard_normal((len(stimulus), 1))
            noise = np.sqrt(0.5) * noise + np.sqrt(0.5) * self.noise * shared
        return signal, signal[stimulus] + noise, stimulus


CASES = (
    Case("falling", 100, 10, (2, 2)),
    Case("falling", 100, 40, (2, 2)),
    Case("falling", 100, 40, (4, 4)),
    Case("falling", 100, 40, (1, 6)),
    Case("falling", 50, 150, (4, 4)),
    Case("falling", 200, 40, (3, 3), noise=3.0),
    Case("equal", 100, 20, (4, 4)),
    Case("correlated", 100, 40, (4, 4)),
    Case("counts", 100, 40, (2, 2)),
    Case("counts", 100, 40, (2, 8)),
    Case("correlated", 50, 150, (4, 4)),
)


def similarities(x, y, rows):
    """Return the similarity by each measure."""
    coupled = isorep.overlap(x, y)
    return np.array([row.compute(coupled).similarity for row in rows])


def study(case, rows, n_datasets, seed):
    """Return the truth, and of each dataset the ceilings, their bounds and the usual formula."""
    rng = np.random.default_rng(seed)
    mixing = case.mixing(rng)
    truth = []
    for _ in range(N_TRUE):
        signal, trials, stimulus = case.draw(mixing, rng)
        averages = Repeats.from_labels(stimulus, len(stimulus)).averages(trials)
        truth.append(similarities(signal, averages, rows))
    estimates, halves = [], []
    for i in range(n_datasets):
        _, trials, stimulus = case.draw(mixing, rng)
        repeats = Repeats.from_labels(stimulus, len(stimulus))
        recording = SignalAndNoise.from_trials(trials, repeats, i)
        results = repeated_similarities(recording, SignalAndNoise.pair, rows, seed=i)
        estimates.append(
            [[results[r.label].similarity, *results[r.label].interval()] for r in rows]
        )
        several = (repeats.counts > 1)[repeats.numbers]
        repeats, trials = repeats.take(several), trials[several]
        similarity = np.zeros(len(rows))
        for _ in range(N_SPLITS):
            first = repeats.halves(rng)
            x, y = (repeats.take(part).averages(trials[part]) for part in (first, ~first))
            similarity += similarities(x, y, rows) / N_SPLITS
        halves.append(np.sqrt(np.maximum(2 * similarity / (1 + similarity), 0)))
    return np.mean(truth, axis=0), np.array(estimates), np.array(halves)


def main():
    """Run the cases, print their numbers and write them as CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=40, help="recordings for each case")
    parser.add_argument("--out", type=Path, default=Path("noise_ceiling.csv"))
    parser.add_argument("--case", type=int, action="append", help="number of a case; default all")
    options = parser.parse_args()
    rows = measures_named(MEASURES)
    with options.out.open("w", newline="") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", isorep.CodedWarning)
        writer = csv.writer(file)
        writer.writerow(
            ["case", "measure", "truth", "bias", "spread", "coverage", "bias_of_halves"]
        )
        for number in options.case or range(len(CASES)):
            case = CASES[number]
            truth, estimates, halves = study(case, rows, options.datasets, number)
            print(case)
            for j, row in enumerate(rows):
                ceilings, low, high = estimates[:, j].T
                covers = np.mean((low <= truth[j]) & (truth[j] <= high))
                numbers = [
                    truth[j],
                    ceilings.mean() - truth[j],
                    ceilings.std(),
                    covers,
                    np.mean(halves[:, j]) - truth[j],
                ]
                writer.writerow([case, row.label, *(f"{value:.3f}" for value in numbers)])
                print(
                    f"  {row.label:18s} truth {numbers[0]:.3f}  bias {numbers[1]:+.3f}  "
                    f"spread {numbers[2]:.3f}  coverage {covers:.2f}  "
                    f"halves {numbers[4]:+.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
