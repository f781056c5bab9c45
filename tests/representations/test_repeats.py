"""Repeats of a stimulus: which rows they are, their averages and their halves."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from isorep import Representations
from isorep.representations.repeats import Repeats

STIMULI = ["dog", "cat", "dog", "car", "dog", "cat"]
ROWS = np.random.default_rng(0).standard_normal((6, 3))


def naive_averages(rows, stimuli):
    return {
        name: np.mean(
            [row for row, other in zip(rows, stimuli, strict=True) if other == name], axis=0
        )
        for name in dict.fromkeys(stimuli)
    }


def test_averages_of_unequal_numbers_of_repeats():
    reps = Representations({"V1": ROWS, "V4": ROWS[:, :1] ** 2}, sample_ids=STIMULI)
    means = reps.average_repeats()
    assert means.sample_ids == ("dog", "cat", "car")
    for layer in reps:
        expected = naive_averages(reps[layer], STIMULI)
        np.testing.assert_allclose(means[layer], list(expected.values()), rtol=1e-14)
    repeats = Repeats.from_labels(STIMULI, 6)
    assert repeats.counts.tolist() == [3, 2, 1]
    assert repeats.places.tolist() == [0, 0, 1, 0, 2, 1]


def test_stimuli_may_be_passed_and_a_series_has_its_own_order():
    reps = Representations({"V1": ROWS}, sample_ids=list("abcdef"))
    shuffled = pd.Series(STIMULI, index=list("abcdef"))[::-1]
    for stimuli in (STIMULI, np.array(STIMULI), shuffled):
        means = reps.average_repeats(stimuli)
        assert means.sample_ids == ("dog", "cat", "car")
        np.testing.assert_allclose(means["V1"], list(naive_averages(ROWS, STIMULI).values()))
    numbers = reps.average_repeats([7, 5, 7, 6, 7, 5])
    assert numbers.sample_ids == ("7", "5", "6")


def test_what_all_repeats_share_is_kept():
    reps = Representations(
        {"V1": ROWS.astype(np.float32)},
        sample_ids=STIMULI,
        labels=[1, 2, 1, 3, 1, 2],
        groups=["film a", "film a", "film a", "film b", "film a", "film a"],
        order=np.arange(6),
        reductions={"V1": "mean"},
    )
    means = reps.average_repeats()
    assert means.labels.tolist() == [1, 2, 3]
    assert means.groups.tolist() == ["film a", "film a", "film b"]
    assert means.order is None
    assert means.reductions == {"V1": "mean"}
    assert means.dtypes == {"V1": "float32"}  # decides which directions are rounding
    differing = Representations({"V1": ROWS}, sample_ids=STIMULI, labels=np.arange(6))
    assert differing.average_repeats().labels is None
    own = Representations({"V1": ROWS}, sample_ids=STIMULI, groups=STIMULI)
    assert own.average_repeats().groups is None


def test_counts_become_floats():
    means = Representations({"V1": [[1], [2]]}, sample_ids=["a", "a"]).average_repeats()
    assert means["V1"].tolist() == [[1.5]]
    assert means.dtypes == {"V1": "float64"}


def test_averages_need_stimuli_and_one_row_a_sample():
    with pytest.raises(ValueError, match="it is unknown which samples are repeats: pass repeats="):
        Representations({"V1": ROWS}).average_repeats()
    with pytest.raises(ValueError, match="one stimulus for each of 6 rows, got shape"):
        Representations({"V1": ROWS}).average_repeats(["dog", "cat"])
    with pytest.raises(ValueError, match=r"no stimulus \(NaN or None\) for 1 of 6 rows"):
        Representations({"V1": ROWS}).average_repeats([1.0, 2.0, np.nan, 1.0, 2.0, 2.0])
    with pytest.raises(ValueError, match=r"for 1 of 6 rows, the first of them row 1: leave"):
        Representations({"V1": ROWS}).average_repeats(["dog", None, "dog", 3, 3, "dog"])
    tokens = Representations({"fc": ROWS}, sample_ids=["a", "a"], reductions={"fc": "positions"})
    with pytest.raises(ValueError, match="layer 'fc' are positions"):
        tokens.average_repeats()


def test_halves_split_every_stimulus():
    counts = np.array([1, 2, 3, 8])
    repeats = Repeats.from_labels(np.repeat(np.arange(4), counts), counts.sum())
    sizes = []
    for seed in range(40):
        first = repeats.halves(np.random.default_rng(seed))
        sizes.append(np.bincount(repeats.numbers[first], minlength=4))
    assert (np.min(sizes, axis=0) == counts // 2).all()
    assert (np.max(sizes, axis=0) == (counts + 1) // 2).all()


def test_tables_know_their_stimuli():
    frame = pd.DataFrame(ROWS, index=STIMULI)
    array = xr.DataArray(
        ROWS.T, dims=("neuroid", "presentation"), coords={"image": ("presentation", STIMULI)}
    )
    for table, labels in ((frame, None), (array, "image"), (ROWS, STIMULI)):
        trials, repeats = Repeats.of_rows(table, labels)
        np.testing.assert_array_equal(trials, ROWS)
        assert repeats.stimuli == ("dog", "cat", "car")
    with pytest.raises(ValueError, match="pass repeats=, the stimulus of each row"):
        Repeats.of_rows(ROWS, None)
    with pytest.raises(ValueError, match="x is no table: pass the stimulus of each row"):
        Repeats.of_rows(ROWS, "image")
    with pytest.raises(ValueError, match=r"single trials, \(n_trials, n_neurons\), got shape"):
        Repeats.of_rows(ROWS[:, :, None], STIMULI)
    with pytest.raises(ValueError, match="NaN or Inf, first in row 2"):
        Repeats.of_rows(np.where(np.arange(6)[:, None] == 2, np.nan, ROWS), STIMULI)
