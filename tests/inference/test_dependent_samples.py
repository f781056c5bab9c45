"""Samples that depend on each other: p-values, corrections, intervals and folds follow groups."""

import numpy as np
import pandas
import pytest
from helpers.oracle import two_sharing
from helpers.quick import slow_unless

import isorep
from isorep.inference import held_out, interval, null_distribution, permutation_test
from isorep.measures import MEASURES

OF_EACH_WAY = ("pwcca", "cka", "cka_debiased", "rsa", "linear_regression")


def repeats(n_groups, size, p, *, within=0.3, seed=0):
    """Return two unrelated sides of repeated stimuli, and the stimulus of each row."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), size)
    x, y = rng.standard_normal((2, n_groups, p))[:, groups]
    noise = within * rng.standard_normal((2, n_groups * size, p))
    return x + noise[0], y + noise[1], groups


@pytest.mark.parametrize("name", slow_unless(("pwcca", "cka_debiased"), OF_EACH_WAY))
def test_each_draw_is_the_measure_of_other_groups(name):
    x, y, groups = repeats(9, 4, 3)
    o = isorep.overlap(x, y, groups=groups)
    null = null_distribution(o, name, n_permutations=9, seed=5)
    rng = np.random.default_rng(5)
    for draw in null.draws:
        other = rng.permutation(9)
        rows = (4 * other[:, None] + np.arange(4)).ravel()
        again = isorep.overlap(x, y[rows], groups=groups)
        assert draw == pytest.approx(MEASURES[name](again).similarity, abs=1e-10)


@pytest.mark.parametrize("name", slow_unless(("cka",), OF_EACH_WAY))
def test_groups_of_many_sizes_get_a_new_basis(name):
    rng = np.random.default_rng(1)
    sizes = np.arange(3, 12)
    groups = np.repeat(np.arange(9), sizes)
    x, y = rng.standard_normal((2, len(groups), 3))
    members = np.split(np.arange(len(groups)), np.cumsum(sizes)[:-1])
    null = null_distribution(isorep.overlap(x, y, groups=groups), name, n_permutations=5, seed=2)
    rng = np.random.default_rng(2)
    for draw in null.draws:
        other = rng.permutation(9)
        rows = np.concatenate(
            [
                np.resize([*members[k], *members[k][::-1]], size)
                for k, size in zip(other, sizes, strict=True)
            ]
        )
        again = isorep.overlap(x, y[rows], groups=groups)
        assert draw == pytest.approx(MEASURES[name](again).similarity, abs=1e-9)


def test_repeats_of_unrelated_stimuli_are_chance():
    x, y, groups = repeats(30, 10, 5, within=0.1)
    found = isorep.infer(x, y, "cca", groups=groups, n_permutations=99)
    assert found.p_value > 0.05
    assert found.corrected < 0.1
    assert found.interval[0] == 0
    assert abs(found.calibrated) < 0.2
    assert found.n_significant == 0
    o = isorep.overlap(x, y, groups=groups)
    null = null_distribution(o, "cca", n_permutations=99)
    assert found.chance == pytest.approx(null.chance, abs=1e-12)


def test_a_relation_of_the_stimuli_is_found():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 6)
    shared = rng.standard_normal((40, 3))[groups]
    x, y = (shared + 0.5 * rng.standard_normal((240, 3)) for _ in range(2))
    found = isorep.infer(x, y, "cka", groups=groups, n_permutations=99)
    assert found.p_value == 0.01
    assert found.interval[0] > 0.3
    assert found.n_significant == 3


def test_ten_groups_have_a_bounded_interval():
    x, y, groups = repeats(10, 40, 2)
    for name in ("cca", "cka", "cka_debiased"):
        bounds = interval(isorep.overlap(x, y, groups=groups), name)
        assert -1 <= bounds.low <= 0.1 < bounds.high <= 1
    with pytest.raises(ValueError, match="needs at least 5 groups, one for each block, got 4"):
        interval(isorep.overlap(*two_sharing(1, 2, 80, seed=0), groups=np.arange(80) % 4), "cka")


def test_folds_never_split_a_group():
    sklearn = pytest.importorskip("sklearn.model_selection")
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y, groups = repeats(12, 10, 4)
    score = isorep.similarity(x, y, "linear_regression", folds=12, groups=groups)
    # With one group a fold, the folds are those of scikit-learn, in another order.
    predicted = sklearn.cross_val_predict(
        linear_model.LinearRegression(), x, y, groups=groups, cv=sklearn.GroupKFold(12)
    )
    expected = 1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean(0)) ** 2)
    assert score.similarity == pytest.approx(expected, rel=1e-9)
    assert score.similarity < 0
    with pytest.warns(UserWarning, match="neighbouring rows are alike"):
        split = isorep.similarity(x, y, "linear_regression", folds=12)
    assert split.similarity > score.similarity + 0.1


def test_folds_of_a_time_series_are_stretches():
    x, y = two_sharing(1, 3, 40, seed=0)
    folds = held_out(isorep.overlap(x, y, order=np.arange(40)[::-1]), 4).folds
    assert (np.diff(folds) != 0).sum() == 3


def test_the_penalty_is_chosen_on_held_out_groups():
    x, y, groups = repeats(12, 10, 8, within=0.05)
    by_groups = isorep.measures.ridge_cca(x, y, penalty="cv", groups=groups).similarity
    with pytest.warns(UserWarning, match="neighbouring rows are alike"):
        by_rows = isorep.measures.ridge_cca(x, y, penalty="cv").similarity
    assert by_groups < by_rows


def test_the_permutation_test_follows_groups():
    x, y, groups = repeats(20, 6, 4)
    apart = permutation_test(isorep.overlap(x, y), n_permutations=49)
    assert apart.n_significant >= 3
    assert (
        permutation_test(isorep.overlap(x, y, groups=groups), n_permutations=49).n_significant == 0
    )
    unequal = np.delete(np.arange(120), [0, 7, 13])
    o = isorep.overlap(x[unequal], y[unequal], groups=groups[unequal])
    assert permutation_test(o, n_permutations=49).n_significant == 0


def test_few_groups_cannot_be_significant():
    x, y, groups = repeats(4, 20, 2)
    null = null_distribution(isorep.overlap(x, y, groups=groups), "cka", n_permutations=99)
    (text,) = null.warnings
    assert "only 24 orders that keep groups together" in text
    assert "no p-value can be below 0.042" in text


def test_one_group_tells_nothing_of_chance():
    x, y, _ = repeats(10, 4, 2)
    found = isorep.infer(x, y, "cka", groups=np.zeros(40))
    assert found.similarity == isorep.cka(x, y).similarity
    assert np.isnan([found.corrected, found.chance, found.p_value, *found.interval]).all()
    assert found.n_significant == 0
    assert "all samples are one group" in found.warnings[-1]
    with pytest.raises(ValueError, match="all samples are one group"):
        isorep.cka(x, y, groups=np.zeros(40), correct=True)


def test_maps_have_no_groups():
    maps = np.random.default_rng(0).standard_normal((2, 10, 2, 4, 4))
    with pytest.raises(ValueError, match="compares maps: groups= and order= do not apply"):
        isorep.similarity(*maps, "dft_cca", groups=np.arange(10))


def test_groups_worth_fewer_samples_than_directions_are_not_corrected():
    x, y, groups = repeats(12, 20, 8, within=0.05)
    found = isorep.infer(x, y, groups=groups, n_permutations=19)
    assert np.isnan(found.corrected)
    (text,) = [text for text in found.warnings if "worth about" in text]
    assert "240 samples that depend on each other are worth about" in text


def test_an_order_is_circular_shifts():
    rng = np.random.default_rng(6)
    noise = rng.standard_normal((2, 700, 3))
    series = np.zeros((2, 700, 3))
    for t in range(1, 700):
        series[:, t] = 0.9 * series[:, t - 1] + noise[:, t]
    x, y = series[:, 200:]
    with_order = isorep.infer(x, y, "cka", order=np.arange(500), n_permutations=99)
    assert with_order.p_value > 0.05
    assert with_order.warnings == ()
    without = isorep.infer(x, y, "cka", n_permutations=99)
    assert without.p_value <= 0.05
    assert "neighbouring rows are alike (lag-1 autocorrelation 0.9" in without.warnings[0]
    assert with_order.chance > 3 * without.chance
    short = null_distribution(isorep.overlap(x[:90], y[:90], order=np.arange(90)), "cka")
    assert "the time series is worth only about" in short.warnings[0]


def test_a_series_of_groups_follows_its_labels():
    pandas = pytest.importorskip("pandas")
    x, y, groups = repeats(30, 10, 5, within=0.1)
    ids = [f"trial{i}" for i in range(300)]
    x, y = (pandas.DataFrame(side, index=ids) for side in (x, y))
    series = pandas.Series(groups, index=ids)
    shuffled = series.sample(frac=1, random_state=0)
    expected = isorep.infer(x, y, "cca", groups=series, n_permutations=19)
    assert isorep.infer(x, y, "cca", groups=shuffled, n_permutations=19) == expected
    reps = [isorep.Representations.from_mapping({"fc": side}, groups=shuffled) for side in (x, y)]
    np.testing.assert_array_equal(reps[0].groups, groups)
    with pytest.raises(ValueError, match="label groups as the samples, or pass an array"):
        isorep.infer(x, y, groups=series.rename({"trial3": "trial300"}))


def test_positions_of_unequal_groups_are_warned_of():
    x, y, groups = repeats(9, 6, 2)
    kept = np.arange(1, 54)
    order = np.tile(np.arange(6), 9)[kept]
    o = isorep.overlap(x[kept], y[kept], groups=groups[kept], order=order)
    (text,) = null_distribution(o, "cka", n_permutations=9).warnings
    assert text.code == "unequal-groups"


def test_a_coordinate_of_a_table_names_the_groups():
    x, y, groups = repeats(20, 4, 3)
    trials = pandas.MultiIndex.from_arrays([groups, np.arange(80)], names=["image", "trial"])
    named = pandas.DataFrame(x, index=trials)
    reordered = pandas.DataFrame(y, index=trials).sample(frac=1, random_state=0)
    expected = isorep.infer(x, y, "cka", groups=groups, order=np.arange(80), n_permutations=19)
    for sides in ((named, reordered), (named, reordered.rename_axis(["a", "b"]))):
        found = isorep.infer(*sides, "cka", groups="image", order="trial", n_permutations=19)
        assert found.p_value == expected.p_value
        # Other orders of addition move a profile by 1e-12.
        assert found.corrected == pytest.approx(expected.corrected, abs=1e-10)
    with pytest.raises(ValueError, match=r"no coordinate 'session' .* they have: 'image', 'trial'"):
        isorep.overlap(named, reordered, groups="session")
    with pytest.raises(ValueError, match=r"no coordinate 'image' .* they have: none"):
        isorep.overlap(x, y, groups="image")


def test_repeated_rows_are_noticed_in_any_order():
    x, y, groups = repeats(60, 3, 6, within=0.0)
    order = np.random.default_rng(1).permutation(len(x))
    x, y, groups = x[order], y[order], groups[order]
    result = isorep.infer(x, y, n_permutations=19)
    assert "only 60 of 180 rows differ" in result.warnings[-1]
    assert result.warnings[-1].code == "dependent-samples"
    assert not any("rows" in text for text in isorep.infer(x, y, groups=groups).warnings)


def test_rows_with_few_values_are_no_repeats():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 8, (2, 300))
    labels[1, :200] = labels[0, :200]
    x, y = (isorep.one_hot(side) for side in labels)
    for side in (x, y, rng.standard_normal((300, 4))):
        warnings = isorep.infer(x, side, "cka", n_permutations=19).warnings
        assert not any("rows differ" in text for text in warnings)
