"""Noise ceiling: the similarity that noise-free responses would reach with a noisy recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isorep._utils.arrays import ArrayLike
from isorep._utils.html_table import html_table
from isorep._utils.validation import check_seed
from isorep.core.warning_text import issue
from isorep.inference.interval import check_level
from isorep.inference.repeated_similarity import repeated_similarities, structure_of_stimuli
from isorep.inference.signal_and_noise import SignalAndNoise
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.representations.repeats import Repeats


@dataclass(frozen=True)
class NoiseCeiling:
    """Similarity that a model equal to the noise-free responses would reach.

    Attributes
    ----------
    ceiling : float
        Expected similarity of the noise-free responses (x) and the averaged recording (y).
    interval : (float, float)
        Confidence interval of the ceiling over stimuli and trials.
    measure : str
        Name of the measure in `isorep.MEASURES`, with options that differ from their defaults.
    corrected : bool
        Whether it is the ceiling of similarities that are corrected for finite-sample bias.
    n_stimuli, n_trials, n_neurons : int
        Sizes of the recording.
    warnings : tuple of str
        Reasons to read the numbers with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> stimulus = np.repeat(np.arange(60), 4)
    >>> trials = rng.standard_normal((60, 20))[stimulus] + rng.standard_normal((240, 20))
    >>> ceiling = isorep.inference.noise_ceiling(trials, "cka_debiased", repeats=stimulus)
    >>> ceiling.interval[0] < ceiling.ceiling < ceiling.interval[1]
    True
    >>> ceiling.n_stimuli, ceiling.n_trials, ceiling.n_neurons
    (60, 240, 20)
    """

    ceiling: float
    interval: tuple[float, float]
    measure: str
    corrected: bool
    n_stimuli: int
    n_trials: int
    n_neurons: int
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        low, high = self.interval
        corrected = ", corrected" if self.corrected else ""
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        return (
            f"NoiseCeiling({self.measure}{corrected}: {self.ceiling:.4g}, "
            f"interval=({low:.4g}, {high:.4g}), n_stimuli={self.n_stimuli}, "
            f"n_trials={self.n_trials}, n_neurons={self.n_neurons}{warnings})"
        )

    def _repr_html_(self) -> str:
        low, high = self.interval
        rows = {**vars(self), "interval": f"{low:.4g} to {high:.4g}"}
        del rows["warnings"]
        return html_table("NoiseCeiling", [*rows.items(), *(("warning", w) for w in self.warnings)])


def noise_ceiling(
    x: ArrayLike,
    measure: Spec = "pwcca",
    *,
    repeats: ArrayLike | str | None = None,
    correct: bool = False,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> NoiseCeiling:
    """Return the similarity that a perfect model would reach with an averaged recording.

    A recording averaged over a few noisy trials differs from the noise-free responses, so no model
    reaches a similarity of 1 with it. The ceiling is the similarity of the noise-free responses
    themselves, which are unknown. But trials of the same stimulus tell signal from noise: their
    residuals give the covariance of the noise, and what the averages vary beyond it is signal (see
    `isorep.inference.signal_and_noise`). The ceiling is the mean similarity of simulated noise-free
    responses and simulated averages with the stimuli, neurons, numbers of trials, signal and noise
    of the recording. So it holds for any measure, with the finite-sample bias that the measure has.
    The interval is by the jackknife over stimuli.

    The perfect model has as many directions as the recording. A model with more features reaches a
    higher raw similarity by measures with finite-sample bias, such as cca or linear_regression in
    sample; compare corrected or held-out similarities then. Where all directions count alike
    (cca), directions without signal lower the ceiling, and it depends on weak ones.

    Parameters
    ----------
    x : (n_trials, n_neurons) array or table
        Single trials in rows, of at least 4 stimuli; two trials or more of most.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`. For a
        measure with a direction, x is the model and y the recording: y is predicted from x.
    repeats : (n_trials,) array-like or str, optional
        Stimulus of each trial; trials of the same one are repeats, of unequal numbers. A string
        names a coordinate of the table. By default the labels of the table's rows.
    correct : bool
        Return the ceiling of corrected similarities; see `isorep.similarity`.
    groups : (n_trials,) array-like, optional
        Group of each trial, if stimuli of one group depend on each other, such as the frames of a
        film.
    level : float
        Confidence level of the interval.
    seed : int
        Random seed of the simulations.
    **options
        Options of the measure.

    Returns
    -------
    NoiseCeiling

    Raises
    ------
    ValueError
        If the stimuli are unknown, fewer than 2 of them have repeats, the repeats are identical, or
        the measure cannot be computed or corrected; see also `isorep.infer`.

    References
    ----------
    Schoppe, Harper, Willmore, King and Schnupp 2016, Measuring the performance of neural models.
    Lage-Castellanos, Valente, Formisano and De Martino 2019, Methods for computing the maximum
    performance of computational models of fMRI responses. Accuracy and coverage are measured in
    `docs/neuroscience.md`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.standard_normal((60, 20))
    >>> stimulus = np.repeat(np.arange(60), 4)
    >>> trials = signal[stimulus] + 2 * rng.standard_normal((240, 20))
    >>> ceiling = isorep.inference.noise_ceiling(trials, "procrustes", repeats=stimulus)
    >>> averages = trials.reshape(60, 4, 20).mean(axis=1)
    >>> abs(ceiling.ceiling - isorep.procrustes(signal, averages).similarity) < 0.05
    True
    """
    row = ceiling_measure(measure).with_options(**options)
    check_level(level)
    check_seed(seed)
    if correct:
        row.check_correctable({})
    trials, stimuli = Repeats.of_rows(x, repeats)
    recording = SignalAndNoise.from_trials(trials, stimuli, seed)
    result = repeated_similarities(
        recording,
        SignalAndNoise.pair,
        [row],
        structure=structure_of_stimuli(groups, stimuli),
        level=level,
        seed=seed,
        correct=[row] if correct else (),
    )[row.label]
    if isinstance(result, Exception):
        raise result
    return NoiseCeiling(
        ceiling=result.corrected if correct else result.similarity,
        interval=result.interval(correct),
        measure=row.label,
        corrected=correct,
        n_stimuli=recording.n_stimuli,
        n_trials=len(trials),
        n_neurons=recording.n_neurons,
        warnings=issue(result.warnings, stacklevel=2),
    )


def ceiling_measure(measure: Spec) -> Measure:
    """Return a measure of which there are ceilings; raise ValueError if it compares maps."""
    row = measure_named(measure)
    if row.requires == "maps":
        raise ValueError(f"{row.name} compares maps, not rows of trials: pass another measure")
    return row
