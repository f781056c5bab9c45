"""infer: the parts in one result, for a pair and for every cell of a table."""

import dataclasses
import json
import math
import warnings

import numpy as np
import pytest
from helpers.oracle import two_sharing
from helpers.quick import slow_unless, with_few_folds
from scipy.stats import false_discovery_control

import isorep
from isorep.inference import calibrated, chance, interval, null_distribution, random_matrix_edge
from isorep.measures import MEASURES
from isorep.random_matrix.population import Population


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("pwcca", {"weighting": "variance"}), ("cka", {})])
def test_every_part_is_what_its_function_gives(name, options):
    x, y = two_sharing(3, 8, 200, seed=0)
    o = isorep.overlap(x, y)
    found = isorep.infer(x, y, name, seed=4, level=0.9, n_permutations=49, **options)
    assert found.similarity == isorep.similarity(x, y, name, **options).similarity
    fixed = isorep.similarity(x, y, name, correct=True, seed=4, **options)
    assert found.corrected == fixed.similarity
    bounds = interval(o, name, seed=4, level=0.9, **options)
    # A table's cells share decompositions of stacks: the last bits depend on the processor.
    assert found.interval == pytest.approx((bounds.low, bounds.high), rel=1e-12)
    null = null_distribution(o, name, n_permutations=49, seed=4, **options)
    assert found.p_value == null.p_value == 0.02
    assert found.chance == chance(o, name, n_permutations=49, seed=4, **options)
    assert found.calibrated == calibrated(found.similarity, found.chance)
    edge = random_matrix_edge(o)
    label = MEASURES[name].with_options(**options).label
    assert (found.n_significant, found.measure) == (edge.n_significant, label)
    assert (found.n_samples, found.x_rank, found.y_rank) == (200, 8, 8)
    assert found == isorep.infer(x, y, name, seed=4, level=0.9, n_permutations=49, **options)


@pytest.mark.slow
def test_five_shared_dimensions_of_fifty_are_five():
    x, y = two_sharing(5, 50, 2000, seed=1)
    assert isorep.infer(x, y, "cca", n_permutations=19).n_significant == 5


@pytest.mark.parametrize(
    "name",
    slow_unless(
        ["cca", "cka", "cka_debiased"],
        ["cca", "pwcca", "svcca", "cka", "procrustes", "cka_debiased"],
    ),
)
def test_independent_data_are_reported_as_chance(name):
    x, y = np.random.default_rng(2).standard_normal((2, 200, 100))
    found = isorep.infer(x, y, name, n_permutations=99)
    assert found.p_value > 0.05
    assert abs(found.calibrated) < 0.03
    assert found.n_significant == 0
    if MEASURES[name].requires == "moments":  # one correlation is forced to 1
        assert math.isnan(found.corrected)
        assert math.isnan(found.interval[0])
        assert any("200 samples of 100 and 100 directions cannot be" in w for w in found.warnings)
        assert any("take 400 samples or more" in w for w in found.warnings)


def layers():
    rng = np.random.default_rng(3)
    shared = rng.standard_normal((200, 3))
    a = {
        "conv": np.hstack([shared, rng.standard_normal((200, 4))]),
        "noise": rng.standard_normal((200, 5)),
        "dead": np.zeros((200, 2)),
    }
    return a, {"fc": np.hstack([shared, rng.standard_normal((200, 2))])}


@pytest.mark.slow
def test_a_table_holds_what_infer_says_of_each_cell():
    a, b = layers()
    inferred = {"correct": True, "interval": True, "chance": True}
    table = isorep.compare(a, b, measures="cca", **inferred, n_permutations=49, seed=1)
    cell = table.sel(x_layer="conv", y_layer="fc")
    told = isorep.infer(a["conv"], b["fc"], "cca", n_permutations=49, seed=1)
    for name in ("corrected", "chance", "calibrated", "p_value"):
        assert cell[f"cca_{name}"].item() == getattr(told, name)
    assert (cell["cca_low"].item(), cell["cca_high"].item()) == told.interval
    assert cell["n_significant"].item() == told.n_significant == 3
    assert np.isnan(table["cca_corrected"].sel(x_layer="dead").item())
    assert table["reason"].sel(x_layer="dead", y_layer="fc").item()
    p, adjusted = (table[f"cca_{key}"].to_numpy()[:2, 0] for key in ("p_value", "p_adjusted"))
    assert p[0] < 0.05 < p[1]
    np.testing.assert_allclose(adjusted, [2 * p[0], p[1]])  # Benjamini and Hochberg
    with pytest.raises(TypeError, match="for two mappings"):
        isorep.infer(a, b, "cca")


