"""One feature, sample or direction that decides a similarity is named."""

import numpy as np
import pytest
from helpers.oracle import rotation

import isorep
from isorep import MEASURES

N, P = 1200, 60
rng = np.random.default_rng(1)
LATENT = rng.standard_normal((N, 3))
X = LATENT @ rng.standard_normal((3, P)) + 5 * rng.standard_normal((N, P))
Y = LATENT @ rng.standard_normal((3, P)) + 5 * rng.standard_normal((N, P))
SPIKE = 3000 * rng.standard_normal(N)
VARIANCES = ("cka", "cka_debiased", "procrustes", "pwcca", "svcca", "rsa", "mutual_knn", "cka_rbf")
"""Measures in which directions count by their variance."""


def massive(z, feature):
    z = z.copy()
    z[:, feature] += SPIKE
    return z


def codes(name, x, y):
    return [text.code for text in MEASURES[name](isorep.overlap(x, y)).warnings]


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANCES)
def test_a_massive_activation_is_named(name):
    x, y = massive(X, 17), massive(Y, 5)
    assert codes(name, X, Y) == []
    (text,) = MEASURES[name](isorep.overlap(x, y)).warnings
    assert text.code == "dominant-feature"
    assert text.finding.startswith("feature 17 of x carries 100% of the variance")
    # The weights of PWCCA are those of x alone.
    assert ("feature 5 of y carries 100%" in text.finding) == (name != "pwcca")


def test_it_makes_unlike_layers_look_the_same():
    x, y = massive(X, 17), massive(Y, 5)
    with pytest.warns(isorep.CodedWarning, match=r"\[dominant-feature\]"):
        assert isorep.cka(x, y).similarity > 0.999
    without = isorep.cka(np.delete(x, 17, axis=1), np.delete(y, 5, axis=1))
    assert without.similarity < 0.4
    assert without.warnings == ()


@pytest.mark.parametrize("name", ["cca", "cca_squared", "eigenspace_overlap", "soft_matching"])
def test_measures_in_which_directions_count_alike_say_nothing(name):
    assert codes(name, massive(X, 17), massive(Y, 5)) == []


def test_predicted_features_count_by_variance_and_predictors_do_not():
    assert codes("linear_regression", massive(X, 17), Y) == []
    assert codes("linear_regression", X, massive(Y, 5)) == ["dominant-feature"]


def test_a_tenth_of_the_variance_decides_cka_if_the_rest_is_spread():
    x, y = np.random.default_rng(2).standard_normal((2, 4000, 300))
    shared = np.random.default_rng(3).standard_normal(4000) * np.sqrt(300 / 9)
    x[:, 7] = y[:, 9] = shared
    (text,) = MEASURES["cka"](isorep.overlap(x, y)).warnings
    assert text.code == "dominant-feature"
    assert "feature 7 of x carries 10% of the variance and 7" in text.finding
    assert codes("procrustes", x, y) == []


def test_an_outlier_is_named():
    x, y = X.copy(), Y.copy()
    x[33] *= 200
    y[33] *= 200
    for name in ("cka", "procrustes", "distance_correlation"):
        (text,) = MEASURES[name](isorep.overlap(x, y)).warnings
        assert text.code == "dominant-sample"
        assert text.finding.startswith("row 33 of x carries 9")
        assert "row 33 of y" in text.finding
    assert codes("mutual_knn", x, y) == codes("rsa", x, y) == []


def test_a_direction_of_many_features():
    turned = massive(X, 17) @ rotation(np.random.default_rng(4), P)
    (text,) = MEASURES["procrustes"](isorep.overlap(turned, Y)).warnings
    assert text.code == "dominant-direction"
    assert text.finding.startswith("one direction of x carries 100% of the variance")


def test_a_few_features_of_different_size_are_usual():
    x, y = X[:, :4] * [9, 1, 1, 1], Y[:, :3]
    for name in VARIANCES:
        assert codes(name, x, y) == [], name


def test_the_corrected_score_keeps_the_warning():
    found = MEASURES["cka"].corrected(isorep.overlap(massive(X, 17), Y))
    assert "dominant-feature" in [text.code for text in found.warnings]
