"""Alignment against SciPy, scikit-learn and maps that are known."""

import numpy as np
import pandas
import pytest
from scipy.linalg import orthogonal_procrustes
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import isorep
from isorep.alignment.align import Alignment


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((400, 4))
    x = np.hstack([shared, rng.standard_normal((400, 3))]) @ rng.standard_normal((7, 7)) + 5
    y = np.hstack([shared + 0.3 * rng.standard_normal((400, 4)), rng.standard_normal((400, 1))])
    return x, y @ rng.standard_normal((5, 5)) - 3


@pytest.mark.parametrize("method", ["cca", "procrustes", "ridge", "permutation"])
def test_new_samples_of_an_invertible_map(method):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 6)) * [1, 2, 3, 4, 5, 6] + 10
    matrix = {
        "cca": rng.standard_normal((6, 6)),
        "procrustes": 3 * np.linalg.qr(rng.standard_normal((6, 6)))[0],
        "ridge": rng.standard_normal((6, 6)),
        "permutation": np.eye(6)[:, rng.permutation(6)],
    }[method]
    y = x @ matrix - 7
    alignment = isorep.align(x[:200], y[:200], method)
    np.testing.assert_allclose(alignment.transform(x[200:]), y[200:], atol=1e-10)
    np.testing.assert_allclose(alignment.inverse_transform(y[200:]), x[200:], atol=1e-10)
    assert alignment.score(x[200:], y[200:]) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("scale", [True, False])
def test_procrustes_is_that_of_scipy(pair, scale):
    x, y = pair
    padded = np.hstack([y, np.zeros((400, 2))])
    centred = x - x.mean(0)
    rotation, total = orthogonal_procrustes(centred, padded - padded.mean(0))
    factor = total / np.sum(centred**2) if scale else 1.0
    expected = padded.mean(0) + factor * centred @ rotation
    alignment = isorep.align(x, y, "procrustes", scale=scale)
    np.testing.assert_allclose(alignment.transform(x), expected[:, :5], atol=1e-10)
    np.testing.assert_allclose(alignment.transform(alignment.inverse_transform(y)), y, atol=1e-10)


@pytest.mark.parametrize("n_components", [None, 2])
def test_cca_gives_each_variate_its_partner(pair, n_components):
    x, y = pair
    alignment = isorep.align(x, y, n_components=n_components)
    o = isorep.overlap(x, y)
    k = n_components or 5
    np.testing.assert_allclose(alignment.correlations_, o.correlations[:k])
    # In the space of y, the variates of the mapped samples are those of x.
    variates = (alignment.transform(x) - y.mean(0)) @ o.y_directions
    np.testing.assert_allclose(variates[:, :k], o.x_variates[:, :k], atol=1e-10)
    np.testing.assert_allclose(variates[:, k:], 0, atol=1e-10)


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_ridge_is_that_of_scikit_learn(pair, penalty):
    x, y = pair
    alignment = isorep.align(x, y, "ridge", penalty=penalty)
    for sources, targets, mapped in (
        (x, y, alignment.transform(x)),
        (y, x, alignment.inverse_transform(y)),
    ):
        alpha = penalty * np.mean(np.linalg.svd(sources - sources.mean(0), compute_uv=False) ** 2)
        expected = Ridge(alpha=alpha, solver="svd").fit(sources, targets).predict(sources)
        np.testing.assert_allclose(mapped, expected, rtol=1e-9, atol=1e-9)
    assert alignment.penalties_ == (penalty, penalty)


def test_cross_validation_chooses_a_penalty_for_noise_and_none_without():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 40))
    y = x @ rng.standard_normal((40, 3))
    assert isorep.align(x, y, "ridge").penalties_[0] == 0
    assert isorep.align(x, y + 20 * rng.standard_normal(y.shape), "ridge").penalties_[0] >= 0.1


def test_groups_are_held_out_together():
    # Each text is repeated: without groups, a fit with a small penalty predicts the repeats.
    rng = np.random.default_rng(3)
    texts = np.repeat(np.arange(30), 4)
    x, y = rng.standard_normal((30, 25))[texts], rng.standard_normal((30, 2))[texts]
    x = x + 1e-3 * rng.standard_normal(x.shape)
    assert isorep.align(x, y, "ridge").penalties_[0] < 1
    assert isorep.align(x, y, "ridge", groups=texts).penalties_[0] >= 10


def test_permutation_matches_neurons_of_other_scales():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 6))
    order = rng.permutation(6)
    alignment = isorep.align(x, 3 * x[:, order[:4]] + 1, "permutation")
    np.testing.assert_array_equal(alignment.pairs_, np.column_stack([order[:4], np.arange(4)]))
    restored = alignment.inverse_transform(3 * x[:, order[:4]] + 1)
    lost = order[4:]
    np.testing.assert_allclose(restored[:, lost], np.tile(x.mean(0)[lost], (200, 1)))


def test_a_dead_neuron_is_mapped_to_its_mean(pair):
    x, y = pair
    x = np.column_stack([x, np.full(400, 2.0)])
    for method in ("cca", "procrustes", "ridge", "permutation"):
        back = isorep.align(x, y, method).inverse_transform(y)
        np.testing.assert_allclose(back[:, 7], 2, rtol=1e-9)


