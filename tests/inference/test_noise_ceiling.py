"""Noise ceilings are the similarity that the noise-free responses have with noisy averages."""

import numpy as np
import pandas as pd
import pytest

import isorep
from isorep.inference import noise_ceiling
from isorep.inference.repeated_similarity import repeated_similarities
from isorep.inference.signal_and_noise import SignalAndNoise
from isorep.measures.registry import measures_named
from isorep.representations.repeats import Repeats

MEASURES = ("cka", "cka_debiased", "cca", "pwcca", "procrustes", "rsa", "linear_regression")


def responses(rng, n, p, slope=1.0):
    """Responses with variances that fall over directions, 1 a neuron on average."""
    variances = np.arange(1.0, p + 1) ** -slope
    return rng.standard_normal((n, p)) * np.sqrt(variances * p / variances.sum())


def recorded(rng, signal, counts, noise=1.5):
    """Single trials and their stimuli."""
    stimulus = np.repeat(np.arange(len(signal)), counts)
    return signal[stimulus] + noise * rng.standard_normal(
        (len(stimulus), signal.shape[1])
    ), stimulus


def averages(trials, stimulus):
    return np.array([trials[stimulus == i].mean(axis=0) for i in np.unique(stimulus)])


def similarities(x, y, rows):
    coupled = isorep.overlap(x, y)
    return np.array([row.compute(coupled).similarity for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "p", "least", "most", "tolerance"),
    [(80, 15, 3, 3, 0.03), (80, 30, 1, 5, 0.03), (40, 90, 2, 2, 0.03), (150, 30, 4, 4, 0.02)],
)
def test_it_is_what_brute_force_gives(n, p, least, most, tolerance):
    rng = np.random.default_rng(0)
    rows = measures_named(MEASURES)

    def draw():
        signal = responses(rng, n, p)
        return signal, *recorded(rng, signal, rng.integers(least, most + 1, n))

    truth = np.mean(
        [similarities(s, averages(t, i), rows) for s, t, i in (draw() for _ in range(150))], axis=0
    )
    estimates = []
    for seed in range(24):
        _, trials, stimulus = draw()
        recording = SignalAndNoise.from_trials(
            trials, Repeats.from_labels(stimulus, len(stimulus)), seed
        )
        estimates.append(
            np.mean([similarities(*recording.pair(i), rows) for i in range(2)], axis=0)
        )
    np.testing.assert_allclose(np.mean(estimates, axis=0), truth, atol=tolerance)


def test_of_one_neuron_it_is_the_attenuation_of_a_correlation():
    rng = np.random.default_rng(1)
    trials, stimulus = recorded(rng, rng.standard_normal((2000, 1)), 2, noise=1.0)
    reliability = 1 / (1 + 1 / 2)
    # Estimated variances have errors of about 2 %.
    assert noise_ceiling(trials, "cca", repeats=stimulus).ceiling == pytest.approx(
        np.sqrt(reliability), abs=0.02
    )
    explained = noise_ceiling(trials, "linear_regression", repeats=stimulus)
    assert explained.ceiling == pytest.approx(reliability, abs=0.03)
    assert explained.interval[0] < reliability < explained.interval[1]


def test_each_canonical_correlation_is_attenuated_by_its_own_reliability():
    rng = np.random.default_rng(2)
    variances = np.array([4.0, 1.0, 0.25])
    signal = rng.standard_normal((20000, 3)) * np.sqrt(variances)
    trials, stimulus = recorded(rng, signal, 3, noise=1.0)
    recording = SignalAndNoise.from_trials(trials, Repeats.from_labels(stimulus, len(stimulus)))
    correlations = isorep.overlap(*recording.pair(0)).correlations
    np.testing.assert_allclose(correlations, np.sqrt(variances / (variances + 1 / 3)), atol=0.02)


def test_debiased_cka_agrees_with_inner_products_of_independent_halves():
    rng = np.random.default_rng(3)
    trials, stimulus = recorded(rng, responses(rng, 100, 20), 4)
    h = averages(trials, stimulus)

    def u_centred(x):
        k = x @ x.T
        np.fill_diagonal(k, 0)
        n = len(k)
        k = k - k.sum(0) / (n - 2) - k.sum(1)[:, None] / (n - 2) + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(k, 0)
        return k

    products = []
    for _ in range(50):
        order = np.lexsort((rng.random(len(stimulus)), stimulus))
        parts = trials[order].reshape(100, 4, 20)
        x, y = parts[:, :2].mean(axis=1), parts[:, 2:].mean(axis=1)
        products.append(np.sum(u_centred(x) * u_centred(y)))
    expected = np.sqrt(np.mean(products) / np.sum(u_centred(h) ** 2))
    ceiling = noise_ceiling(trials, "cka_debiased", repeats=stimulus)
    assert ceiling.ceiling == pytest.approx(expected, abs=0.03)


