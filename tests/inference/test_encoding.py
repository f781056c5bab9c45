"""Encoding: scores of neurons and folds against nested loops over scikit-learn."""

import json

import numpy as np
import pytest
from helpers.oracle import (
    naive_encoding,
    naive_pls_regression,
    naive_ridge_regression,
)

import isorep
from isorep.inference import encoding
from isorep.measures import pls_regression, ridge_regression


def pair(seed=0, n=90, p=12, q=4):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) * np.geomspace(3, 0.1, p)
    y = x[:, :5] @ rng.standard_normal((5, q)) + rng.standard_normal((n, q)) * np.arange(1, q + 1)
    return x, y


def ridge(x, y, held_out, penalty):
    from sklearn.linear_model import Ridge

    squares = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    return Ridge(penalty * squares.mean(), solver="svd").fit(x, y).predict(held_out)


def pls(x, y, held_out, number):
    from sklearn.cross_decomposition import PLSRegression

    model = PLSRegression(number, scale=False, max_iter=100_000, tol=1e-26)
    return model.fit(x, y).predict(held_out)


CASES = {
    "ridge_regression": (ridge, "penalty", (100.0, 1.0, 0.01)),
    "pls_regression": (pls, "n_components", (1, 2, 4)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("score", ["pearson", "r2"])
@pytest.mark.parametrize("grouped", [False, True])
def test_equals_nested_loops(name, score, grouped):
    x, y = pair()
    predict, option, strengths = CASES[name]
    groups = np.arange(90) // 6 if grouped else None
    options = {option: strengths, "score": score, "folds": 3, "seed": 4}
    found = encoding(x, y, name, groups=groups, **options)
    expected = naive_encoding(x, y, predict, strengths, score, folds=3, seed=4, groups=groups)
    np.testing.assert_allclose(found["fold_score"], expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["score"], expected.mean(axis=0), rtol=0, atol=1e-9)
    assert set(found[option].values) <= set(strengths)
    assert found["n_held_out"].values.tolist() == [30, 30, 30]
    measure = isorep.similarity(x, y, name, groups=groups, **options)
    median = np.median(expected.mean(axis=0))
    assert measure.similarity == pytest.approx(median, abs=1e-9)
    assert found.attrs["similarity"] == measure.similarity
    mean = isorep.similarity(x, y, name, groups=groups, average="mean", **options)
    assert mean.similarity == pytest.approx(expected.mean(), abs=1e-9)


def test_a_fixed_strength_is_not_chosen():
    x, y = pair()
    found = encoding(x, y, "ridge_regression(penalty=0.5)")
    assert found["penalty"].values.tolist() == [0.5] * 5
    expected = naive_ridge_regression(x, y, [0.5])
    assert found.attrs["similarity"] == pytest.approx(expected, abs=1e-12)
    found = encoding(x, y, {"pls_regression": {"n_components": 3, "score": "r2"}})
    assert found["n_components"].values.tolist() == [3] * 5
    expected = naive_pls_regression(x, y, [3], "r2")
    assert found.attrs["similarity"] == pytest.approx(expected, abs=1e-9)


def test_says_what_it_is():
    x, y = pair()
    found = encoding(x, y, "ridge_regression(folds=3, score=r2)")
    assert found.attrs["measure"] == "ridge_regression_y_from_x(folds=3, score=r2)"
    assert found.attrs["direction"] == "y predicted from x"
    assert json.loads(found.attrs["options"])["folds"] == 3
    assert dict(found.sizes) == {"fold": 3, "neuron": 4}
    assert (found.attrs["n_samples"], found.attrs["warnings"]) == (90, [])
    with pytest.raises(ValueError, match=r"unknown measure of encoding 'cka'. Known: ridge_regre"):
        encoding(x, y, "cka")


@pytest.mark.parametrize("measure", [ridge_regression, pls_regression])
def test_samples_held_out_choose_nothing(measure):
    """Unrelated data: whatever was chosen on the samples held out would score above 0."""
    values = [
        measure(*np.random.default_rng(s).standard_normal((2, 60, 20)), average="mean").similarity
        for s in range(12)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(12)


@pytest.mark.parametrize("name", CASES)
def test_groups_are_held_out_together(name):
    """Repeats of unrelated stimuli predict each other, unless they share a fold."""
    rng = np.random.default_rng(3)
    stimulus = np.repeat(np.arange(20), 6)
    x, y = (side[stimulus] for side in rng.standard_normal((2, 20, 30)))
    x, y = (side + 0.05 * rng.standard_normal(side.shape) for side in (x, y))
    with pytest.warns(isorep.CodedWarning, match="neighbouring rows are alike"):
        leaking = isorep.similarity(x, y, name).similarity
    assert leaking > 0.9
    assert isorep.similarity(x, y, name, groups=stimulus).similarity < 0.5


def test_neurons_that_are_constant_have_no_score():
    x, y = pair()
    rare = np.zeros(90)
    rare[7] = 1.0
    found = encoding(x, np.c_[y, np.full(90, 0.1), rare])
    expected = encoding(x, y)
    np.testing.assert_allclose(found["fold_score"][:, :4], expected["fold_score"], atol=1e-9)
    assert np.isnan(found["score"][4])
    assert np.isnan(found["fold_score"][:, 5]).sum() == 4
    # In the fold that holds the only other value, the fit has seen a constant and predicts it.
    assert found["score"][5] == 0
    scores = [*expected["score"].values, 0.0]
    assert found.attrs["similarity"] == pytest.approx(np.median(scores), abs=1e-9)
    groups = np.repeat(np.arange(5), 18)
    with pytest.raises(ValueError, match="every neuron of y is constant in the samples held out"):
        encoding(x, np.c_[groups, groups**2], groups=groups)


def test_invariance_to_rotation_of_x_and_to_units_and_order_of_neurons():
    x, y = pair()
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 12)))[0]
    changed = y[:, ::-1] * [5.0, -0.1, 3.0, 2.0] + 7
    found = ridge_regression(1e-3 * x @ turn - 4, changed).similarity
    assert found == pytest.approx(ridge_regression(x, y).similarity, abs=1e-9)
    found = pls_regression(1e-3 * x @ turn - 4, 100 * y[:, ::-1] + 7).similarity
    assert found == pytest.approx(pls_regression(x, y).similarity, abs=1e-9)


