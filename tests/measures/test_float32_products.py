"""CKA by float32 products, against naive formulas in float64."""

import numpy as np
import pytest
from helpers.oracle import naive_cka, naive_cka_debiased
from helpers.single_layers import UGLY, layers

import isorep
from isorep.core import single_basis
from isorep.core.overlap import couple_arrays
from isorep.measures import cka_debiased
from isorep.measures.base import LARGEST_ERROR, SHARE_OF_DISTANCE

FUNCTIONS = [(isorep.cka, naive_cka), (cka_debiased, naive_cka_debiased)]
each_function = pytest.mark.parametrize(("function", "naive"), FUNCTIONS)


def centred(x):
    x = x.astype(float)
    x -= x.mean(axis=0)
    return x / np.abs(x).max()


def few_directions():
    x, y = layers(n=900)
    return x[:, :2], y[:, 1:3]


def narrow_and_wide():
    return layers(n=900, p=200, q=1)


@each_function
@pytest.mark.parametrize("sides", [layers, few_directions, narrow_and_wide])
def test_the_error_is_within_its_bound(function, naive, sides):
    x, y = sides()
    score = function(x, y, precision="single")
    expected = naive(centred(x), centred(y))
    assert score.precision == "single"
    assert 0 < abs(score.similarity - expected) <= score.error <= LARGEST_ERROR
    assert score.error <= SHARE_OF_DISTANCE * score.distance
    assert f"error<{score.error:.1g}" in repr(score)
    assert score.to_dict()["error"] == score.error
    double = function(x, y)
    assert (double.precision, double.error) == ("double", 0.0)
    assert double.similarity == pytest.approx(expected, abs=1e-12)
    assert (score.x_rank, score.y_rank, score.warnings) == (
        double.x_rank,
        double.y_rank,
        double.warnings,
    )


@each_function
@pytest.mark.parametrize(("change", "single"), UGLY)
@pytest.mark.filterwarnings("ignore::isorep.CodedWarning", "ignore:all values of")
def test_ugly_layers_keep_the_promise(function, naive, change, single):
    x, y = layers()
    x = change(x)
    y = y[: len(x)]
    score, double = (function(x, y, precision=name) for name in ("single", "double"))
    if not single:
        assert score == double
        return
    expected = naive(centred(x), centred(y))
    assert score.precision == "single"
    assert abs(score.similarity - expected) <= score.error <= LARGEST_ERROR
    assert score.warnings == double.warnings


@each_function
def test_layers_that_are_nearly_equal_are_compared_in_double(function, naive):
    x, _ = layers()
    noise = np.random.default_rng(1).standard_normal(x.shape).astype("float32")
    for scale in (0, 1e-4, 1e-3):
        y = x + np.float32(scale) * noise
        score = function(x, y, precision="single")
        assert score.precision == "double"
        assert score.similarity == function(x, y, precision="double").similarity
    assert function(x, x + noise, precision="single").precision == "single"


@each_function
def test_unrelated_layers_have_an_absolute_bound(function, naive):
    x, y = np.random.default_rng(3).standard_normal((2, 2000, 20)).astype("float32")
    score = function(x, y, precision="single")
    assert score.precision == "single"
    assert abs(score.similarity) < 0.02
    assert abs(score.similarity - naive(centred(x), centred(y))) <= score.error < 1e-7


def test_samples_that_are_equally_far_apart_are_refused_as_ever():
    x = np.zeros((12, 11), "float32")
    x[:11] = np.eye(11) * 2
    x[11] = (1 - np.sqrt(12)) / 11 * 2
    for precision in ("single", "double"):
        with pytest.raises(ValueError, match="all 12 samples are equally far apart"):
            cka_debiased(x, x + np.float32(1), precision=precision)


@pytest.fixture
def small_pays(monkeypatch):
    """Let "auto" take float32 products of small layers."""
    monkeypatch.setattr(single_basis, "PAYS", 1e6)


@pytest.mark.usefixtures("small_pays")
@each_function
def test_float64_arrays_take_float32_products_only_if_told(function, naive):
    x, y = (side.astype(float) for side in layers())
    assert function(x, y).precision == "double"
    assert function(x, y) == function(x, y, precision="double")
    score = function(x, y, precision="single")
    assert score.precision == "single"
    assert 0 < abs(score.similarity - function(x, y).similarity) <= score.error