def test_a_table_tells_what_was_asked_for_alone():
    a, b = layers()
    plain = isorep.compare(a, b)
    assert "n_significant" not in plain
    table = isorep.compare(a, b, measures=["cca", "rsa"], correct=True)
    assert {"cca_corrected", "n_significant"} <= set(table)
    assert not {"cca_low", "cca_chance"} & set(table)
    assert np.isnan(table["rsa_corrected"]).all()
    table = isorep.compare(a, a, chance=True, n_permutations=19)
    assert {"pwcca_chance", "pwcca_p_adjusted"} <= set(table)
    assert "pwcca_corrected" not in table


def test_too_few_samples_cost_their_own_cell_the_correction_alone():
    rng = np.random.default_rng(4)
    a = {"wide": rng.standard_normal((30, 25)), "narrow": rng.standard_normal((30, 3))}
    table = isorep.compare(a, {"fc": rng.standard_normal((30, 8))}, interval=True)
    assert np.isnan(table["pwcca_low"].sel(x_layer="wide").item())
    assert "cannot be corrected" in table["warnings"].sel(x_layer="wide").item()
    assert table["pwcca"].notnull().all()
    assert table["pwcca_low"].sel(x_layer="narrow").notnull().all()


def test_what_cannot_be_inferred():
    x, y = two_sharing(1, 3, 60, seed=5)
    with pytest.raises(
        ValueError, match=r"level, the confidence level, must be in \(0, 1\), got 2"
    ):
        isorep.infer(x, y, level=2)
    with pytest.raises(ValueError, match="unknown measure 'pwca'"):
        isorep.infer(x, y, "pwca")
    with pytest.raises(ValueError, match="unknown option of cka"):
        isorep.infer(x, y, "cka", folds=3)


@pytest.mark.parametrize(
    "name",
    slow_unless(
        ["cka", "euclidean", "cka_debiased", "rsa"],
        [name for name, row in MEASURES.items() if row.requires not in ("maps", "repeats")],
    ),
)
def test_infers_of_every_measure(name):
    x, y = two_sharing(2, 5, 80, seed=6)
    found = isorep.infer(x, y, with_few_folds(MEASURES[name]).label, n_permutations=19)
    assert 0.05 <= found.p_value <= 1
    low, high = MEASURES[name].similarity_range
    assert low <= found.interval[0] <= found.interval[1] <= high
    if name in ("cka_debiased", "cka_rbf_debiased"):  # few samples raise these by nothing
        assert found.corrected == found.similarity
    else:
        assert math.isnan(found.corrected) == (MEASURES[name].requires != "moments")


@pytest.mark.slow
def test_what_the_measure_ignores_changes_nothing():
    """Rounding and the order of columns decide no estimate and no bound."""
    rng = np.random.default_rng(17)
    x, y = rng.standard_normal((2, 60, 4))
    y[:, :2] += x[:, :2]

    def intervals(x):
        o = isorep.overlap(x, y)
        population = Population.estimate(o, 0)
        names = ("pwcca", "cca", "cka", "procrustes", "svcca")
        return {name: interval(o, name, population=population) for name in names}

    expected = intervals(x)
    for same in (3 * x[:, [1, 0, 3, 2]], x * 1.0000001, x * 1e180, x * 1e-180):
        for name, found in intervals(same).items():
            one = expected[name]
            assert found.estimate == pytest.approx(one.estimate, abs=1e-5)
            assert (found.low, found.high) == pytest.approx((one.low, one.high), abs=1e-5)


@pytest.mark.slow
def test_a_network_against_itself():
    rng = np.random.default_rng(7)
    a = {f"fc{i}": rng.standard_normal((100, 4)) for i in range(3)}
    table = isorep.compare(a, a, measures=["cca", "pwcca"], correct=True, chance=True)
    for variable in ("cca_p_value", "cca_corrected", "cca_chance", "cca_p_adjusted"):
        found = table[variable].to_numpy()
        np.testing.assert_array_equal(found, found.T)
    # The diagonal, which is no finding, lends the others nothing.
    off = ~np.eye(3, dtype=bool)
    p, adjusted = (table[f"cca_{key}"].to_numpy()[off] for key in ("p_value", "p_adjusted"))
    np.testing.assert_allclose(adjusted, false_discovery_control(p))


def test_too_few_for_bounds_are_still_corrected():
    x, y = two_sharing(2, 3, 15, seed=8)
    found = isorep.infer(x, y, "cca", n_permutations=19)
    assert math.isnan(found.interval[0])
    assert not math.isnan(found.corrected)
    assert any(
        "the jackknife needs at least 20 samples, one for each block, got 15" in w
        for w in found.warnings
    )
    assert any("15 samples are few even to correct 3 and 3" in w for w in found.warnings)


