"""Reliability: how similar a recording is to a repetition of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.html_table import html_table
from isorep._utils.validation import as_integer, check_seed
from isorep.core.overlap import overlap
from isorep.core.warning_text import issue
from isorep.inference.interval import check_level
from isorep.inference.noise_ceiling import ceiling_measure
from isorep.inference.repeated_similarity import repeated_similarities, structure_of_stimuli
from isorep.inference.signal_and_noise import Floats, SignalAndNoise
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.representations.repeats import Repeats

SPLITS = 20
"""Default number of random splits of the trials into halves."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Similarity of two halves of a recording, and of two recordings as large as it.

    Attributes
    ----------
    split_half : float
        Mean similarity of the averages of two halves of the trials.
    whole : float
        Expected similarity of the averages over all trials to those of an independent repetition
        with the same stimuli, neurons and numbers of trials.
    interval : (float, float)
        Confidence interval of `whole` over stimuli and trials.
    neurons : (n_neurons,) float64 array
        Reliability of the averages of each neuron: the correlation of two halves over the stimuli,
        taken to all trials by the Spearman-Brown formula. NaN for a neuron that is constant.
    measure : str
        Name of the measure, with options that differ from their defaults.
    n_splits, n_stimuli, n_trials : int
        Numbers of splits, stimuli and trials.
    warnings : tuple of str
        Reasons to read the numbers with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> stimulus = np.repeat(np.arange(100), 4)
    >>> trials = rng.standard_normal((100, 30))[stimulus] + rng.standard_normal((400, 30))
    >>> result = isorep.inference.reliability(trials, "cka_debiased", repeats=stimulus)
    >>> result.neurons.shape, result.split_half < result.whole, result.n_trials
    ((30,), True, 400)
    """

    split_half: float
    whole: float
    interval: tuple[float, float]
    neurons: Floats
    measure: str
    n_splits: int
    n_stimuli: int
    n_trials: int
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        low, high = self.interval
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        return (
            f"Reliability({self.measure}: split_half={self.split_half:.4g}, "
            f"whole={self.whole:.4g}, interval=({low:.4g}, {high:.4g}), "
            f"{len(self.neurons)} neurons of median {np.nanmedian(self.neurons):.4g}, "
            f"n_stimuli={self.n_stimuli}, n_trials={self.n_trials}{warnings})"
        )

    def _repr_html_(self) -> str:
        low, high = self.interval
        rows: dict[str, Any] = {**vars(self), "interval": f"{low:.4g} to {high:.4g}"}
        rows["neurons"] = f"{len(self.neurons)}, median {np.nanmedian(self.neurons):.4g}"
        del rows["warnings"]
        return html_table("Reliability", [*rows.items(), *(("warning", w) for w in self.warnings)])


def reliability(
    x: ArrayLike,
    measure: Spec = "pwcca",
    *,
    repeats: ArrayLike | str | None = None,
    n_splits: int = SPLITS,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Reliability:
    """Return how reliable an averaged recording is, for each neuron and for the population.

    The trials of each stimulus are split into halves at random; stimuli with one trial are left out
    of the halves. Correlations of halves become those of all trials by the Spearman-Brown formula,
    ``2 r / (1 + r)``, which holds for correlations alone. For the population, and any measure, the
    similarity of two whole recordings is that of simulated repetitions; see
    `isorep.inference.noise_ceiling`.

    Parameters
    ----------
    x : (n_trials, n_neurons) array or table
        Single trials in rows, of at least 4 stimuli; two trials or more of most.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`.
    repeats, groups, level
        See `isorep.inference.noise_ceiling`.
    n_splits : int
        Number of random splits.
    seed : int
        Random seed of the splits and simulations.
    **options
        Options of the measure.

    Returns
    -------
    Reliability

    Raises
    ------
    TypeError, ValueError
        See `isorep.inference.noise_ceiling`; also if `n_splits` is not a positive integer.

    References
    ----------
    Spearman 1910, Correlation calculated from faulty data. Brown 1910, Some experimental results in
    the correlation of mental abilities.

    Examples
    --------
    The signal has the variance of the noise in an average of 4 trials:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> stimulus = np.repeat(np.arange(100), 4)
    >>> trials = rng.standard_normal((100, 30))[stimulus] + 2 * rng.standard_normal((400, 30))
    >>> result = isorep.inference.reliability(trials, "cka_debiased", repeats=stimulus)
    >>> round(np.mean(result.neurons), 1), result.split_half < result.whole
    (np.float64(0.5), True)
    """
    row = ceiling_measure(measure).with_options(**options)
    check_level(level)
    check_seed(seed)
    if as_integer(n_splits, "n_splits") < 1:
        raise ValueError(
            f"n_splits, the number of random splits, must be 1 or more, got {n_splits}"
        )
    trials, stimuli = Repeats.of_rows(x, repeats)
    recording = SignalAndNoise.from_trials(trials, stimuli, seed)
    structure = structure_of_stimuli(groups, stimuli)
    result = repeated_similarities(
        recording,
        SignalAndNoise.repetitions,
        [row],
        structure=structure,
        level=level,
        seed=seed,
    )[row.label]
    if isinstance(result, Exception):
        raise result
    split = stimuli.counts > 1
    rows = split[stimuli.numbers]
    groups = None if structure is None else structure.groups[split]
    similarities, correlations = _halves(
        trials[rows],
        stimuli.take(rows),
        row.with_options(**row.seeded({}, seed)),
        groups,
        n_splits,
        seed,
    )
    return Reliability(
        split_half=float(np.mean(similarities)),
        whole=result.similarity,
        interval=result.interval(),
        neurons=2 * correlations / (1 + correlations),
        measure=row.label,
        n_splits=n_splits,
        n_stimuli=recording.n_stimuli,
        n_trials=len(trials),
        warnings=issue(result.warnings, stacklevel=2),
    )


def _halves(
    trials: Floats,
    stimuli: Repeats,
    row: Measure,
    groups: NDArray[np.int64] | None,
    n_splits: int,
    seed: int,
) -> tuple[list[float], Floats]:
    """Return the similarity of the halves of each split, and each neuron's mean correlation."""
    rng = np.random.default_rng(seed)
    similarities: list[float] = []
    total = np.zeros(trials.shape[1])
    for _ in range(n_splits):
        first = stimuli.halves(rng)
        x, y = (stimuli.take(rows).averages(trials[rows]) for rows in (first, ~first))
        coupled = overlap(x, y) if groups is None else overlap(x, y, groups=groups)
        similarities.append(row.clipped(row.compute(coupled).similarity))
        x, y = (half - half.mean(axis=0) for half in (x, y))
        norms = np.sqrt(np.sum(x**2, axis=0) * np.sum(y**2, axis=0))
        with np.errstate(invalid="ignore"):  # a constant neuron has no correlation
            total += np.sum(x * y, axis=0) / norms
    return similarities, total / n_splits