def test_second_moments_of_the_signal_are_those_of_different_repeats():
    rng = np.random.default_rng(4)
    n, m, p = 30, 3, 4
    trials, stimulus = recorded(rng, responses(rng, n, p), m)
    recording = SignalAndNoise.from_trials(trials, Repeats.from_labels(stimulus, len(stimulus)))
    scaled = (trials / recording.scale).reshape(n, m, p)
    total = 0.0  # over pairs of different trials only, whose noise is independent
    for i in range(n):
        for j in range(n):
            weight = (i == j) - 1 / n
            pairs = [
                scaled[i, k] @ scaled[j, q] for k in range(m) for q in range(m) if i != j or k != q
            ]
            total += weight * np.mean(pairs)
    assert recording.trace == pytest.approx(total, rel=1e-10)
    assert recording.spectrum.sum() == pytest.approx(total, rel=1e-10)
    moments = recording.signal.T @ recording.signal
    np.testing.assert_allclose(np.linalg.eigvalsh(moments), recording.spectrum, rtol=1e-8)
    assert abs(recording.signal.sum(axis=0)).max() < 1e-8


def test_noise_that_neurons_share_stays_shared():
    rng = np.random.default_rng(5)
    signal = responses(rng, 200, 12)
    trials, stimulus = recorded(rng, signal, 5, noise=1.0)
    trials += 2 * rng.standard_normal((len(trials), 1))
    recording = SignalAndNoise.from_trials(trials, Repeats.from_labels(stimulus, len(stimulus)))
    noise = np.vstack([np.subtract(*recording.pair(i)) for i in range(20)])
    expected = (np.eye(12) + 4) / 5
    np.testing.assert_allclose(np.cov(noise.T), expected, atol=0.12)


def test_shared_noise_is_no_signal_if_neurons_are_many():
    rng = np.random.default_rng(14)
    signal = responses(rng, 40, 120)
    trials, stimulus = recorded(rng, signal, 4, noise=1.0)
    direction = rng.standard_normal(120)
    trials += 2 * rng.standard_normal((len(trials), 1)) * direction
    recording = SignalAndNoise.from_trials(trials, Repeats.from_labels(stimulus, len(stimulus)))
    unit = direction / recording.scale
    unit /= np.linalg.norm(unit)
    shown, estimated = (np.sum((x @ unit) ** 2) for x in (recording.averages, recording.signal))
    true = np.sum(((signal - signal.mean(axis=0)) / recording.scale @ unit) ** 2)
    assert shown > 10 * true
    assert estimated < 0.2 * shown


def test_each_stimulus_has_noise_of_its_own_size():
    rng = np.random.default_rng(6)
    stimulus = np.repeat(np.arange(60), 6)
    sizes = np.where(np.arange(60) % 2, 3.0, 1.0)
    trials = responses(rng, 60, 40)[stimulus]
    trials = trials + sizes[stimulus, None] * rng.standard_normal(trials.shape)
    recording = SignalAndNoise.from_trials(trials, Repeats.from_labels(stimulus, len(stimulus)))
    noise = np.array([np.subtract(*recording.pair(i)) for i in range(20)])
    spread = np.sqrt(np.mean(noise**2, axis=(0, 2)))
    assert np.mean(spread[1::2]) / np.mean(spread[::2]) == pytest.approx(3.0, abs=0.2)


@pytest.mark.slow
def test_a_corrected_ceiling_is_that_of_the_population():
    rng = np.random.default_rng(7)
    variances = np.linspace(4, 1, 10)
    signal = rng.standard_normal((120, 10)) * np.sqrt(variances)
    trials, stimulus = recorded(rng, signal, 3, noise=2.0)
    truth = np.mean(np.sqrt(variances / (variances + 4 / 3)))
    with isorep.silence("few-samples", "few-samples-to-correct", "hidden-correlations"):
        raw = noise_ceiling(trials, "cca", repeats=stimulus)
        corrected = noise_ceiling(trials, "cca", repeats=stimulus, correct=True)
    assert corrected.corrected
    assert corrected.ceiling < raw.ceiling
    assert corrected.ceiling == pytest.approx(truth, abs=0.05)
    with pytest.raises(ValueError, match="rsa needs the samples themselves"):
        noise_ceiling(trials, "rsa", repeats=stimulus, correct=True)


def test_tables_options_and_seeds():
    rng = np.random.default_rng(8)
    trials, stimulus = recorded(rng, responses(rng, 40, 6), 3)
    first = noise_ceiling(trials, "cka_rbf_debiased", bandwidth=2.0, repeats=stimulus)
    frame = pd.DataFrame(trials, index=[f"image{i}" for i in stimulus])
    again = noise_ceiling(frame, "cka_rbf_debiased(bandwidth=2.0)")
    assert (first.ceiling, first.interval) == (again.ceiling, again.interval)
    assert first.measure == "cka_rbf_debiased(bandwidth=2.0)"
    assert (first.n_stimuli, first.n_trials, first.n_neurons) == (40, 120, 6)
    other = noise_ceiling(frame, "cka_rbf_debiased(bandwidth=2.0)", seed=1)
    assert 0 < abs(other.ceiling - first.ceiling) < 0.05
    assert "NoiseCeiling(cka_rbf_debiased(bandwidth=2.0): 0." in repr(first)
    assert "n_neurons" in first._repr_html_()


