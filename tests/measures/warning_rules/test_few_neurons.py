"""Few neurons: the limit of CKA is that of two draws of neurons of one population."""

import numpy as np
import pytest

import isorep
from isorep import MEASURES
from isorep.measures.warning_rules.few_neurons import few_neurons

LATENT = np.random.default_rng(0).standard_normal((1000, 40)) * np.exp(-np.arange(40) / 12)


def population(n_neurons, seed):
    """Return random neurons of one population: any two draws have the same geometry."""
    weights = np.random.default_rng(seed).standard_normal((40, n_neurons))
    return np.maximum(LATENT @ weights, 0)


@pytest.fixture(scope="module")
def few_and_many():
    """Pairs of draws of twenty and of a thousand neurons."""
    return [isorep.overlap(population(p, 100), population(p, 101)) for p in (20, 1000)]


def test_the_limit_is_the_mean_of_two_draws():
    pairs = [
        isorep.overlap(population(20, 2 * seed), population(20, 2 * seed + 1)) for seed in range(20)
    ]
    seen = np.mean([MEASURES["cka"](o).similarity for o in pairs])
    assert 0.3 < seen < 0.6
    texts = [text for o in pairs for text in few_neurons(o)]
    assert len(texts) >= 18
    limits = [float(text.finding.split("about ")[1][:4]) for text in texts]
    assert np.mean(limits) == pytest.approx(seen, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cka", "cka_debiased", "procrustes", "rsa", "mutual_knn"])
def test_twenty_neurons_are_few_and_a_thousand_are_not(few_and_many, name):
    few, many = few_and_many
    (text,) = MEASURES[name](few).warnings
    assert text.code == "few-neurons"
    assert text.finding.startswith("20 and 20 neurons are few")
    assert MEASURES["cka"](many).similarity > 0.95
    assert MEASURES[name](many).warnings == ()


def test_different_populations_are_not_blamed_on_their_number():
    other = np.random.default_rng(1).standard_normal((1000, 40)) @ np.ones((40, 20))
    other += np.random.default_rng(2).standard_normal((1000, 20))
    assert few_neurons(isorep.overlap(population(20, 100), other)) == ()


@pytest.mark.parametrize("name", ["cca", "soft_matching", "linear_regression"])
def test_other_measures_do_not_take_neurons_for_a_draw(name):
    o = isorep.overlap(population(20, 100), population(20, 101))
    assert MEASURES[name](o).warnings == ()


def test_features_without_anything_in_common_are_no_population():
    x = np.random.default_rng(3).standard_normal((1000, 20))
    y = x + np.random.default_rng(4).standard_normal((1000, 20))
    assert few_neurons(isorep.overlap(x, y)) == ()
