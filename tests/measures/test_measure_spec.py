"""Specs of measures with options, their labels, and measures whose options are fixed."""

import math

import numpy as np
import pytest
from helpers.quick import OF_EACH_KIND, slow_unless
from hypothesis import example, given, settings
from hypothesis import strategies as st

import isorep
from isorep.measures import MEASURES
from isorep.measures.measure_spec import parse_spec, spec_text
from isorep.measures.registry import measure_named, measures_named, one_measure

# For every option, a value that is not its default, in data of 60 samples and 4 features.
OTHER = {
    "weights_from": "y",
    "weighting": "variance",
    "variance": 0.5,
    "penalty": 0.25,
    "folds": 4,
    "alpha": 0.75,
    "bandwidth": 0.5,
    "dissimilarity": "euclidean",
    "comparison": "pearson",
    "max_samples": 50,
    "k": 3,
    "metric": "euclidean",
    "search": "approximate",
    "channels": "last",
    "seed": 7,
    "signed": True,
    "score": "r2",
    "average": "mean",
    "n_components": 2,
    "features": "sampled",
    "noise": "identity",
}
OF_OVERLAPS = [name for name, row in MEASURES.items() if row.requires not in ("maps", "repeats")]
WITH_OPTIONS = [(name, option) for name in MEASURES for option in MEASURES[name].options]
DIRECTIONS = {
    "pwcca": "weights of x",
    "pwcca(weights_from=y)": "weights of y",
    "pwcca(weights_from=both)": "",
    "linear_regression": "y predicted from x",
    "linear_regression(folds=5)": "y predicted from x",
    "ridge_regression": "y predicted from x",
    "pls_regression": "y predicted from x",
    "soft_correlation": "neurons of x matched in y",
    "ridge_cca": "",
    "ridge_cca(penalty=cv)": "",
    "ridge_cca(penalty=(0.5, 0.5))": "",
    "ridge_cca(penalty=(0.5, 2.0))": "penalty 0.5 for x, 2 for y",
}

pytestmark = pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")


def pair(seed=0):
    x, y = np.random.default_rng(seed).standard_normal((2, 60, 4))
    return x, y + x * [3.0, 2.0, 1.0, 0.5]


def differing(name):
    """Return a measure with none of its options at the default."""
    return MEASURES[name].with_options(**{key: OTHER[key] for key in MEASURES[name].options})


def label_of(name):
    """Return the label of a measure with its defaults."""
    return f"{name}_y_from_x" if DIRECTIONS.get(name) == "y predicted from x" else name


@pytest.mark.parametrize("name", MEASURES)
def test_a_label_names_its_measure(name):
    assert MEASURES[name].label == label_of(name)
    assert measure_named(name) == MEASURES[name]
    configured = differing(name)
    assert measure_named(configured.label) == configured
    assert measure_named({name: configured.fixed_options}) == configured
    assert measure_named(configured.label).label == configured.label


@pytest.mark.parametrize(("name", "option"), WITH_OPTIONS)
def test_a_default_is_not_part_of_the_label(name, option):
    row = MEASURES[name]
    assert row.with_options(**{option: row.options[option]}) == row
    changed = row.with_options(**{option: OTHER[option]})
    assert changed.label == f"{label_of(name)}({option}={OTHER[option]})"
    assert changed.options == {**row.options, option: OTHER[option]}
    assert changed.with_options(**{option: row.options[option]}) == row


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["both", "None", "True", "lambda", "x y", "a(b=1)", "é"]),
    lambda values: st.lists(values, max_size=3).map(tuple),
    max_leaves=5,
)


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=50)
@example({"metric": "ﬁ"})  # as an identifier, Python would read "fi"
@given(st.dictionaries(st.sampled_from(sorted(OTHER)), plain_values, max_size=4))
def test_every_plain_value_survives_its_text(options):
    assert parse_spec(spec_text("rsa", options)) == ("rsa", options)


def test_words_quotes_and_lists_are_one_spelling():
    label = "ridge_cca(penalty=(0.5, 2))"
    for spec in (label, " ridge_cca( penalty = [0.5, 2] ) ", {"ridge_cca": {"penalty": [0.5, 2]}}):
        assert measure_named(spec).label == label
    for text in ("pwcca(weights_from='both')", 'pwcca(weights_from="both")'):
        assert measure_named(text).label == "pwcca(weights_from=both)"
    assert measure_named("pwcca()").label == "pwcca"
    found = MEASURES["rsa"].with_options(max_samples=np.int64(50), seed=np.array(3)).label
    assert found == "rsa(max_samples=50, seed=3)"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("pwca(weights_from=x)", r"unknown measure 'pwca'; did you mean 'pwcca'"),
        (
            "pwcca(wieghting=paper)",
            r"unknown option of pwcca 'wieghting'; did you mean 'weighting'",
        ),
        ("pwcca(weights_from=bth)", r"unknown weights_from 'bth'; did you mean 'both'"),
        (
            "pwcca(x)",
            r"'pwcca\(x\)' \(every option needs its name\): expected a name, or a name wi",
        ),
        ("pwcca(**x)", r"every option needs its name"),
        ("pwcca(", r"cannot read the measure 'pwcca\('"),
        ("pwcca(weights_from=)", r"cannot read the measure"),
        ("rsa(seed=1, seed=2)", r"an option occurs twice"),
        ("rsa(seed=f(1))", r"f\(1\) is neither a literal nor a word"),
        ("isorep.rsa(seed=1)", r"not a name with options in parentheses"),
        ("rsa(seed=1) + 1", r"not a name with options in parentheses"),
        ("rsa(seed={[]: 1})", r"cannot read the measure"),
        ("(" * 9999, r"cannot read the measure"),
        ("", r"unknown measure ''"),
        ({"pwcca": {}, "cca": {}}, r"expected one measure with its options, got 2"),
    ],
)
def test_a_malformed_spec_says_what_was_expected(spec, message):
    with pytest.raises(ValueError, match=message):
        measure_named(spec)


