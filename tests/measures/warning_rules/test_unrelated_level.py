"""Levels of unrelated data: exact ones against all permutations, drawn ones against many."""

import re
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


@pytest.mark.parametrize("name", ["cka_debiased", "cka_rbf_debiased", "rsa"])
@pytest.mark.parametrize(("n", "p", "bound"), [(5, 3, "0.7"), (5, 20, "0.7"), (8, 20, "0.4")])
def test_unbiased_measures_of_few_samples_scatter(name, n, p, bound):
    draws = np.random.default_rng(7).standard_normal((200, 2, n, p))
    scores = [MEASURES[name](isorep.overlap(x, y)) for x, y in draws]
    similarities = np.array([score.similarity for score in scores])
    assert np.quantile(similarities, 0.95) == pytest.approx(float(bound), abs=0.2)
    assert np.mean(np.abs(similarities) > 0.25) > 0.15  # what the warning is about
    assert set(scores[0].warnings) == {
        f"{n} samples are few: the {name} of unrelated data would lie between about -{bound} and "
        f"{bound}, by chance; take 11 samples or more, or report the p-value (isorep.infer) "
        "[few-samples]"
    }


@pytest.mark.parametrize("name", ["cka_debiased", "cka_rbf_debiased", "rsa"])
def test_from_eleven_samples_on_unbiased_measures_say_nothing(name):
    x, y = rng.standard_normal((2, 11, 20))
    assert len(MEASURES[name](isorep.overlap(x[:10], y[:10])).warnings) == 1
    assert MEASURES[name](isorep.overlap(x, y)).warnings == ()


def test_few_groups_and_a_small_part_of_the_samples_count_as_few():
    x, y = rng.standard_normal((2, 60, 20))
    with pytest.warns(isorep.FewSamplesWarning, match=r"^6 groups of samples are few: .* take 11 "):
        isorep.measures.cka_debiased(x, y, groups=np.arange(60) // 10)
    with pytest.warns(isorep.FewSamplesWarning, match=r"^8 samples are few: the rsa of unrelated"):
        isorep.measures.rsa(x, y, max_samples=8)
    (text,) = MEASURES["rsa"](isorep.overlap(x[:8], y[:8]), comparison="cosine").warnings
    # Cosines of distances are not about 0.
    assert re.search(r"unrelated data would show a rsa of (0\.9|1\.0)", text)


@pytest.mark.parametrize(("n", "warns"), [(4, True), (8, True), (15, True), (30, False)])
def test_gulp_warns_where_few_samples_make_unrelated_data_alike(n, warns):
    x, y = rng.standard_normal((2, n, 20))
    score = MEASURES["gulp"](isorep.overlap(x, y))
    assert bool(score.warnings) == warns
    many = MEASURES["gulp"](isorep.overlap(*rng.standard_normal((2, 2000, 20)))).similarity
    assert (score.similarity > many + 0.25) == warns
    if warns:
        level = re.search(r"a gulp of (0\.\d|1\.0), and 0\.[23] with many", score.warnings[0])[1]
        assert float(level) == pytest.approx(score.similarity, abs=0.1)


def test_a_penalty_that_was_chosen_warns_like_the_same_penalty():
    o = isorep.overlap(*rng.standard_normal((2, 30, 60)))
    measure = MEASURES["ridge_cca"]
    (text,) = measure(o, penalty="cv").warnings
    assert text.code == "few-samples"


def test_large_data_are_not_drawn(monkeypatch):
    from isorep.measures.warning_rules import unrelated_level

    monkeypatch.setattr(unrelated_level, "WORK", 10)
    assert MEASURES["procrustes"](isorep.overlap(*rng.standard_normal((2, 30, 60)))).warnings == ()


def test_one_group_is_named_in_the_singular():
    x, y = np.random.default_rng(0).standard_normal((2, 60, 4))
    with pytest.warns(isorep.FewSamplesWarning, match=r"^1 group of samples is few: .* take 11 "):
        isorep.MEASURES["rsa"].between(x, y, groups=np.zeros(60))