def test_more_features_than_samples():
    x, y = pair(n=40, p=70)
    for measure, naive in (
        (ridge_regression, naive_ridge_regression),
        (pls_regression, naive_pls_regression),
    ):
        options = (
            {"penalty": (1.0, 0.1)} if measure is ridge_regression else {"n_components": (1, 3)}
        )
        expected = naive(x, y, *options.values())
        assert measure(x, y, **options).similarity == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "option"), [("ridge_regression", "penalty"), ("pls_regression", "n_components")]
)
def test_inference_and_its_note(name, option):
    x, y = pair(1)
    spec = {name: {option: 1}}
    result = isorep.infer(x, y, spec, n_permutations=49)
    assert result.p_value == 0.02
    assert abs(result.chance) < 0.2
    assert np.isnan(result.corrected)
    low, high = result.interval
    assert low < result.similarity < high
    (text,) = result.warnings
    assert text.code == "uncorrected-interval"
    assert text.startswith(f"{name}, with samples held out, has a finite-sample bias")
    o = isorep.overlap(x, y)
    null = isorep.inference.null_distribution(o, spec, n_permutations=3)
    orders = np.random.default_rng(0)
    expected = [isorep.similarity(x, y[orders.permutation(90)], spec).similarity for _ in range(3)]
    np.testing.assert_allclose(null.draws, expected, atol=1e-9)
    with pytest.raises(ValueError, match="the correction simulates second moments only"):
        isorep.similarity(x, y, spec, correct=True)


def test_refuses_folds_and_strengths_that_cannot_be():
    x, y = pair(n=20)
    with pytest.raises(ValueError, match=r"at least 3 samples, but one of 10 folds .* holds out 2"):
        ridge_regression(x, y, folds=10)
    with pytest.raises(ValueError, match="penalty must be a number of at least 0, several to"):
        ridge_regression(x, y, penalty=-1.0)
    with pytest.raises(ValueError, match=r"penalty must be .* got \(\)"):
        ridge_regression(x, y, penalty=())
    with pytest.raises(ValueError, match="n_components must be an integer of at least 1"):
        pls_regression(x, y, n_components=0)
    with pytest.raises(TypeError, match="n_components must be an integer"):
        pls_regression(x, y, n_components=2.5)
    groups = np.arange(20) % 2
    with pytest.raises(ValueError, match="one group, so that none can be held out to choose"):
        ridge_regression(x, y, folds=2, groups=groups)
    fixed = ridge_regression(x, y, folds=2, groups=groups, penalty=1.0)
    assert -1 <= fixed.similarity <= 1
