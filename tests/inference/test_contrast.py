"""Contrasts against the same computation written out, and what their arguments may be."""

import numpy as np
import pandas
import pytest
from scipy.stats import t

import isorep
from isorep.core.folds import assign_folds
from isorep.inference.contrast import difference, uncertain_similarities
from isorep.inference.shared_parts import SharedParts
from isorep.measures.registry import measure_named
from isorep.representations.sample_structure import SampleStructure


def sides(n=200, seed=0, p=4):
    rng = np.random.default_rng(seed)
    b = rng.standard_normal((n, p))
    a, c = (weight * b + rng.standard_normal((n, p)) for weight in (1.0, 0.7))
    return a, b, c


def naive(first, second, similarity, block_of):
    """Return the difference and its jackknife standard error over the blocks."""
    blocks = [np.flatnonzero(block_of == block) for block in range(block_of.max() + 1)]
    n, g = len(block_of), len(blocks)

    def value(rows):
        return similarity(*(x[rows] for x in first)) - similarity(*(x[rows] for x in second))

    full = value(np.arange(n))
    h = np.array([n / len(block) for block in blocks])
    without = np.array([value(np.setdiff1d(np.arange(n), block)) for block in blocks])
    pseudo = h * full - (h - 1) * without
    centre = g * full - np.sum((1 - 1 / h) * without)
    return full, np.sqrt(np.mean((pseudo - centre) ** 2 / (h - 1))), g


