"""Reliability of neurons and populations: what a repetition of the recording would show."""

import numpy as np
import pytest

import isorep
from isorep.inference import reliability, repeated_similarity
from isorep.measures.registry import measure_named


def recorded(rng, signal, counts, noise):
    stimulus = np.repeat(np.arange(len(signal)), counts)
    noises = noise * rng.standard_normal((len(stimulus), signal.shape[1]))
    return signal[stimulus] + noises, stimulus


def test_neurons_have_the_reliability_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    n, m = 1500, 4
    signal = rng.standard_normal((n, 5)) * np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    trials, stimulus = recorded(rng, signal, m, 1.0)
    result = reliability(trials, "cka_debiased", repeats=stimulus)
    parts = trials.reshape(n, m, 5)
    within = np.mean(parts.var(axis=1, ddof=1), axis=0)
    between = m * parts.mean(axis=1).var(axis=0, ddof=1)
    np.testing.assert_allclose(result.neurons, 1 - within / between, atol=0.01)  # ICC(1, k)


def test_of_two_trials_a_half_is_a_trial():
    rng = np.random.default_rng(1)
    trials, stimulus = recorded(rng, rng.standard_normal((60, 3)), 2, 1.0)
    result = reliability(trials, "cka", repeats=stimulus, n_splits=200)
    pairs = trials.reshape(60, 2, 3)
    similarities, correlations = [], []
    for _ in range(200):
        swapped = rng.integers(0, 2, 60)
        x, y = pairs[np.arange(60), swapped], pairs[np.arange(60), 1 - swapped]
        similarities.append(isorep.cka(x, y).similarity)
        correlations.append([np.corrcoef(x[:, j], y[:, j])[0, 1] for j in range(3)])
    assert result.split_half == pytest.approx(np.mean(similarities), abs=0.01)
    r = np.mean(correlations, axis=0)
    np.testing.assert_allclose(result.neurons, 2 * r / (1 + r), atol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["cka", "cca", "rsa"])
def test_the_whole_is_what_a_repetition_shows(measure, monkeypatch):
    monkeypatch.setattr(repeated_similarity, "BLOCKS", 5)  # of the interval, which nothing looks at
    rng = np.random.default_rng(2)
    row = measure_named(measure)

    def draw():
        signal = rng.standard_normal((80, 15)) * np.sqrt(np.linspace(2, 0.2, 15))
        return [recorded(rng, signal, 3, 1.5) for _ in range(2)]

    truth = []
    for _ in range(150):
        x, y = (trials.reshape(80, 3, 15).mean(axis=1) for trials, _ in draw())
        truth.append(row.compute(isorep.overlap(x, y)).similarity)
    wholes = []
    with isorep.silence("few-samples"):
        for seed in range(10):
            trials, stimulus = draw()[0]
            result = reliability(trials, measure, repeats=stimulus, n_splits=1, seed=seed)
            wholes.append(result.whole)
    assert np.mean(wholes) == pytest.approx(np.mean(truth), abs=0.04)


def test_stimuli_with_one_trial_are_left_out_of_the_halves():
    rng = np.random.default_rng(3)
    counts = np.r_[1, 1, np.full(38, 3)]
    trials, stimulus = recorded(rng, rng.standard_normal((40, 6)), counts, 1.0)
    with isorep.silence("single-trials"):
        result = reliability(trials, "cka_debiased", repeats=stimulus, n_splits=3)
    several = stimulus > 1
    rest = reliability(trials[several], "cka_debiased", repeats=stimulus[several], n_splits=3)
    assert result.split_half == rest.split_half
    assert (result.n_stimuli, result.n_trials) == (40, 116)
    assert result.split_half < result.whole < 1
    assert result.interval[0] < result.whole < result.interval[1]
    assert "6 neurons of median" in repr(result)
    assert "median" in result._repr_html_()


def test_a_constant_neuron_has_no_reliability():
    rng = np.random.default_rng(4)
    trials, stimulus = recorded(rng, rng.standard_normal((40, 3)), 2, 1.0)
    trials[:, 1] = 7.0
    result = reliability(trials, "cka_debiased", repeats=stimulus)
    assert np.isnan(result.neurons).tolist() == [False, True, False]


def test_splits_are_a_positive_number():
    trials, stimulus = recorded(np.random.default_rng(5), np.eye(6), 2, 1.0)
    with pytest.raises(ValueError, match="n_splits, the number of random splits, must be 1"):
        reliability(trials, "cka", repeats=stimulus, n_splits=0)
    with pytest.raises(TypeError, match="n_splits must be an integer"):
        reliability(trials, "cka", repeats=stimulus, n_splits=2.5)
