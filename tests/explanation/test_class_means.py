"""Means by class: intervals and tests, against SciPy and a naive jackknife."""

import numpy as np
import pytest
import scipy.stats

from isorep.explanation.class_means import class_means


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(["cat", "dog", "owl"], [40, 30, 20]))
    misfit = rng.standard_normal(90) + 2 * (labels == "dog")
    return labels, rng.standard_normal(90), misfit


def test_independent_samples_equal_scipy(samples):
    labels, contributions, misfit = samples
    table = class_means(
        "class", labels, {"contribution": (contributions, np.ones(90))}, misfit, np.arange(90), 0.1
    )
    p_values = []
    for name in ("cat", "dog", "owl"):
        row = table.sel({"class": name})
        values = contributions[labels == name]
        low, high = scipy.stats.t.interval(
            0.9, len(values) - 1, values.mean(), scipy.stats.sem(values)
        )
        np.testing.assert_allclose(
            [row["contribution"], row["contribution_low"], row["contribution_high"]],
            [values.mean(), low, high],
            rtol=1e-9,
        )
        inside = labels == name
        p_values.append(
            scipy.stats.ttest_ind(
                misfit[inside], misfit[~inside], equal_var=False, alternative="greater"
            ).pvalue
        )
    np.testing.assert_allclose(
        table["p_value"], scipy.stats.false_discovery_control(p_values), rtol=1e-9
    )
    assert table["stands_out"].to_numpy().tolist() == [False, True, False]
    assert table["n_samples"].to_numpy().tolist() == [40, 30, 20]


def test_samples_of_a_group_are_left_out_together(samples):
    labels, contributions, misfit = samples
    units = np.arange(90) // 3
    table = class_means(
        "class", labels, {"contribution": (contributions, np.ones(90))}, misfit, units, 0.05
    )
    inside = labels == "cat"
    values, groups = contributions[inside], units[inside]
    without = np.array([values[groups != g].mean() for g in np.unique(groups)])
    g = len(without)
    error = np.sqrt((g - 1) / g * np.sum((without - without.mean()) ** 2))
    half = scipy.stats.t.isf(0.025, g - 1) * error
    np.testing.assert_allclose(
        table["contribution_high"].sel({"class": "cat"}), values.mean() + half, rtol=1e-9
    )


def test_a_class_of_two_samples_is_not_tested(samples):
    labels, contributions, misfit = samples
    labels = np.where(np.arange(90) < 2, "rare", labels)
    row = class_means(
        "class", labels, {"contribution": (contributions, np.ones(90))}, misfit, np.arange(90), 0.05
    ).sel({"class": "rare"})
    assert np.isnan([row["contribution_low"].item(), row["p_value"].item()]).all()
    assert not row["stands_out"]


def test_one_class_alone_is_not_tested(samples):
    _, contributions, misfit = samples
    table = class_means(
        "class",
        np.zeros(90),
        {"contribution": (contributions, np.ones(90))},
        misfit,
        np.arange(90),
        0.05,
    )
    assert np.isnan(table["p_value"].to_numpy()).all()


@pytest.mark.parametrize(("difference", "p_value"), [(0.0, 1.0), (1e-12, 1.0), (3.0, 0.0)])
def test_classes_without_spread_are_compared_exactly(difference, p_value):
    labels = np.repeat(["cat", "dog"], 10)
    misfit = np.where(labels == "dog", difference, 0.0)
    table = class_means("class", labels, {}, misfit, np.arange(20), 0.05)
    assert table["p_value"].sel({"class": "dog"}).item() == p_value
    assert table["p_value"].sel({"class": "cat"}).item() == 1.0


@pytest.mark.parametrize("exact", ["cat", "dog"])
def test_a_class_without_spread_is_an_exact_mean(exact):
    labels = np.repeat(["cat", "dog"], 10)
    values = np.random.default_rng(1).standard_normal(20)
    misfit = np.where(labels == exact, 0.4, values)
    table = class_means("class", labels, {}, misfit, np.arange(20), 0.05)
    other = misfit[labels != exact]
    expected = [
        scipy.stats.ttest_1samp(other, 0.4, alternative=alternative).pvalue
        for alternative in ("less", "greater")
    ]
    expected = scipy.stats.false_discovery_control(expected)
    names = [exact, "dog" if exact == "cat" else "cat"]
    np.testing.assert_allclose(table["p_value"].sel({"class": names}), expected, rtol=1e-9)


def test_ratios_are_those_of_a_naive_jackknife(samples):
    labels, above, misfit = samples
    below = 1 + misfit**2
    table = class_means("class", labels, {"share": (above, below)}, misfit, np.arange(90), 0.05)
    inside = labels == "owl"
    above, below = above[inside], below[inside]
    without = [np.delete(above, i).sum() / np.delete(below, i).sum() for i in range(20)]
    half = scipy.stats.t.isf(0.025, 19) * np.sqrt(19 * np.var(without))
    row = table.sel({"class": "owl"})
    ratio = above.sum() / below.sum()
    np.testing.assert_allclose(
        [row["share"], row["share_low"], row["share_high"]], [ratio, ratio - half, ratio + half]
    )
