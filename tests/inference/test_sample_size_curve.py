"""Sample-size curve: parts of the samples, as they are, corrected and held out."""

import numpy as np
import pytest

import isorep
from isorep.inference import held_out
from isorep.inference.sample_size_curve import _subset
from isorep.representations.sample_structure import SampleStructure

RNG = np.random.default_rng(0)
SHARED = RNG.standard_normal((400, 2))
X, Y = (np.hstack([SHARED, RNG.standard_normal((400, 6))]) for _ in range(2))


@pytest.mark.slow
def test_a_table_over_sizes_and_repeats():
    curve = isorep.sample_size_curve(X, Y, repeats=2)
    assert dict(curve.sizes) == {"n_samples": 8, "repeat": 2}
    sizes = curve["n_samples"].to_numpy()
    assert (sizes[0], sizes[-1]) == (18, 400)  # 8 + 8 + 2
    np.testing.assert_allclose(np.diff(np.log(sizes)), np.log(400 / 18) / 7, atol=0.05)
    assert not any(curve[name].isnull().any() for name in ("raw", "corrected", "held_out"))
    attrs = curve.attrs
    assert (attrs["measure"], attrs["x_rank"], attrs["y_rank"], attrs["n_total"]) == (
        "pwcca",
        8,
        8,
        400,
    )


@pytest.mark.slow
def test_the_raw_number_falls_and_the_held_out_one_stays_below():
    curve = isorep.sample_size_curve(X, Y, "cca", sizes=[40, 400]).mean("repeat")
    assert curve["raw"][0] > curve["raw"][1] + 0.1
    assert (curve["held_out"] < curve["raw"]).all()
    assert curve["corrected"].values == pytest.approx([0.25, 0.25], abs=0.1)


def test_all_the_samples_are_compared_as_elsewhere():
    curve = isorep.sample_size_curve(X, Y, "cca", sizes=[400], repeats=1, folds=4, seed=3)
    seed = int(np.random.SeedSequence([3, 400, 0]).generate_state(1)[0])
    whole = isorep.overlap(X, Y)
    assert curve["raw"].item() == isorep.cca(X, Y).similarity
    expected = isorep.similarity(X, Y, "cca", correct=True, seed=seed).similarity
    assert curve["corrected"].item() == expected
    assert curve["held_out"].item() == held_out(whole, 4, seed=seed).cca


def test_a_part_is_as_good_as_its_rows():
    curve = isorep.sample_size_curve(X, Y, "pwcca", sizes=[100], repeats=1, seed=1)
    stream = np.random.SeedSequence([1, 100, 0])
    rows = np.random.default_rng(stream).permutation(400)[:100]
    assert curve["raw"].item() == pytest.approx(isorep.pwcca(X[rows], Y[rows]).similarity)


@pytest.mark.slow
def test_the_seed_alone_decides():
    first, again, other = (
        isorep.sample_size_curve(X, Y, sizes=[30, 60], repeats=2, seed=seed) for seed in (0, 0, 1)
    )
    assert first.identical(again)
    assert not (first["raw"] == other["raw"]).any()
    # A size's parts do not depend on which other sizes were asked for.
    alone = isorep.sample_size_curve(X, Y, sizes=[60], repeats=2)
    assert alone.identical(first.sel(n_samples=[60]))


def test_a_subset_has_whole_groups_or_a_stretch_of_time():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 6)
    structure = SampleStructure.from_labels(rng.permutation(groups))
    taken = _subset(structure, 180, 50, rng)
    assert taken.sum() == 48
    assert len(set(structure.groups[taken])) == 8
    assert not set(structure.groups[taken]) & set(structure.groups[~taken])
    time = rng.permutation(180)
    taken = _subset(SampleStructure.from_labels(order=time), 180, 50, rng)
    assert np.ptp(time[taken]) == 49
    assert taken.sum() == 50