def test_it_is_an_estimator_of_scikit_learn(pair):
    x, y = pair
    copy = clone(Alignment("procrustes", scale=False))
    assert copy.get_params() == Alignment("procrustes", scale=False).get_params()
    pipeline = make_pipeline(StandardScaler(), Alignment("cca"))
    search = GridSearchCV(pipeline, {"alignment__n_components": [1, 4]}, cv=4).fit(x, y)
    assert search.best_params_ == {"alignment__n_components": 4}
    mapped = search.best_estimator_.transform(x)
    expected = isorep.align(x, y, n_components=4).transform(x)
    np.testing.assert_allclose(mapped, expected, atol=1e-9)
    np.testing.assert_allclose(Alignment("cca", n_components=4).fit_transform(x, y), expected)


def test_labels_of_tables_decide_the_order():
    rng = np.random.default_rng(5)
    x = pandas.DataFrame(rng.standard_normal((50, 2)), index=[f"s{i}" for i in range(50)])
    y = (x @ [[1.0, 2.0], [0.0, 1.0]]).sample(frac=1, random_state=0)
    alignment = isorep.align(x, y, "ridge", penalty=0.0)
    assert alignment.score(x, y.loc[x.index]) == pytest.approx(1)


def test_few_samples_of_cca_warn_and_others_do_not():
    x, y = np.random.default_rng(6).standard_normal((2, 40, 8))
    with pytest.warns(isorep.FewSamplesWarning, match=r"40 samples are few for 8 directions"):
        alignment = isorep.align(x, y)
    assert len(alignment.warnings_) == 1
    assert alignment.score(*np.random.default_rng(7).standard_normal((2, 40, 8))) < 0
    assert isorep.align(x, y, "ridge").warnings_ == ()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"method": "ccas"}, ValueError, "unknown method 'ccas'; did you mean 'cca'"),
        ({"n_components": 6}, ValueError, "from 1 to 5, the number of canonical"),
        ({"n_components": 0}, ValueError, "from 1 to 5"),
        ({"n_components": 2.5}, TypeError, "n_components must be an integer"),
        ({"penalty": 1.0}, ValueError, "penalty=1.0 is for method='ridge', got method='cca'"),
        ({"method": "ridge", "scale": False}, ValueError, "scale=False is for method='procrustes'"),
        ({"method": "ridge", "penalty": -1}, ValueError, "at least 0, or 'cv', got -1"),
        ({"method": "ridge", "penalty": "best"}, ValueError, "or 'cv', got 'best'"),
        ({"method": "ridge", "penalty": True}, ValueError, "or 'cv', got True"),
        ({"method": "ridge", "seed": -1}, ValueError, "seed must be a non-negative integer"),
    ],
)
def test_bad_options(pair, options, error, text):
    with pytest.raises(error, match=text):
        isorep.align(*pair, **options)


def test_bad_samples(pair):
    x, y = pair
    with pytest.raises(ValueError, match="x has 400 samples"):
        isorep.align(x, y[:-1])
    alignment = isorep.align(x, y)
    with pytest.raises(ValueError, match=r"x must have 7 features, as the samples that .*, got 5"):
        alignment.transform(y)
    with pytest.raises(ValueError, match="not fitted"):
        Alignment().transform(x)


def test_scores_of_other_samples_are_refused(pair):
    x, y = pair
    alignment = isorep.align(x, y)
    for samples, targets, text in (
        (x[:9], y[:8], "x has 9 samples .* and y has 8"),
        (x[:1], y, "at least 2 samples"),
        (x, y[:, :1], "y must have 5 features"),
        (x, np.ones_like(y), "y has no variance in these samples"),
        (x, y * np.nan, "y holds 2000 NaN"),
    ):
        with pytest.raises(ValueError, match=text):
            alignment.score(samples, targets)
    layers = {"conv": x}
    with pytest.raises(TypeError, match="got dict of 'conv': pass one of its arrays"):
        alignment.score(layers, y)


def test_new_samples_with_nan_are_refused(pair):
    alignment = isorep.align(*pair)
    with pytest.raises(ValueError, match="x holds 7 NaN"):
        alignment.transform(np.full((1, 7), np.nan))
    with pytest.raises(ValueError, match="y holds 5 NaN"):
        alignment.inverse_transform(np.full((1, 5), np.nan))


def test_outputs_may_be_tables(pair):
    alignment = Alignment().set_output(transform="pandas").fit(*pair)
    assert list(alignment.transform(pair[0]).columns) == [f"alignment{i}" for i in range(5)]


def test_scores_do_not_overflow(pair):
    x = 1e200 * pair[0]
    assert isorep.align(x, x).score(x, x) == pytest.approx(1)


def test_unrelated_sides_have_no_scale():
    x = np.tile([[1.0, 0.0], [-1.0, 0.0]], (10, 1))
    y = np.repeat([[1.0], [-1.0]], 10, axis=0)
    with pytest.raises(ValueError, match="pass scale=False"):
        isorep.align(x, y, "procrustes")