def test_stimuli_of_a_group_are_left_out_together():
    rng = np.random.default_rng(9)
    film = np.repeat(np.arange(12), 5)
    signal = responses(rng, 12, 8)[film] + 0.1 * rng.standard_normal((60, 8))
    trials, stimulus = recorded(rng, signal, 3)
    alone, grouped = (
        np.ptp(noise_ceiling(trials, "cka", repeats=stimulus, groups=groups).interval)
        for groups in (None, film[stimulus])
    )
    assert grouped > alone
    with pytest.raises(ValueError, match="groups= should give all trials of a stimulus the same"):
        noise_ceiling(trials, "cka", repeats=stimulus, groups=np.arange(len(trials)) % 7)
    with pytest.warns(isorep.CodedWarning, match="needs 5 independent stimuli or groups, got 3"):
        few = noise_ceiling(trials, "cka", repeats=stimulus, groups=film[stimulus] // 4)
    assert np.isnan(few.interval).all()
    assert 0 < few.ceiling < 1


def test_warnings_say_what_the_ceiling_rests_on():
    rng = np.random.default_rng(10)
    counts = np.r_[1, 1, 1, np.full(47, 3)]
    trials, stimulus = recorded(rng, responses(rng, 50, 10), counts)
    with pytest.warns(isorep.CodedWarning, match="3 of 50 stimuli have one trial"):
        noise_ceiling(trials, "cka_debiased", repeats=stimulus)
    noise = rng.standard_normal(trials.shape)
    with (
        isorep.silence("single-trials"),
        pytest.warns(isorep.CodedWarning, match="vary no more from stimulus to stimulus"),
    ):
        ceiling = noise_ceiling(noise, "cka_debiased", repeats=stimulus)
    assert ceiling.ceiling < 0.5


def test_the_share_of_recordings_of_noise_that_are_called_so():
    called = 0
    for seed in range(60):
        noise = np.random.default_rng(seed).standard_normal((90, 10))
        recording = SignalAndNoise.from_trials(noise, Repeats.from_labels(np.arange(90) // 3, 90))
        called += recording.may_be_noise
    assert called >= 52  # 95 % expected; fewer than 52 of 60 have a probability below 0.01


def test_recordings_that_cannot_have_a_ceiling():
    rng = np.random.default_rng(11)
    trials, stimulus = recorded(rng, responses(rng, 20, 5), 3)
    with pytest.raises(ValueError, match="trials of at least 4 stimuli, got 3"):
        noise_ceiling(trials, "cka", repeats=np.arange(60) % 3)
    with pytest.raises(ValueError, match="at least 2 stimuli with repeats, got 0 of 60"):
        noise_ceiling(trials, "cka", repeats=np.arange(60))
    with pytest.raises(ValueError, match="repeats of each stimulus are identical"):
        noise_ceiling(responses(rng, 20, 5)[stimulus], "cka", repeats=stimulus)
    with pytest.raises(ValueError, match="dft_cca compares maps"):
        noise_ceiling(trials, "dft_cca", repeats=stimulus)
    with pytest.raises(ValueError, match="confidence level, must be in"):
        noise_ceiling(trials, "cka", repeats=stimulus, level=95)


@pytest.mark.slow
def test_silent_neurons_add_nothing():
    rng = np.random.default_rng(12)
    trials, stimulus = recorded(rng, responses(rng, 40, 6), 3)
    silent = np.hstack([trials, np.zeros((len(trials), 1))])
    ceilings = np.mean(
        [
            [
                noise_ceiling(x, "cka_debiased", repeats=stimulus, seed=seed).ceiling
                for x in (trials, silent)
            ]
            for seed in range(8)
        ],
        axis=0,
    )
    assert ceilings[1] == pytest.approx(ceilings[0], abs=0.03)


def test_measures_share_the_simulated_recordings():
    rng = np.random.default_rng(13)
    trials, stimulus = recorded(rng, responses(rng, 40, 6), 3)
    recording = SignalAndNoise.from_trials(trials, Repeats.from_labels(stimulus, len(stimulus)))
    rows = measures_named(["cka", "procrustes"])
    with isorep.silence("few-samples"):
        both = repeated_similarities(recording, SignalAndNoise.pair, rows)
        for row in rows:
            alone = noise_ceiling(trials, row.label, repeats=stimulus)
            assert alone.ceiling == both[row.label].similarity
            assert alone.interval == pytest.approx(both[row.label].interval(), rel=1e-9)


def test_data_drawn_with_the_same_seed_are_independent_of_the_simulation():
    rng = np.random.default_rng(5)
    signal = rng.standard_normal((80, 12))
    trials = np.repeat(signal, 4, axis=0) + 1.5 * rng.standard_normal((320, 12))
    stimuli = Repeats.from_labels(np.repeat(np.arange(80), 4), 320)
    x, y = SignalAndNoise.from_trials(trials, stimuli, seed=5).pair(0)
    assert abs(np.corrcoef(signal.ravel(), (y - x).ravel())[0, 1]) < 0.15
