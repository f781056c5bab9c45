"""Pseudo-population: the neurons of several sessions side by side, as if recorded together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.progress import counted
from isorep._utils.validation import check_name
from isorep.representations.repeats import Repeats
from isorep.representations.representations import Representations

Trials = Literal["average", "match"]


def pseudo_population(
    sessions: Mapping[str, Any], *, trials: Trials = "average"
) -> Representations:
    """Put the neurons of several sessions side by side, for the stimuli that all sessions share.

    A layer has the neurons of every session that has this layer, in the order of the sessions. A
    warning says which stimuli and how many trials are left out. Neurons of different sessions share
    no noise from trial to trial, so a pseudo-population has no noise correlations between sessions.

    Parameters
    ----------
    sessions : mapping of session to Representations, or to mapping of layer to array or table
        Single trials or averages in rows. The sample ids, or the labels of the tables, are the
        stimuli, in any order; an id that repeats stands for several trials.
    trials : {"average", "match"}
        "average" returns the mean of each stimulus in each session, over however many trials it
        has. "match" returns single trials: trial k of a stimulus joins trial k of the same stimulus
        in every session, for as many trials as the session with the fewest has.

    Returns
    -------
    Representations
        The sample ids are the stimuli in the order of the first session; with "match" each repeats.
        Labels of the samples are those of the first session.

    Raises
    ------
    TypeError
        If `sessions` is not a mapping of mappings.
    ValueError
        If a session does not know its stimuli, the rows of a layer are positions, or the sessions
        share fewer than 2 stimuli.

    Examples
    --------
    >>> import isorep
    >>> monday = isorep.Representations({"V1": [[1.0], [5.0], [3.0]]}, sample_ids=["a", "b", "a"])
    >>> friday = isorep.Representations({"V1": [[7.0, 2.0], [8.0, 1.0]]}, sample_ids=["b", "a"])
    >>> both = isorep.pseudo_population({"monday": monday, "friday": friday})
    >>> both.sample_ids, both["V1"].tolist()
    (('a', 'b'), [[2.0, 8.0, 1.0], [5.0, 7.0, 2.0]])
    """
    check_name("trials", trials, get_args(Trials))
    if not isinstance(sessions, Mapping) or not sessions:
        raise TypeError(
            "expected sessions as a mapping of session name to Representations or to a mapping of "
            f"layer name to array, got {type(sessions).__name__}"
        )
    recordings = {name: _recording(name, session) for name, session in sessions.items()}
    repeats = {
        name: Repeats.from_labels(recording.sample_ids, recording.n_samples)
        for name, recording in recordings.items()
    }
    first, *others = repeats.values()
    known = [set(stimuli.stimuli) for stimuli in others]
    shared = [stimulus for stimulus in first.stimuli if all(stimulus in ids for ids in known)]
    if len(shared) < 2:
        raise ValueError(
            f"the sessions {', '.join(map(repr, sessions))} share {len(shared)} stimuli"
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
    return Representations(
        {layer: np.concatenate(parts, axis=1) for layer, parts in layers.items()},
        sample_ids=[shared[i] for i in numbers],
        labels=None if labels is None else labels[numbers],
    )


def _recording(name: str, session: Any) -> Representations:
    try:
        recording = Representations.from_mapping(session)
    except (TypeError, ValueError) as error:
        raise type(error)(f"session {name!r}: {error}") from error
    if recording.sample_ids is None:
        raise ValueError(
            f"session {name!r} does not know its stimuli: pass Representations(..., sample_ids=), "
            "or tables whose labels are the stimuli"
        )
    return recording


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