def test_repeats_of_unrelated_stimuli_are_corrected_at_every_size():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 6)
    x, y = rng.standard_normal((2, 60, 4))[:, groups] + 0.2 * rng.standard_normal((2, 360, 4))
    sizes = [120, 360]
    curve = isorep.sample_size_curve(
        x, y, "cca", groups=groups, sizes=sizes, repeats=3, progress=False
    )
    mean = curve.mean("repeat")
    assert (mean["corrected"] < 0.15).all()
    assert mean["raw"].sel(n_samples=120) > 0.3
    with pytest.raises(ValueError, match="8 samples have no two whole groups"):
        isorep.sample_size_curve(x, y, "cca", groups=groups, sizes=[8], progress=False)


def test_short_stretches_of_time_are_compared_by_debiased_cka():
    x, y = np.random.default_rng(0).standard_normal((2, 200, 4))
    options = {"order": range(200), "sizes": [15, 200], "repeats": 2, "progress": False}
    curve = isorep.sample_size_curve(x, y, "cka_debiased", **options)
    assert np.isfinite(curve["raw"]).all()
    whole = isorep.similarity(x, y, "cka_debiased", order=range(200)).similarity
    np.testing.assert_allclose(curve["raw"].sel(n_samples=200), whole, atol=1e-12)


def test_forced_correlations_are_not_corrected():
    curve = isorep.sample_size_curve(X, Y, "cca", sizes=[12, 17], repeats=2)
    assert curve["corrected"].isnull().values.tolist() == [[True, True], [False, False]]
    assert not curve["raw"].isnull().any()


@pytest.mark.parametrize(
    ("measure", "options", "present"),
    [
        ("cka_debiased", {}, {"raw"}),
        ("cka_rbf", {}, {"raw"}),
        ("linear_regression", {}, {"raw", "corrected", "held_out"}),
        ("ridge_cca", {"penalty": "cv"}, {"raw"}),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("cka", {}, {"raw", "corrected"}),
                ("pwcca", {"weighting": "variance"}, {"raw", "corrected"}),
                ("linear_regression", {"folds": 4}, {"raw", "corrected", "held_out"}),
                ("euclidean", {}, {"raw", "corrected"}),
            ]
        ),
    ],
)
def test_what_cannot_be_had_is_nan(measure, options, present):
    curve = isorep.sample_size_curve(X, Y, measure, sizes=[60], repeats=1, **options)
    found = {name for name in ("raw", "corrected", "held_out") if not curve[name].isnull().any()}
    assert found == present


def test_few_samples_have_one_size():
    assert isorep.sample_size_curve(X[:9], Y[:9], repeats=1)["n_samples"].values.tolist() == [9]


@pytest.mark.slow
def test_tensors():
    torch = pytest.importorskip("torch")
    expected = isorep.sample_size_curve(X, Y, sizes=[60], repeats=1)
    found = isorep.sample_size_curve(torch.tensor(X), torch.tensor(Y), sizes=[60], repeats=1)
    assert found["raw"].item() == pytest.approx(expected["raw"].item())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [401]}, "from 2 to 400, got 401"),
        ({"sizes": [1]}, "from 2 to 400, got 1"),
        ({"sizes": [10.5]}, "from 2 to 400, got 10.5"),
        ({"sizes": []}, "from 2 to 400, got no size"),
        ({"repeats": 0}, "1 or more, got 0"),
        ({"folds": 1}, "folds must be 2 or more, got 1"),
        ({"seed": -1}, "seed must be a non-negative integer, got -1"),
        ({"measure": "pwca"}, "did you mean 'pwcca'"),
        ({"measure": "dft_cca"}, "compares maps"),
        ({"weigting": "variance"}, "unknown option of pwcca 'weigting'"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        isorep.sample_size_curve(X, Y, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": 100}, "sizes must be a sequence of integers, such as .100., got 100"),
        ({"sizes": ["100"]}, "sizes must be a sequence of integers, .* got '100'"),
        ({"repeats": 1.5}, "repeats must be an integer, got 1.5"),
        ({"folds": 2.5}, "folds must be an integer, got 2.5"),
        ({"seed": None}, "seed must be an integer, got None"),
    ],
)
def test_input_of_another_kind_is_named(options, message):
    with pytest.raises(TypeError, match=message):
        isorep.sample_size_curve(X, Y, **options)