SAMPLES = {
    "independent": {},
    "groups": {"groups": np.arange(200) // 8},
    "time": {"order": np.arange(200)},
}


@pytest.mark.parametrize(
    ("measure", "samples"),
    [
        ("cka", "independent"),
        ("pwcca", "groups"),
        ("cka", "time"),
        ("cka_debiased", "independent"),
        pytest.param("rsa", "groups", marks=pytest.mark.slow),
    ],
)
def test_raw_contrasts_are_a_paired_jackknife(measure, samples):
    a, b, c = sides()
    structure = SampleStructure.from_labels(**SAMPLES[samples]) if SAMPLES[samples] else None

    def similarity(x, y):
        return isorep.similarity(x, y, measure).similarity

    value, error, g = naive((a, b), (c, b), similarity, assign_folds(200, 20, structure, 0))
    result = isorep.contrast((a, b), (c, b), measure, corrected=False, **SAMPLES[samples])
    assert result.difference == pytest.approx(value, abs=1e-9)
    assert result.p_value == pytest.approx(2 * t.sf(abs(value) / error, g - 1), rel=1e-4)
    half = t.ppf(0.975, g - 1) * error
    assert result.interval == pytest.approx((value - half, value + half), abs=1e-7)
    assert not result.corrected


def test_corrected_similarities_are_those_of_infer():
    a, b, c = sides()
    result = isorep.contrast((a, b), (c, b), "pwcca")
    first, second = (isorep.infer(x, b, "pwcca", n_permutations=1) for x in (a, c))
    assert (result.first, result.second) == (first.corrected, second.corrected)
    assert result.difference == first.corrected - second.corrected
    assert result.corrected
    raw = isorep.contrast((a, b), (c, b), "pwcca", corrected=False)
    assert (raw.first, raw.second) == (first.similarity, second.similarity)
    low, high = result.interval
    assert high - low > raw.interval[1] - raw.interval[0]  # with the errors of the correction


@pytest.mark.parametrize("corrected", [True, False])
def test_the_p_value_is_1_minus_the_level_of_the_interval_that_ends_at_0(corrected):
    a, b, c = sides(n=120)
    p_value = isorep.contrast((a, b), (c, b), "cka", corrected=corrected).p_value
    assert 0 < p_value < 1
    result = isorep.contrast((a, b), (c, b), "cka", corrected=corrected, level=1 - p_value)
    assert min(np.abs(result.interval)) < 1e-6


@pytest.mark.parametrize("measure", ["cka", "linear_regression(folds=5)"])
def test_swapped_pairs_have_the_opposite_difference(measure):
    a, b, c = sides()
    there, back = (
        isorep.contrast(*pairs, measure) for pairs in [((a, b), (c, b)), ((c, b), (a, b))]
    )
    assert back.difference == pytest.approx(-there.difference, abs=1e-12)
    assert back.interval == pytest.approx([-x for x in there.interval[::-1]], abs=1e-9)
    assert back.p_value == pytest.approx(there.p_value, rel=1e-4)


def test_a_pair_does_not_differ_from_itself():
    a, b, _ = sides()
    result = isorep.contrast((a, b), (a, b))
    assert (result.difference, result.p_value) == (0, 1)


def test_biased_measures_warn():
    a, b, c = sides()
    for measure, corrected in (
        ("cka_rbf", True),
        ("cka", False),
        ("linear_regression(folds=5)", True),
    ):
        codes = [
            x.code for x in isorep.contrast((a, b), (c, b), measure, corrected=corrected).warnings
        ]
        assert "uncorrected-interval" in codes
    for measure in ("cka", "cka_debiased"):
        result = isorep.contrast((a, b), (c, b), measure)
        assert "uncorrected-interval" not in [text.code for text in result.warnings]


def test_a_difference_that_cannot_be_computed_is_nan_with_a_reason():
    a, b, c = sides(n=40, p=30)
    result = isorep.contrast((a, b), (c, b), "cca")
    assert np.isnan([result.difference, result.p_value, *result.interval]).all()
    assert any("cannot be corrected" in text for text in result.warnings)
    group = isorep.contrast((a, b), (c, b), "cka", groups=np.zeros(40))
    assert np.isnan(group.difference)
    assert any("all samples are one group" in text for text in group.warnings)


def test_tables_are_brought_into_one_order():
    a, b, c = sides()
    labels = [f"image{i}" for i in range(200)]
    expected = isorep.contrast((a, b), (c, b), "cka")
    frames = [pandas.DataFrame(x, index=labels) for x in (a, b, c)]
    mixed = frames[1].sample(frac=1, random_state=0), frames[2].sample(frac=1, random_state=1)
    result = isorep.contrast((frames[0], mixed[0]), (mixed[1], mixed[0]), "cka")
    assert result.difference == pytest.approx(expected.difference, abs=1e-9)
    assert result.p_value == pytest.approx(expected.p_value, rel=1e-3)


def test_bases_and_their_groups():
    a, b, c = sides()
    groups = np.arange(200) // 5
    expected = isorep.contrast((a, b), (c, b), "cka", groups=groups)
    coupled = isorep.overlap(a, b, groups=groups)
    result = isorep.contrast((coupled.x, coupled.y), (isorep.Basis.from_array(c), coupled.y), "cka")
    assert result.difference == pytest.approx(expected.difference, abs=1e-9)
    assert result.interval == pytest.approx(expected.interval, abs=1e-6)


def test_samples_with_nan_are_left_out_of_both_pairs():
    a, b, c = sides()
    groups = np.arange(200) // 4
    rows = np.delete(np.arange(200), [3, 7])
    expected = isorep.contrast(
        (a[rows], b[rows]), (c[rows], b[rows]), "cka_debiased", groups=groups[rows]
    )
    a[3, 0] = c[7, 1] = np.nan
    result = isorep.contrast((a, b), (c, b), "cka_debiased", groups=groups, nan_policy="omit")
    assert result.n_omitted == 2
    assert result.difference == pytest.approx(expected.difference, abs=1e-12)
    assert result.p_value == pytest.approx(expected.p_value)
    with pytest.raises(ValueError, match=r"first\[0\].*NaN"):
        isorep.contrast((a, b), (c, b))


@pytest.mark.parametrize(
    ("first", "error", "match"),
    [
        ({"fc": np.ones((9, 2))}, TypeError, r"isorep\.contrasts\(a, b\)"),
        (({"fc": np.ones((9, 2))}, np.ones((9, 2))), TypeError, "a mapping of layers in it"),
        (np.ones((9, 2)), TypeError, r"first must be a pair .*got ndarray of shape \(9, 2\)"),
        ((np.ones((9, 2)),), ValueError, "first must be a pair .*got 1 items"),
    ],
)
def test_what_is_no_pair(first, error, match):
    _, b, c = sides(9)
    with pytest.raises(error, match=match):
        isorep.contrast(first, (c, b))


def test_other_mistakes():
    a, b, c = sides()
    with pytest.raises(ValueError, match=r"first\[0\] has 200 samples .* second\[0\] 150"):
        isorep.contrast((a, b), (c[:150], b[:150]))
    with pytest.raises(ValueError, match="level"):
        isorep.contrast((a, b), (c, b), level=95)
    with pytest.raises(ValueError, match="unknown measure 'pwca'"):
        isorep.contrast((a, b), (c, b), "pwca")
    with pytest.raises(ValueError, match="groups='stimulus' names a coordinate of tables"):
        isorep.contrast((a, b), (c, b), groups="stimulus")


def test_displays():
    a, b, c = sides()
    result = isorep.contrast((a, b), (c, b), "rsa")
    assert repr(result).startswith("Contrast(rsa: difference=")
    assert "<caption>Contrast</caption>" in result._repr_html_()
    numbers = result.to_dict()
    assert numbers["interval"] == list(result.interval)
    assert numbers["warnings"] == list(result.warnings)


@pytest.mark.slow
def test_several_measures_of_one_pair_are_those_of_each_alone():
    a, b, c = sides()
    rows = [measure_named(name) for name in ("cca", "cka", "rsa")]
    shared = SharedParts(1, 0)
    together = [uncertain_similarities(isorep.overlap(x, b), rows, True, 0, shared) for x in (a, c)]
    for row in rows:
        result = difference(*(similarities[row.label] for similarities in together))
        alone = isorep.contrast((a, b), (c, b), row.label)
        assert result.difference == pytest.approx(alone.difference, abs=1e-10)
        assert result.p_value == pytest.approx(alone.p_value, rel=1e-3)