def test_groups_widen_the_bounds():
    rng = np.random.default_rng(10)
    labels = np.repeat(np.arange(40), 10)
    shared = rng.standard_normal((40, 6))[labels]
    x, y = (shared + 0.5 * rng.standard_normal((400, 6)) for _ in range(2))
    alone, grouped = (
        isorep.infer(x, y, "cka", n_permutations=19, groups=groups) for groups in (None, labels)
    )
    assert np.diff(grouped.interval) > 1.5 * np.diff(alone.interval)
    assert grouped.chance > 3 * alone.chance
    assert grouped.corrected < alone.corrected


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_permutations": 9.5}, TypeError, "n_permutations must be an integer, got 9.5"),
        ({"n_permutations": "9"}, TypeError, "n_permutations must be an integer, got '9'"),
        ({"n_permutations": True}, TypeError, "n_permutations must be an integer, got True"),
        ({"n_permutations": 0}, ValueError, "n_permutations must be 1 or more, got 0"),
        ({"seed": -1}, ValueError, "seed must be a non-negative integer, got -1"),
        ({"seed": None}, TypeError, "seed must be an integer, got None"),
        ({"level": "95"}, TypeError, "the confidence level, must be a number in .0, 1., got '95'"),
    ],
)
def test_numbers_of_another_kind(given, error, message):
    x, y = two_sharing(1, 3, 60, seed=5)
    with pytest.raises(error, match=message):
        isorep.infer(x, y, **given)


def test_all_forced_is_calibrated_to_nothing():
    x, y = np.random.default_rng(9).standard_normal((2, 12, 20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", isorep.FewSamplesWarning)
        found = isorep.infer(x, y, "cca", n_permutations=19)
    assert (found.similarity, found.p_value) == (pytest.approx(1), 1)
    assert math.isnan(found.calibrated)


def test_what_does_not_go_together():
    x, y = two_sharing(1, 3, 60, seed=5)
    with pytest.raises(
        TypeError,
        match=r"infer compares two arrays, got a mapping of layers as x: use isorep\.compare",
    ):
        isorep.infer({"fc": x}, y)
    with pytest.raises(
        ValueError, match=r"groups must hold one label for each of 60 rows, got shape \(59,\)"
    ):
        isorep.infer(x, y, groups=np.arange(59))
    with pytest.raises(ValueError, match="n_permutations must be 1 or more, got 0"):
        isorep.compare({"fc": x}, {"fc": y}, chance=True, n_permutations=0)


@pytest.mark.parametrize(
    ("measure", "options"), [("linear_regression", {"folds": 5}), ("ridge_cca", {"penalty": "cv"})]
)
def test_what_holds_samples_out_has_bounds_and_no_correction(measure, options):
    x, y = two_sharing(3, 6, 300, seed=1)
    found = isorep.infer(x, y, measure, n_permutations=19, **options)
    low, high = found.interval
    assert low < found.similarity < high
    assert np.isnan(found.corrected)
    warning, *others = found.warnings
    assert warning.startswith(f"{measure}, with samples held out, has a finite-sample bias")
    # R^2 of unrelated data is negative: calibrated by it, any R^2 would look better than it is.
    negative = measure == "linear_regression"
    assert [text.code for text in others] == ["negative-chance"] * negative
    assert (found.chance < 0) == np.isnan(found.calibrated) == negative
    with pytest.raises(ValueError, match=f"{measure} needs the samples themselves to hold some ou"):
        isorep.similarity(x, y, measure, correct=True, **options)


def test_an_inference_is_shown_in_one_line_as_a_table_and_as_plain_values():
    result = isorep.inference.Inference(
        similarity=0.123456,
        corrected=float("nan"),
        interval=(0.1, 0.23456),
        chance=0.05,
        calibrated=0.077321,
        p_value=0.005,
        n_significant=2,
        measure="cka",
        n_samples=211,
        x_rank=7,
        y_rank=5,
        warnings=("few <samples>",),
    )
    assert repr(result) == (
        "Inference(cka: similarity=0.1235, corrected=nan, chance=0.05, calibrated=0.07732, "
        "p_value=0.005, interval=(0.1, 0.2346), n_significant=2, n_samples=211, warnings=1)"
    )
    html = result._repr_html_()
    assert "<th>interval</th><td>0.1 to 0.2346</td>" in html
    assert "<th>warning</th><td>few &lt;samples&gt;</td>" in html
    values = result.to_dict()
    assert values["interval"] == [0.1, 0.23456]
    assert values["warnings"] == ["few <samples>"]
    assert set(values) == {field.name for field in dataclasses.fields(result)}


def test_the_dictionary_of_a_computed_inference_is_json():
    x, y = two_sharing(2, 5, 101, seed=0)
    values = isorep.infer(x, y, "cka", n_permutations=9).to_dict()
    assert json.loads(json.dumps(values)) == values


def test_options_may_stand_beside_the_measure_or_in_its_name():
    x, y = two_sharing(2, 5, 101, seed=0)
    named = isorep.infer(x, y, "pwcca(weights_from=both)", n_permutations=9)
    assert named == isorep.infer(x, y, "pwcca", n_permutations=9, weights_from="both")
    assert named.measure == "pwcca(weights_from=both)"
