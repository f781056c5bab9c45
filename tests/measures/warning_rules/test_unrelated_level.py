"""Levels of unrelated data: exact ones against all permutations, drawn ones against many."""

from itertools import permutations

import numpy as np
import pytest

import isorep
from isorep import MEASURES

rng = np.random.default_rng(0)


def over_permutations(measure, x, y, orders, **options):
    return np.array(
        [measure.compute(isorep.overlap(x, y[list(o)]), **options).similarity for o in orders]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cka", {}),
        ("mutual_knn", {"k": 2, "metric": "euclidean"}),
        ("jaccard_knn", {"k": 3, "metric": "euclidean"}),
        ("cka_rbf", {}),
        ("distance_correlation", {}),
    ],
)
def test_a_formula_is_the_mean_over_all_permutations(name, options):
    measure = MEASURES[name]
    x, y = rng.standard_normal((2, 6, 3))
    o = isorep.overlap(x, y)
    draws = over_permutations(measure, x, y, permutations(range(6)), **options)
    level = measure.chance(o, **options)
    if level is None:
        level = measure.compute(o, **options).chance
    expected = np.sqrt(np.mean(draws**2)) if name == "distance_correlation" else draws.mean()
    assert level == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["procrustes", "ridge_cca", "permutation", "rank_similarity"])
def test_without_a_formula_a_few_draws_do(name):
    measure = MEASURES[name]
    x, y = rng.standard_normal((20, 60)), rng.standard_normal((20, 50))
    orders = [rng.permutation(20) for _ in range(100)]
    expected = over_permutations(measure, x, y, orders).mean()
    warned = [text for text in measure(isorep.overlap(x, y)).warnings if text.code == "few-samples"]
    if expected < 0.45:
        assert not warned
        return
    level = float(warned[0].finding.split()[-1])
    assert level == pytest.approx(expected, abs=0.07)


def test_more_features_than_samples():
    x, y = rng.standard_normal((100, 5000)), rng.standard_normal((100, 30))
    with pytest.warns(
        isorep.FewSamplesWarning,
        match=r"100 samples of 5000 and 30 features are few: unrelated data would show a cka of "
        r"0\.\d\d; take more samples, use cka_debiased",
    ):
        score = isorep.cka(x, y)
    assert score.similarity == pytest.approx(float(score.warnings[0].finding.split()[-1]), abs=0.05)


@pytest.mark.parametrize("name", ["cka_debiased", "rsa", "euclidean", "cosine", "gulp"])
def test_measures_without_this_bias_say_nothing(name):
    x, y = rng.standard_normal((2, 100, 300))
    assert MEASURES[name](isorep.overlap(x, y)).warnings == ()


def test_a_penalty_that_was_chosen_warns_like_the_same_penalty():
    o = isorep.overlap(*rng.standard_normal((2, 30, 60)))
    measure = MEASURES["ridge_cca"]
    (text,) = measure(o, penalty="cv").warnings
    assert text.code == "few-samples"


def test_large_data_are_not_drawn(monkeypatch):
    from isorep.measures.warning_rules import unrelated_level

    monkeypatch.setattr(unrelated_level, "WORK", 10)
    assert MEASURES["procrustes"](isorep.overlap(*rng.standard_normal((2, 30, 60)))).warnings == ()
