"""Pseudo-population: the neurons of several sessions side by side, as if recorded together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.progress import counted
from isorep.representations.repeats import Repeats

if TYPE_CHECKING:
    from isorep.representations.representations import Representations

Trials = Literal["average", "match"]


class PseudoPopulation(NamedTuple):
    """Layers of several sessions, side by side, with the stimulus and label of each row."""

    layers: dict[str, NDArray[Any]]
    sample_ids: list[str]
    labels: NDArray[Any] | None


def pseudo_population(
    recordings: Mapping[str, Representations], trials: Trials
) -> PseudoPopulation:
    """Join recordings that know their stimuli; see `Representations.from_sessions`."""
    repeats = {
        name: Repeats.from_labels(recording.sample_ids, recording.n_samples)
        for name, recording in recordings.items()
    }
    first, *others = repeats.values()
    known = [set(stimuli.stimuli) for stimuli in others]
    shared = [stimulus for stimulus in first.stimuli if all(stimulus in ids for ids in known)]
    if len(shared) < 2:
        raise ValueError(
            f"the sessions {', '.join(map(repr, recordings))} share {len(shared)} stimuli"
            " by their ids, expected 2 or more: name the same stimulus by the same id in every "
            "session"
        )
    rows = {name: _rows(stimuli, shared) for name, stimuli in repeats.items()}
    n_trials = np.min([[len(trial) for trial in parts] for parts in rows.values()], axis=0)
    _warn_of_dropped(repeats, rows, n_trials if trials == "match" else None)
    layers: dict[str, list[NDArray[Any]]] = {}
    for name, recording in recordings.items():
        if trials == "match":
            taken = np.concatenate([r[:k] for r, k in zip(rows[name], n_trials, strict=True)])
        else:
            taken = np.concatenate(rows[name])
            recording = recording.take(taken).average_repeats()
            taken = np.arange(len(shared))
        for layer in recording:
            layers.setdefault(layer, []).append(np.asarray(recording.take(taken)[layer]))
    labels = _labels(next(iter(recordings.values())), first, shared)
    numbers = np.repeat(np.arange(len(shared)), n_trials if trials == "match" else 1)
    return PseudoPopulation(
        {layer: np.concatenate(parts, axis=1) for layer, parts in layers.items()},
        [shared[i] for i in numbers],
        None if labels is None else labels[numbers],
    )


def _rows(repeats: Repeats, shared: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return the rows of each shared stimulus, in row order."""
    order = np.argsort(repeats.numbers, kind="stable")
    parts = np.split(order, np.cumsum(repeats.counts)[:-1])
    rows = dict(zip(repeats.stimuli, parts, strict=True))
    return [rows[stimulus] for stimulus in shared]


def _labels(
    recording: Representations, repeats: Repeats, shared: Sequence[str]
) -> NDArray[Any] | None:
    labels = repeats.shared(recording.labels)
    if labels is None:
        return None
    numbers = {stimulus: i for i, stimulus in enumerate(repeats.stimuli)}
    return labels[[numbers[stimulus] for stimulus in shared]]


def _warn_of_dropped(
    repeats: Mapping[str, Repeats],
    rows: Mapping[str, Sequence[NDArray[np.int64]]],
    n_trials: NDArray[np.int64] | None,
) -> None:
    """Say what is left out of each session: stimuli, and with `n_trials` trials beyond these."""
    texts = []
    for name, stimuli in repeats.items():
        shared = {stimuli.stimuli[stimuli.numbers[part[0]]] for part in rows[name]}
        dropped = [stimulus for stimulus in stimuli.stimuli if stimulus not in shared]
        parts = []
        if dropped:
            parts.append(
                f"{len(dropped)} of {len(stimuli.stimuli)} stimuli, which not all sessions have "
                f"(first: {dropped[0]!r})"
            )
        extra = 0 if n_trials is None else sum(map(len, rows[name])) - int(n_trials.sum())
        if extra:
            parts.append(f"{counted(extra, 'trial')} beyond those of other sessions")
        if parts:
            texts.append(f"{name!r} without {' and '.join(parts)}")
    if texts:
        warnings.warn(
            f"the pseudo-population has session {'; '.join(texts)}",
            UserWarning,
            stacklevel=stacklevel_of_caller(),
        )