@pytest.mark.usefixtures("small_pays")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_large_layers_take_float32_products_by_default(dtype):
    x, y = (side.astype(dtype) for side in layers(n=2600, p=40, q=30))
    score = isorep.cka(x, y)
    assert score.precision == "single"
    assert score == isorep.cka(x, y) == isorep.similarity(x, y, "cka")
    exact = isorep.cka(x, y, precision="double")
    assert abs(score.similarity - exact.similarity) <= score.error
    assert isorep.cka(x, y.astype(float) / 3).precision == "double"
    assert isorep.cka(x, y, correct=True).precision == "double"
    assert isorep.pwcca(x, y).precision == "double"


@pytest.mark.parametrize("features", ["all", "sampled"])
def test_debiased_cka_of_groups_and_of_sampled_neurons_is_in_double(features):
    x, y = layers()
    options = {"groups": np.arange(len(x)) // 2} if features == "all" else {"features": features}
    expected = cka_debiased(x, y, **options)
    o = couple_arrays(x, y, precision="single", groups=options.get("groups"))
    found = cka_debiased.measure(o, features=features)
    assert found.precision == "double"
    assert found.similarity == expected.similarity


def test_precision_is_refused_where_it_has_no_meaning():
    x, y = layers()
    with pytest.raises(ValueError, match="for measures of norms, cka and cka_debiased, and pwcca"):
        isorep.similarity(x, y, "pwcca", precision="single")
    with pytest.raises(ValueError, match="for similarities alone: pass precision='double'"):
        isorep.cka(x, y, precision="single", correct=True)
    with pytest.raises(ValueError, match=r"unknown precision 'half'\. Known: auto, double, single"):
        isorep.cka(x, y, precision="half")
    with pytest.raises(TypeError, match="unexpected keyword argument 'precision'"):
        isorep.pwcca(x, y, precision="single")


def test_nan_rows_are_left_out():
    x, y = layers()
    x[5, 2] = np.nan
    score = isorep.cka(x, y, precision="single", nan_policy="omit")
    keep = np.arange(len(x)) != 5
    assert (score.precision, score.n_omitted) == ("single", 1)
    assert score.similarity == isorep.cka(x[keep], y[keep], precision="single").similarity


@pytest.mark.usefixtures("small_pays")
def test_tables_state_their_precision():
    x, y = layers(n=2600, p=64, q=30)
    a, b = {"wide": x, "narrow": y}, {"part": x[:, ::3] + y[:, :1], "copy": x.copy()}
    options = {"measures": ["cka", "cka_debiased"], "progress": False}
    table = isorep.compare(a, b, **options)
    double = isorep.compare(a, b, **options, precision="double")
    assert table.attrs["precision"] == "single"
    assert 0 < table.attrs["precision_error"] <= LARGEST_ERROR
    assert double.attrs["precision"] == "double"
    assert "precision_error" not in double.attrs
    for name in ("cka", "cka_debiased"):
        errors = np.abs(table[name] - double[name])
        assert 0 < errors.max() <= table.attrs["precision_error"]
        assert errors.sel(x_layer="wide", y_layer="copy") == 0
    np.testing.assert_array_equal(table["x_rank"], double["x_rank"])
    for others in ({"measures": ["cka", "pwcca"]}, {"measures": "cka", "correct": True}):
        assert isorep.compare(a, b, progress=False, **others).attrs["precision"] == "double"


@pytest.mark.usefixtures("small_pays")
def test_a_network_is_equal_to_itself():
    x, y = layers(n=2600, p=64, q=30)
    table = isorep.compare(*2 * [{"wide": x, "narrow": y}], measures="cka", progress=False)
    assert table.attrs["precision"] == "single"
    np.testing.assert_array_equal(np.diagonal(table["cka"]), 1)
    np.testing.assert_array_equal(table["cka"], table["cka"].T)


def test_single_is_refused_for_other_measures_of_a_table():
    x, y = ({"l": side} for side in layers())
    with pytest.raises(ValueError, match="for measures of norms, cka and cka_debiased, and pwcca"):
        isorep.compare(x, y, measures=["cka", "pwcca"], precision="single")
    with pytest.raises(ValueError, match="leave out correct=, interval= and chance="):
        isorep.compare(x, y, measures="cka", chance=True, precision="single")
