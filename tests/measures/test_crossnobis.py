"""Crossnobis against rsatoolbox, naive loops, and distances that are known."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.oracle import naive_crossnobis
from scipy.spatial.distance import pdist, squareform

import isorep
from isorep.measures import crossnobis, crossnobis_distances

RSATOOLBOX = json.loads((Path(__file__).parent / "files/rsatoolbox_0.3.2.json").read_text())
CONDITIONS, REPEATS = (np.array(RSATOOLBOX[name]) for name in ("conditions", "repeats"))
X, Y = (np.array(RSATOOLBOX[name]) for name in "xy")


def design(n_conditions, n_repeats):
    return np.tile(np.arange(n_conditions), n_repeats), np.repeat(
        np.arange(n_repeats), n_conditions
    )


@pytest.mark.parametrize("noise", RSATOOLBOX["numbers"])
def test_equals_rsatoolbox(noise):
    expected = dict(RSATOOLBOX["numbers"][noise])
    found = crossnobis_distances(X, CONDITIONS, REPEATS, noise=noise)
    found = found.sortby(["condition", "other_condition"])
    np.testing.assert_allclose(found, expected.pop("distances"), rtol=1e-11, atol=1e-11)
    for comparison, value in expected.items():
        options = {"noise": noise, "comparison": comparison}
        score = crossnobis(X, Y, groups=CONDITIONS, order=REPEATS, **options)
        assert score.similarity == pytest.approx(value, abs=1e-11)
        assert score.distance == pytest.approx(1 - value, abs=1e-11)


def test_equals_naive_loops():
    score = crossnobis(X, Y, groups=CONDITIONS, order=REPEATS, noise="identity")
    expected = naive_crossnobis(X, Y, CONDITIONS, REPEATS)
    assert score.similarity == pytest.approx(expected, abs=1e-12)
    assert (score.measure, score.n_samples) == ("crossnobis", 24)
    swapped = crossnobis(Y, X, groups=CONDITIONS, order=REPEATS, noise="identity")
    assert swapped.similarity == pytest.approx(expected, abs=1e-12)


def test_labels_name_the_distances():
    names = np.array(["face", "house", "tool", "word", "body", "food"])[CONDITIONS]
    found = crossnobis_distances(X, names, [f"run {r}" for r in REPEATS])
    numbered = crossnobis_distances(X, CONDITIONS, REPEATS)
    assert found.dims == ("condition", "other_condition")
    assert found.sel(condition="house", other_condition="word").item() == pytest.approx(
        numbered.sel(condition=1, other_condition=3).item(), rel=1e-12
    )


def test_rows_of_a_condition_are_its_repeats_in_turn():
    conditions, repeats = design(5, 4)
    x = np.random.default_rng(0).standard_normal((20, 3))
    found = crossnobis_distances(x, conditions)
    np.testing.assert_array_equal(found, crossnobis_distances(x, conditions, repeats))


@pytest.mark.parametrize("noise", ["identity", "diagonal", "shrinkage"])
def test_a_side_without_noise_has_squared_euclidean_distances(noise):
    conditions, _ = design(5, 3)
    codes = np.random.default_rng(1).standard_normal((5, 4))
    found = crossnobis_distances(codes[conditions], conditions, noise=noise)
    expected = squareform(pdist(codes, "sqeuclidean")) / 4
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "tolerance"), [("identity", 0.06), ("diagonal", 0.12)])
def test_noise_makes_no_distance_larger(noise, tolerance):
    """Conditions 0 and 1 are the same; the mean over data sets is the true distance.

    With units of noise that 8 degrees of freedom of the same data estimate, it is 8 / 6 of that,
    plus 2 / 3 (8 / 6 - 1): the residuals are in both factors.
    """
    rng = np.random.default_rng(2)
    conditions, _ = design(4, 3)
    codes = rng.standard_normal((4, 5))
    codes[1] = codes[0]
    mean = np.mean(
        [
            crossnobis_distances(
                codes[conditions] + rng.standard_normal((12, 5)), conditions, noise=noise
            )
            for _ in range(1000)
        ],
        axis=0,
    )
    expected = squareform(pdist(codes, "sqeuclidean")) / 5
    if noise == "diagonal":
        expected = 8 / 6 * expected + 2 / 9 * (1 - np.eye(4))
    np.testing.assert_allclose(mean, expected, rtol=0, atol=tolerance)


def test_missing_repeats_use_those_that_both_conditions_have():
    rng = np.random.default_rng(3)
    conditions, repeats = design(4, 4)
    x = rng.standard_normal((16, 3)) + 2 * rng.standard_normal((4, 3))[conditions]
    kept = ~((conditions == 2) & (repeats == 1))
    found = crossnobis_distances(
        x[kept], conditions[kept], repeats[kept], noise="identity"
    ).to_numpy()
    full = crossnobis_distances(x, conditions, repeats, noise="identity").to_numpy()
    three = repeats != 1
    without = crossnobis_distances(x[three], conditions[three], repeats[three], noise="identity")
    others = [0, 1, 3]
    np.testing.assert_allclose(found[np.ix_(others, others)], full[np.ix_(others, others)])
    np.testing.assert_allclose(found[2], without[2], atol=1e-12)


def test_several_rows_of_a_condition_in_a_repeat_are_averaged():
    conditions, repeats = design(4, 3)
    x = np.random.default_rng(4).standard_normal((12, 3))
    other = np.random.default_rng(5).standard_normal((12, 3))
    found = crossnobis_distances(
        np.vstack([x, other]), np.tile(conditions, 2), np.tile(repeats, 2), noise="identity"
    )
    expected = crossnobis_distances((x + other) / 2, conditions, repeats, noise="identity")
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_silent_feature_changes_nothing_but_the_number_of_features():
    silent = np.c_[X, np.zeros(24)]
    for noise in RSATOOLBOX["numbers"]:
        found = crossnobis_distances(silent, CONDITIONS, REPEATS, noise=noise)
        expected = crossnobis_distances(X, CONDITIONS, REPEATS, noise=noise)
        np.testing.assert_allclose(found, expected * 7 / 8, rtol=1e-10, atol=1e-12)


def test_the_order_of_rows_and_units_of_features_do_not_matter():
    rows = np.random.default_rng(6).permutation(24)
    changed = 5 - 3 * X[rows][:, ::-1] * np.arange(1, 8)
    found = crossnobis(changed, Y[rows], groups=CONDITIONS[rows], order=REPEATS[rows])
    expected = crossnobis(X, Y, groups=CONDITIONS, order=REPEATS)
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-9)
    assert crossnobis(X, X, groups=CONDITIONS, order=REPEATS).similarity == pytest.approx(1)


def test_works_in_tables_inference_and_with_groups_of_files():
    rng = np.random.default_rng(7)
    conditions, repeats = design(20, 3)
    codes = 4 * rng.standard_normal((20, 6))
    x, y, z = (
        side[conditions] + rng.standard_normal((60, 6)) for side in (codes, codes, 0 * codes)
    )
    table = isorep.compare(
        {"v1": x}, {"it": y, "noise": z}, measures="crossnobis", groups=conditions, order=repeats
    )
    expected = crossnobis(x, y, groups=conditions, order=repeats).similarity
    assert table["crossnobis"].sel(y_layer="it").item() == expected
    result = isorep.infer(x, y, "crossnobis", groups=conditions, order=repeats, n_permutations=99)
    assert result.p_value == 0.01
    assert result.chance < 0.6 < 0.9 < result.similarity
    assert result.interval[0] < result.similarity < result.interval[1]
    unrelated = isorep.infer(
        x, z + codes[rng.permutation(20)][conditions], "crossnobis", groups=conditions,
        order=repeats, n_permutations=99,
    )  # fmt: skip
    assert unrelated.p_value > 0.02


def test_warns_of_conditions_whose_distances_are_alike_by_chance():
    rng = np.random.default_rng(8)
    conditions, _ = design(12, 4)
    x, y = (10 * rng.standard_normal((12, 40))[conditions] for _ in range(2))
    x, y = (side + rng.standard_normal((48, 40)) for side in (x, y))
    with pytest.warns(isorep.FewSamplesWarning, match="unrelated distances of 12 conditions"):
        score = crossnobis(x, y, groups=conditions, comparison="cosine")
    (text,) = score.warnings
    assert text.code == "few-samples"
    level = float(text.finding.split()[-1])
    assert level == pytest.approx(score.similarity, abs=0.05)
    assert crossnobis(x, y, groups=conditions, comparison="pearson").warnings == ()


def test_refuses_designs_without_repeats():
    x, y = np.random.default_rng(9).standard_normal((2, 12, 3))
    with pytest.raises(ValueError, match="pass groups= the condition of each sample, and order="):
        crossnobis(x, y)
    with pytest.raises(ValueError, match=r"at least 3 conditions \(groups\), got 2"):
        crossnobis(x, y, groups=np.arange(12) % 2)
    with pytest.raises(ValueError, match=r"conditions 0 and 1 of x .* have 0 repeats in common"):
        crossnobis(x, y, groups=np.arange(12) % 3, order=np.arange(12))
    with pytest.raises(ValueError, match="at least 2 conditions of x, got 1"):
        crossnobis_distances(x, np.zeros(12))
    with pytest.raises(ValueError, match="unknown noise 'full'"):
        crossnobis_distances(x, np.arange(12) % 3, noise="full")
    x[:, 1] = np.arange(12) % 3
    with pytest.raises(ValueError, match=r"feature 1 of x .* but not between their repeats"):
        crossnobis_distances(x, np.arange(12) % 3)
    wide = np.zeros((12, 40_000), dtype=np.float32)
    wide[:] = np.random.default_rng(0).standard_normal((12, 1))
    with pytest.raises(ValueError, match="noise covariance of 40000 features of x needs about 60"):
        crossnobis_distances(wide, np.arange(12) % 3)
