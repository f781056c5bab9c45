"""Signal and noise: what of a recording repeats from trial to trial, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from isorep._utils.cached_property import cached_property
from isorep._utils.parallel import check_stopped
from isorep.representations.repeats import Repeats

Floats = NDArray[np.float64]

ROUNDS = 12
"""Rounds of the search for the signal's spectrum; the second half is averaged."""

ROUNDS_AGAIN = 4
"""Rounds that adapt the spectrum to a part of the stimuli."""

EIGENVALUES = 300
"""Simulated eigenvalues in a round, from several simulated recordings if each has fewer."""

MOST_RECORDINGS = 6
"""Largest number of recordings that are simulated in a round."""

FLATTENED = 0.3
"""Share of an equal spectrum in the first guess of the signal's spectrum."""

LEAST_SIGNAL = 1e-6
"""Smallest variance of the signal, relative to the noise of a trial."""

LEAST_EIGENVALUE = 1e-6
"""Smallest eigenvalue of the signal, relative to the largest: it has all directions."""

ABOVE_EDGE = 1.1
"""Variance of noise that neurons share, relative to the most that independent neurons show."""

LIKE_NOISE = 1.645
"""Standard errors of the signal's variance below which it may be zero (5 %, one-sided)."""


@dataclass(frozen=True, eq=False)
class SignalAndNoise:
    """A recording as noise-free responses plus noise, estimated from repeats of its stimuli.

    ``average_i = signal_i + noise_i`` for each of n stimuli, with independent noise of variance
    ``1 / counts_i``. The residuals of the trials give the covariance of the noise. Subtracted from
    the second moments of the averages, it gives those of the signal without bias. But their
    eigenvalues are too unequal, some even negative, since noise spreads them. So the signal's
    spectrum is searched for with which simulated recordings show the eigenvalues that the real one
    shows. With no more neurons than stimuli these are eigenvalues over neurons, else over stimuli.

    All distributions are Gaussian with the covariance of the noise, shrunk towards uncorrelated
    neurons as far as the trials require; the noise of each stimulus has its own size.

    Attributes
    ----------
    mean, scale : (p,) float64 arrays
        Mean response of each neuron, and the standard deviation of its noise in a trial, which is
        the unit of all other arrays.
    averages : (n, p) float64 array
        Centred mean responses.
    residuals : (n_trials, p) float64 array
        Trials without the mean of their stimulus.
    repeats : Repeats
        The stimulus of each trial.
    seed : int
        Random seed of the simulated recordings.
    known_spectrum : (d,) float64 array, optional
        Spectrum of more stimuli, from which the search starts.
    kept, kept_trials : bool arrays
        Stimuli and trials of the whole recording that this one has. It simulates the same noise for
        them as the whole recording.
    """

    mean: Floats
    scale: Floats
    averages: Floats
    residuals: Floats
    repeats: Repeats
    seed: int
    kept: NDArray[np.bool_]
    kept_trials: NDArray[np.bool_]
    known_spectrum: Floats | None = None

    @classmethod
    def from_trials(cls, trials: Floats, repeats: Repeats, seed: int = 0) -> SignalAndNoise:
        """Estimate signal and noise from single trials, (n_trials, p).

        Raises
        ------
        ValueError
            If there are fewer than 4 stimuli, fewer than 2 stimuli have repeats, or all repeats of
            each stimulus are identical.
        """
        counts = repeats.counts
        if len(counts) < 4:
            raise ValueError(
                f"expected trials of at least 4 stimuli, got {len(counts)}: take more stimuli"
            )
        if np.sum(counts > 1) < 2:
            raise ValueError(
                f"expected at least 2 stimuli with repeats, got {np.sum(counts > 1)} of "
                f"{len(counts)}: pass single trials, not averages, and in repeats= the stimulus of "
                "each trial"
            )
        averages = repeats.averages(trials)
        residuals = trials - averages[repeats.numbers]
        variances = np.sum(residuals**2, axis=0) / np.sum(counts - 1)
        if not variances.max() > 1e-24 * np.max(trials**2, initial=0.0):
            raise ValueError(
                "the repeats of each stimulus are identical, so there is no noise to estimate: "
                "pass single trials, not averages"
            )
        # A silent neuron has no noise of its own.
        noisy = variances > 1e-12 * variances.max()
        scale = np.sqrt(np.where(noisy, variances, np.median(variances[noisy])))
        mean = averages.mean(axis=0)
        return cls(
            mean=mean,
            scale=scale,
            averages=(averages - mean) / scale,
            residuals=residuals / scale,
            repeats=repeats,
            seed=seed,
            kept=np.ones(len(counts), dtype=bool),
            kept_trials=np.ones(len(trials), dtype=bool),
        )

    def without(self, stimuli: NDArray[np.int64]) -> SignalAndNoise:
        """Return the recording without some stimuli."""
        kept = np.ones(self.n_stimuli, dtype=bool)
        kept[stimuli] = False
        trials = kept[self.repeats.numbers]
        averages = self.averages[kept]
        centre = averages.mean(axis=0)
        return SignalAndNoise(
            mean=self.mean + centre * self.scale,
            scale=self.scale,
            averages=averages - centre,
            residuals=self.residuals[trials],
            repeats=self.repeats.take(trials),
            seed=self.seed,
            kept=kept,
            kept_trials=trials,
            known_spectrum=self.spectrum * (kept.sum() / len(kept)),
        )

    @property
    def n_stimuli(self) -> int:
        """Number of stimuli, n."""
        return len(self.averages)

    @property
    def n_neurons(self) -> int:
        """Number of neurons, p."""
        return int(self.averages.shape[1])

    @cached_property
    def spectrum(self) -> Floats:
        """Eigenvalues of the signal's second moments, ascending: min(p, n - 1) of them."""
        shown, _ = self._shown
        trace = self.trace
        if self.known_spectrum is None:
            spectrum = (1 - FLATTENED) * shown + FLATTENED * np.mean(shown)
            rounds, averaged = ROUNDS, ROUNDS // 2
        else:
            spectrum, rounds, averaged = (
                self.known_spectrum[-len(shown) :],
                ROUNDS_AGAIN,
                ROUNDS_AGAIN // 2,
            )
        spectrum = _with_trace(spectrum, trace)
        n_recordings = int(np.clip(EIGENVALUES // len(shown), 1, MOST_RECORDINGS))
        total = np.zeros_like(spectrum)
        for r in range(rounds):
            check_stopped()
            signal = self._signal(spectrum)
            simulated = np.zeros_like(spectrum)
            for i in range(n_recordings):
                rng = self._generator(1, r, i)
                averages = signal + self._noise(self.repeats.counts, rng)
                noise = self._noise_of_trials(rng) if self._over_neurons else None
                simulated += self._eigen(averages - averages.mean(axis=0), noise)[0]
            spectrum = _with_trace(np.sort(spectrum + shown - simulated / n_recordings), trace)
            if r >= rounds - averaged:
                total += spectrum / averaged
        return total

    @property
    def trace(self) -> float:
        """Sum of the signal's squares over stimuli and neurons, which is estimated without bias."""
        noise = float(np.sum(self._sizes / self.repeats.counts)) * self.n_neurons
        least = LEAST_SIGNAL * self.n_neurons * self.n_stimuli
        return max(float(np.sum(self.averages**2)) - (1 - 1 / self.n_stimuli) * noise, least)

    @property
    def may_be_noise(self) -> bool:
        """Whether the averages vary no more from stimulus to stimulus than noise alone would."""
        shares = np.sum(1 / self.repeats.counts)
        variance = np.sum(1 / self.repeats.counts**2) + shares**2 / self._df
        return self.trace < LIKE_NOISE * sqrt(2 * variance * self._squares)

    @cached_property
    def signal(self) -> Floats:
        """Responses with the second moments of the noise-free ones, centred, (n, p)."""
        return self._signal(self.spectrum)

    def pair(self, draw: int) -> tuple[Floats, Floats]:
        """Return noise-free responses, and averages of so many noisy trials as were recorded."""
        return self._responses(self.signal), self._responses(self.signal + self._drawn(draw, 0))

    def repetitions(self, draw: int) -> tuple[Floats, Floats]:
        """Return two recordings of the same stimuli, neurons and numbers of trials."""
        x, y = (self._responses(self.signal + self._drawn(draw, side)) for side in (0, 1))
        return x, y

    def _responses(self, centred: Floats) -> Floats:
        return centred * self.scale + self.mean

    def _drawn(self, draw: int, side: int) -> Floats:
        return self._noise(self.repeats.counts, self._generator(0, draw, side))

    def _generator(self, *key: int) -> np.random.Generator:
        """Return a generator of its own stream: data drawn with the same seed are independent."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    @property
    def _over_neurons(self) -> bool:
        return self.n_neurons < self.n_stimuli

    @cached_property
    def _df(self) -> int:
        return int(np.sum(self.repeats.counts - 1))

    @cached_property
    def _noise_moments(self) -> Floats:
        """Covariance of the noise over neurons, or over trials if these are fewer."""
        r = self.residuals
        return (r.T @ r if self.n_neurons <= len(r) else r @ r.T) / self._df

    @cached_property
    def _squares(self) -> float:
        """``||covariance of the noise||_F^2``, without the bias of few trials if Gaussian."""
        df, p = self._df, self.n_neurons
        trace = float(np.trace(self._noise_moments))
        biased = float(np.sum(self._noise_moments**2))
        squares = (biased - trace**2 / df) * df**2 / ((df - 1) * (df + 2)) if df > 1 else biased
        return max(squares, trace**2 / p)

    @cached_property
    def _correlated(self) -> float:
        """Share of the noise that has the covariance of the residuals; the rest is uncorrelated.

        ``||covariance||_F^2`` is then what it is without the bias of few trials.
        """
        equal = float(np.trace(self._noise_moments)) ** 2 / self.n_neurons
        biased = float(np.sum(self._noise_moments**2)) - equal
        share = sqrt((self._squares - equal) / biased) if biased > 1e-9 * equal else 0.0
        return min(share, 1.0) if share > 1e-3 else 0.0

    @cached_property
    def _sizes(self) -> Floats:
        """Variance of each stimulus's noise in a trial, relative to the mean of all, (n,).

        They are shrunk towards 1 as far as the trials cannot tell them apart.
        """
        df = self.repeats.counts - 1
        traces = np.bincount(self.repeats.numbers, np.sum(self.residuals**2, axis=1))
        known = df > 0
        mean = float(np.sum(traces) / np.sum(df))
        variances = traces[known] / df[known]
        chance = float(np.mean(2 * self._squares / df[known]))
        true = max(float(np.var(variances)) - chance, 0.0)
        sizes = np.ones(self.n_stimuli)
        sizes[known] += true / (true + chance) * (variances / mean - 1)
        return sizes / np.average(sizes, weights=np.maximum(df, 1e-9))

    def _noise(self, counts: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Draw the noise of averages over so many trials, (n, p)."""
        noise = self._rows(self.kept, rng)
        return noise * np.sqrt(self._sizes / counts)[:, None]

    def _noise_of_trials(self, rng: np.random.Generator) -> Floats:
        """Draw an estimate of the covariance of the noise, from as many residuals."""
        # One row for each trial but the first of its stimulus.
        first = np.zeros(len(self.kept_trials), dtype=bool)
        first[np.flatnonzero(self.kept_trials)[self.repeats.places == 0]] = True
        rows = self._rows(self.kept_trials & ~first, rng)
        return rows.T @ rows / self._df

    def _rows(self, kept: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
        """Draw rows of noise of a trial, of which only those are returned that are kept.

        The numbers that are drawn do not depend on what is kept, so that the jackknife does not
        vary at random.
        """
        rows = rng.standard_normal((len(kept), self.n_neurons))[kept]
        share = self._correlated
        if not share:
            return rows
        if self._over_neurons:
            return rows @ self._factor.T
        weights = rng.standard_normal((len(kept), len(self.kept_trials)))[kept][:, self.kept_trials]
        return sqrt(1 - share) * rows + sqrt(share / self._df) * weights @ self.residuals

    @cached_property
    def _factor(self) -> Floats:
        p, share = self.n_neurons, min(self._correlated, 1 - 1e-6)
        covariance = (1 - share) * np.eye(p) + share * self._noise_moments
        return np.asarray(np.linalg.cholesky(covariance))

    @cached_property
    def _contrasts(self) -> Floats:
        """Orthonormal contrasts of the stimuli, (n, n - 1)."""
        n = self.n_stimuli
        # Householder reflection of the constant vector onto the first axis.
        v = np.full(n, 1 / sqrt(n))
        v[0] += 1
        reflection = np.eye(n) - np.outer(v, v) / v[0]
        return np.asarray(reflection[:, 1:])

    def _eigen(self, averages: Floats, noise: Floats | None) -> tuple[Floats, Floats]:
        """Return eigenvalues of averages without noise, ascending, and their vectors.

        With the covariance of the noise, vectors are over neurons, (p, p); without it, they are
        over stimuli, (n, n - 1).
        """
        shares = self._sizes / self.repeats.counts
        if noise is not None:
            factor = (1 - 1 / self.n_stimuli) * np.sum(shares)
            values, vectors = np.linalg.eigh(averages.T @ averages - factor * noise)
            return values, vectors
        # Inner products over many neurons tell unshared noise from signal, but not shared noise.
        contrasts = self._contrasts
        averages = self._without_shared_noise(averages)
        unshared = self.n_neurons - float(np.sum(self._shared_noise[1]))
        products = averages @ averages.T - np.diag(shares * unshared)
        values, vectors = np.linalg.eigh(contrasts.T @ products @ contrasts)
        return values, contrasts @ vectors

    @cached_property
    def _shown(self) -> tuple[Floats, Floats]:
        noise = self._noise_moments if self._over_neurons else None
        return self._eigen(self.averages, noise)

    @cached_property
    def _shared_noise(self) -> tuple[Floats, Floats, Floats]:
        """Directions of noise that neurons share, (k, p), its variances, and shrinkage factors.

        They are those with more variance than independent neurons show by chance. The factors
        shorten averages along a direction to the length of the signal along it.
        """
        values, vectors = np.linalg.eigh(self._noise_moments)
        edge = ABOVE_EDGE * (1 + sqrt(self.n_neurons / self._df)) ** 2
        shared = values > edge if self._correlated else np.zeros(len(values), dtype=bool)
        directions = vectors[:, shared].T
        if directions.shape[1] != self.n_neurons:  # over trials
            directions = directions @ self.residuals / np.sqrt(self._df * values[shared])[:, None]
        variances = 1 - self._correlated + self._correlated * values[shared]
        squares = np.sum((self.averages @ directions.T) ** 2, axis=0)
        noise = (1 - 1 / self.n_stimuli) * np.sum(self._sizes / self.repeats.counts) * variances
        return directions, variances, np.sqrt(np.maximum(1 - noise / squares, 0.0))

    def _without_shared_noise(self, averages: Floats) -> Floats:
        directions, _, factors = self._shared_noise
        return np.asarray(averages - (averages @ directions.T * (1 - factors)) @ directions)

    def _signal(self, spectrum: Floats) -> Floats:
        """Return the responses nearest to the averages that have these second moments."""
        vectors, lengths = self._shown[1], np.sqrt(spectrum)
        if not self._over_neurons:
            averages = self._without_shared_noise(self.averages)
            u, _, wt = np.linalg.svd(averages.T @ (vectors * lengths), full_matrices=False)
            return np.asarray((vectors * lengths) @ (u @ wt).T)
        # Averages over few trials are longer, but the signal is not.
        signal = self.trace / self.n_stimuli
        weights = np.sqrt(signal / (signal + self.n_neurons / self.repeats.counts))
        averages = weights[:, None] * self.averages
        averages -= averages.mean(axis=0)
        u, _, wt = np.linalg.svd(averages @ (vectors * lengths), full_matrices=False)
        return np.asarray((u @ wt) @ (vectors * lengths).T)


def _with_trace(spectrum: Floats, trace: float) -> Floats:
    """Return a spectrum with this sum and positive values."""
    largest = float(spectrum.max())
    if not largest > 0:
        return np.full_like(spectrum, trace / len(spectrum))
    positive = np.maximum(spectrum, LEAST_EIGENVALUE * largest)
    return np.asarray(positive * (trace / positive.sum()))
