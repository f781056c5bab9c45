"""Pseudo-populations: the neurons of several sessions, side by side."""

import warnings

import numpy as np
import pandas as pd
import pytest

from isorep import Representations

RNG = np.random.default_rng(0)


def session(stimuli, **neurons):
    layers = {name: RNG.standard_normal((len(stimuli), count)) for name, count in neurons.items()}
    return Representations(layers, sample_ids=stimuli)


MONDAY = session(list("abacbab"), V1=2, V4=3)
FRIDAY = session(list("ccbbaa"), V1=4)


def rows_of(recording, layer, stimulus):
    return recording[layer][[i for i, x in enumerate(recording.sample_ids) if x == stimulus]]


def test_averages_of_the_shared_stimuli_side_by_side():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is left out
        both = Representations.from_sessions({"mon": MONDAY, "fri": FRIDAY})
    assert both.sample_ids == ("a", "b", "c")
    assert both["V1"].shape == (3, 6)
    for i, stimulus in enumerate("abc"):
        parts = [rows_of(x, "V1", stimulus).mean(axis=0) for x in (MONDAY, FRIDAY)]
        np.testing.assert_allclose(both["V1"][i], np.concatenate(parts))
        np.testing.assert_allclose(both["V4"][i], rows_of(MONDAY, "V4", stimulus).mean(axis=0))


def test_trials_are_matched_by_their_number():
    with pytest.warns(UserWarning, match=r"'mon' without 2 trials beyond .*'fri' without 1 trial"):
        both = Representations.from_sessions({"mon": MONDAY, "fri": FRIDAY}, trials="match")
    assert both.sample_ids == tuple("aabbc")
    for stimulus in "abc":
        joined = rows_of(both, "V1", stimulus)
        for k, row in enumerate(joined):
            parts = [rows_of(x, "V1", stimulus)[k] for x in (MONDAY, FRIDAY)]
            np.testing.assert_array_equal(row, np.concatenate(parts))


def test_stimuli_that_not_all_sessions_have_are_left_out_and_said():
    other = session(["d", "b", "a"], V1=1)
    with pytest.warns(UserWarning, match="session 'mon' without 1 of 3 stimuli, .*first: 'c'.*'d'"):
        both = Representations.from_sessions({"mon": MONDAY, "sat": other})
    assert both.sample_ids == ("a", "b")


def test_tables_and_labels():
    frame = pd.DataFrame(RNG.standard_normal((3, 2)), index=["x", "y", "x"])
    labelled = Representations(
        {"IT": [[1.0], [2.0], [3.0]]}, sample_ids=list("yyx"), labels=[5, 5, 6]
    )
    both = Representations.from_sessions({"labelled": labelled, "frame": {"IT": frame}})
    assert (both.sample_ids, both.labels.tolist()) == (("y", "x"), [5, 6])
    np.testing.assert_allclose(both["IT"][1], [3.0, *frame.loc["x"].to_numpy().mean(axis=0)])


def test_sessions_must_know_common_stimuli():
    with pytest.raises(ValueError, match="session 'b' does not know its stimuli"):
        Representations.from_sessions({"a": MONDAY, "b": {"V1": np.ones((3, 2))}})
    with pytest.raises(ValueError, match="'a', 'b' share 1 stimuli by their ids, expected 2"):
        Representations.from_sessions({"a": MONDAY, "b": session(["c", "d"], V1=1)})
    with pytest.raises(TypeError, match="session 'b': expected Representations or a mapping"):
        Representations.from_sessions({"a": MONDAY, "b": np.ones((3, 2))})
    with pytest.raises(TypeError, match="expected sessions as a mapping"):
        Representations.from_sessions([MONDAY])
    with pytest.raises(ValueError, match="unknown trials 'mean'"):
        Representations.from_sessions({"a": MONDAY}, trials="mean")