def test_what_is_no_spec():
    with pytest.raises(TypeError, match=r"a measure is a name, or a name with options .*, not int"):
        measure_named(3)
    with pytest.raises(TypeError, match=r"the options of pwcca must be a mapping .* got 'both'"):
        measure_named({"pwcca": "both"})
    with pytest.raises(TypeError, match="the name of one measure, got"):
        one_measure(["pwcca"])
    with pytest.raises(ValueError, match="dft_cca compares maps"):
        one_measure("dft_cca(channels=last)")


def test_measures_of_a_table_are_listed_once():
    specs = ["pwcca", {"pwcca": {"weights_from": "x"}}, "pwcca(weights_from=y)", "cka"]
    assert [m.label for m in measures_named(specs)] == ["pwcca", "pwcca(weights_from=y)", "cka"]
    assert [m.label for m in measures_named("rsa(seed=1)")] == ["rsa(seed=1)"]
    both = {"pwcca": {}, "linear_regression": {"folds": 10}}
    assert [m.label for m in measures_named(both)] == [
        "pwcca",
        "linear_regression_y_from_x(folds=10)",
    ]


def test_a_label_that_says_a_direction_is_of_measures_that_predict():
    measure = measure_named("linear_regression_y_from_x(folds=10)")
    assert measure == measure_named("linear_regression(folds=10)")
    labels = ["linear_regression", "linear_regression_y_from_x"]
    assert measures_named(labels) == [MEASURES["linear_regression"]]
    with pytest.raises(ValueError, match="unknown measure 'cka_y_from_x'"):
        measure_named("cka_y_from_x")


@pytest.mark.filterwarnings("ignore::isorep.CodedWarning")
@pytest.mark.parametrize("name", slow_unless(OF_EACH_KIND, OF_OVERLAPS))
def test_a_measure_with_fixed_options_is_the_measure_called_with_them(name):
    row, configured, options = MEASURES[name], differing(name), differing(name).options
    # Neurons that are a sample must have something in common.
    sides = [side + side[:, :1] if name == "cka_debiased" else side for side in pair()]
    o = isorep.overlap(*sides)
    expected = row(o, **options)
    score = configured(o)
    assert score.measure == configured.label
    assert (score.similarity, score.distance) == (expected.similarity, expected.distance)
    assert configured.compute(o).similarity == row.compute(o, **options).similarity
    assert configured.chance(o) == row.chance(o, **options)
    assert configured.holds_out() == row.holds_out(**options)
    assert configured.from_moments({}) == row.from_moments(options)
    assert isorep.similarity(*sides, configured.label) == score
    low, high = configured.similarity_range
    assert low <= score.similarity <= high
    if "seed" in options:
        assert configured.seeded({}, 1) == {}
        assert row.seeded({}, 1) == {"seed": 1}
    if configured.from_moments({}):
        corrected = configured.corrected(o, seed=7)  # OTHER's seed, which ridge_cca takes too
        assert corrected.measure == configured.label
        others = {key: value for key, value in options.items() if key != "seed"}
        assert corrected.similarity == row.corrected(o, seed=7, **others).similarity
    else:
        with pytest.raises(ValueError, match="the correction simulates second moments only"):
            configured.corrected(o)


def test_options_of_a_call_override_fixed_options():
    o = isorep.overlap(*pair())
    measure = measure_named("pwcca(weights_from=y)")
    assert measure(o, weights_from="x").similarity == MEASURES["pwcca"](o).similarity
    assert measure.with_options(weights_from="x") == MEASURES["pwcca"]
    with pytest.raises(ValueError, match="unknown option of pwcca 'folds'"):
        measure(o, folds=3)


def test_held_out_r2_has_no_least_value():
    assert MEASURES["linear_regression"].similarity_range == (0.0, 1.0)
    measure = measure_named("linear_regression(folds=5)")
    assert measure.similarity_range == (-math.inf, 1.0)
    assert measure.distance_range == (0.0, math.inf)
    x, y = np.random.default_rng(1).standard_normal((2, 60, 4))
    assert isorep.similarity(x, y, "linear_regression(folds=5)").similarity < 0
    assert measure.with_options(folds=None).similarity_range == (0.0, 1.0)


def test_inference_takes_a_spec():
    x, y = pair()
    spec, options = "pwcca(weights_from=both)", {"weights_from": "both"}
    inferred = isorep.infer(x, y, spec, n_permutations=9)
    expected = isorep.infer(x, y, "pwcca", n_permutations=9, **options)
    assert inferred.measure == spec
    for number in ("similarity", "corrected", "interval", "chance", "p_value"):
        assert getattr(inferred, number) == getattr(expected, number)


@pytest.mark.parametrize("spec", DIRECTIONS)
def test_the_direction_says_what_differs_between_the_sides(spec):
    measure = measure_named(spec)
    assert measure.direction == DIRECTIONS[spec]
    assert measure.symmetric == (measure.direction == "")
    x, y = pair(2)
    y = y @ np.array([[1.0, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]])
    x_first, y_first = (isorep.similarity(*z, spec).similarity for z in ((x, y), (y, x)))
    if measure.symmetric:
        assert x_first == pytest.approx(y_first, abs=1e-12)
    else:
        assert abs(x_first - y_first) > 1e-6


def test_every_other_measure_has_no_direction():
    directed = {name for name, row in MEASURES.items() if row.direction}
    assert directed == {name for name in DIRECTIONS if name in MEASURES} - {"ridge_cca"}
