"""One table feeds every measure: invariance, symmetry, range, self-similarity, dtype, formula."""

import dataclasses
import math
from functools import cache

import numpy as np
import pytest
from helpers.oracle import (
    conditioned_pair,
    naive_cca,
    naive_cca_squared,
    naive_cka,
    naive_cka_debiased,
    naive_cka_rbf,
    naive_cosine,
    naive_crossnobis,
    naive_dft_cca,
    naive_distance_correlation,
    naive_eigenspace_overlap,
    naive_euclidean,
    naive_gulp,
    naive_hard_correlation,
    naive_knn,
    naive_linear_regression,
    naive_permutation,
    naive_pls_regression,
    naive_procrustes,
    naive_pwcca,
    naive_ridge_cca,
    naive_ridge_regression,
    naive_rsa,
    naive_second_order_cosine,
    naive_shape,
    naive_soft_correlation,
    naive_soft_matching,
    naive_svcca,
    naive_svcca_squared,
    rotation,
)
from helpers.quick import slow_unless

import isorep
from isorep.measures import MEASURES
from isorep.measures.registry import measure_named

NAIVE = {
    "cca": lambda x, y: naive_cca(x, y)[0].mean(),
    "svcca": lambda x, y: naive_svcca(x, y, 0.99),
    "pwcca": naive_pwcca,
    "cka": naive_cka,
    "procrustes": naive_procrustes,
    "cca_squared": naive_cca_squared,
    "svcca_squared": lambda x, y: naive_svcca_squared(x, y, 0.99),
    "ridge_cca": naive_ridge_cca,
    "eigenspace_overlap": naive_eigenspace_overlap,
    "linear_regression": naive_linear_regression,
    "ridge_regression": naive_ridge_regression,
    "pls_regression": naive_pls_regression,
    "cka_debiased": naive_cka_debiased,
    "procrustes_squared": naive_procrustes,
    "shape": naive_shape,
    "gulp": naive_gulp,
    "dft_cca": naive_dft_cca,
    "cosine": naive_cosine,
    "euclidean": naive_euclidean,
    "cka_rbf": naive_cka_rbf,
    "cka_rbf_debiased": lambda x, y: naive_cka_rbf(x, y, debiased=True),
    "rsa": naive_rsa,
    "crossnobis": naive_crossnobis,
    "distance_correlation": naive_distance_correlation,
    "mutual_knn": lambda x, y: naive_knn(x, y)[0],
    "jaccard_knn": lambda x, y: naive_knn(x, y)[1],
    "rank_similarity": lambda x, y: naive_knn(x, y)[2],
    "second_order_cosine": naive_second_order_cosine,
    "permutation": naive_permutation,
    "soft_matching": naive_soft_matching,
    "hard_correlation": naive_hard_correlation,
    "soft_correlation": naive_soft_correlation,
}
CONTROLS = {"cosine", "euclidean"}
AT_THE_FRONT_DOOR = {"pwcca", "cca", "svcca", "cka", "procrustes"}
# arccos and sqrt(2 - 2 s) turn a rounding of eps below 1 into sqrt(2 eps).
ZERO = {"procrustes": 1e-6, "shape": 1e-6, "permutation": 1e-6, "soft_matching": 1e-6}
# A copy of a neuron changes the spectrum of x, which regularisation depends on.
REGULARISED = {"ridge_regression", "pls_regression"}
SQUARED = {"cka", "cca_squared", "svcca_squared", "eigenspace_overlap", "linear_regression"}
NOT_THE_CORRELATION = {*CONTROLS, "cka_debiased", "gulp", "permutation", "soft_matching"}
# How far, at least, what is not alike is apart. Similarities to neighbours are positive and alike
# for any data, and some rotations hardly change the samples' correlations over features.
OUTSIDE = {"second_order_cosine": 0.01, "rsa": 0.05}
SIMILARITY_OF_DISTANCE = {
    "procrustes": math.cos,
    "shape": math.cos,
    "permutation": math.cos,
    "procrustes_squared": lambda distance: 1 - distance / 2,
    "soft_matching": lambda distance: 1 - distance**2 / 2,
    "gulp": lambda distance: 1 / (1 + distance),
    "euclidean": lambda distance: 1 / (1 + distance),
}

# Measures of maps and of repeated conditions have files of their own.
every_measure = pytest.mark.parametrize(
    "name", [name for name, row in MEASURES.items() if row.requires not in ("maps", "repeats")]
)


def pair(name, seed=0, n=131):
    """Draw two sides of unequal widths, or of one width where the measure asks for that."""
    return conditioned_pair(n, 7, 7 if MEASURES[name].paired else 5, 20, seed)


def linear(rng, p):
    return rotation(rng, p) * np.geomspace(1, 10, p) @ rotation(rng, p)


def test_every_measure_has_an_oracle_and_a_public_function():
    assert set(NAIVE) == set(MEASURES)
    for name in MEASURES:
        assert callable(getattr(isorep.measures, name))
    for name in AT_THE_FRONT_DOOR:
        assert getattr(isorep, name) is getattr(isorep.measures, name)


@cache
def shifted_pair(name, swap):
    """Return two sides with other means, and what the naive formula gives for them."""
    x, y = pair(name)[:: -1 if swap else 1]
    x, y = x + 2, y - 1
    return x, y, NAIVE[name](x, y)


@every_measure
@pytest.mark.parametrize("solver", slow_unless(["auto", "gram"], ["auto", "gram", "svd"]))
def test_equals_its_naive_formula(name, solver):
    for swap in (False, True):
        x, y, expected = shifted_pair(name, swap)
        score = isorep.similarity(x, y, name, solver=solver)
        assert score.similarity == pytest.approx(expected, abs=1e-12)
        assert score.distance == pytest.approx(
            MEASURES[name].distance.from_similarity(expected), rel=1e-11
        )


@every_measure
def test_score_and_public_function_agree(name):
    x, y = pair(name)
    score = getattr(isorep.measures, name)(x, y)
    assert score == isorep.similarity(x, y, name)
    assert (score.measure, score.n_samples, score.warnings) == (MEASURES[name].label, 131, ())
    assert type(score.similarity) is float
    assert type(score.distance) is float
    assert score.x_rank <= x.shape[1]
    assert score.y_rank <= y.shape[1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        score.similarity = 1.0


@pytest.mark.slow
@every_measure
def test_range_and_direction(name):
    row = MEASURES[name]
    rng = np.random.default_rng(1)
    for mix in (0.0, 0.3, 1.0, -2.0):
        x = rng.standard_normal((400, 6))
        y = mix * x + (1 - mix) * rng.standard_normal((400, 6))
        score = isorep.similarity(x, y, name)
        low, high = row.similarity_range
        assert low <= score.similarity <= high
        near, far = row.distance_range
        assert near <= score.distance <= far
        if name in SIMILARITY_OF_DISTANCE:
            similarity = SIMILARITY_OF_DISTANCE[name](score.distance)
            assert similarity == pytest.approx(score.similarity, rel=1e-12, abs=1e-12)
        else:
            assert score.distance == pytest.approx(1 - score.similarity, abs=1e-15)
    assert row.distance_range == {
        "procrustes": (0, math.pi / 2),
        "shape": (0, math.pi / 2),
        "procrustes_squared": (0, 2),
        "gulp": (0, math.inf),
        "permutation": (0, math.pi),
        "euclidean": (0, math.inf),
    }.get(name, (0, 2) if row.similarity_range[0] == -1 else (0, 1))


@pytest.mark.slow
@every_measure
def test_distance_is_zero_inside_its_invariance_group_and_positive_outside(name):
    rng = np.random.default_rng(2)
    x, _ = pair(name, n=307)
    invariance = MEASURES[name].invariance

    def distance(y):
        return isorep.similarity(x, y, name).distance

    def check(y, *, zero_for, least=0.1):
        if invariance in zero_for:
            assert distance(y) == pytest.approx(0, abs=ZERO.get(name, 1e-10))
        else:
            assert distance(y) > OUTSIDE.get(name, least)

    turns = ("linear", "orthogonal")
    neurons = ("permutation", "neurons", "signed")
    shifted = (*turns, *neurons)
    check(x, zero_for=(*shifted, "rotation", "common", "scaling", "none"))
    check(3 * x, zero_for=(*shifted, "rotation", "common", "scaling"))
    check(3 * x + 7, zero_for=(*shifted, "common"))
    check(x + np.arange(7) ** 2, zero_for=shifted)
    check(x @ rotation(rng, 7), zero_for=(*turns, "rotation"))
    check(x[:, ::-1], zero_for=(*shifted, "rotation", "common"))
    check(-x[:, ::-1], zero_for=(*turns, "rotation", "common", "signed"))
    check(x[:, ::-1] * np.geomspace(1, 10, 7), zero_for=("linear", "neurons", "signed"), least=0.02)
    check(x * [1, -1, 1, 1, -1, 1, -1], zero_for=(*turns, "rotation", "signed"))
    if invariance == "linear":
        assert distance(x @ linear(rng, 7)) == pytest.approx(0, abs=ZERO.get(name, 1e-10))
    # Small principal components become large ones, and the other way round.
    check(x @ np.linalg.inv(np.cov(x.T)), zero_for=("linear",))
    assert distance(x**3) > 0.001
    assert distance(rng.standard_normal(x.shape)) > 0.1


@every_measure
def test_symmetry_or_its_declared_absence(name):
    x, y = pair(name)
    forth, back = (isorep.similarity(*sides, name).similarity for sides in ((x, y), (y, x)))
    if MEASURES[name].symmetric:
        assert forth == pytest.approx(back, abs=1e-12)
    else:
        assert abs(forth - back) > 0.001


@every_measure
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), ("float16", 1e-2), ("int32", 1e-2)]
)
def test_dtypes(name, dtype, tolerance):
    x, y = pair(name)
    scale = 1000 if dtype == "int32" else 1
    exact = isorep.similarity(scale * x, scale * y, name)
    low = isorep.similarity((scale * x).astype(dtype), (scale * y).astype(dtype), name)
    assert low.similarity == pytest.approx(exact.similarity, abs=tolerance)
    if name == "euclidean":  # whose similarity is near 0 for any data of size
        assert low.distance == pytest.approx(exact.distance, rel=tolerance)


@every_measure
def test_one_feature_a_side(name):
    x, y = pair(name)
    x, y = x[:, :1], y[:, :1]
    if name == "rsa":
        with pytest.raises(ValueError, match="x has 1 feature, but the correlation of two samples"):
            isorep.similarity(x, y, name)
        return
    score = isorep.similarity(x, y, name)
    r = abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    if MEASURES[name].requires == "samples" or name in NOT_THE_CORRELATION:
        expected = NAIVE[name](x, y)
    else:
        expected = r**2 if name in SQUARED else r
    assert score.similarity == pytest.approx(expected, abs=1e-12)


@every_measure
def test_order_of_samples_and_features_does_not_matter(name):
    x, y = pair(name)
    rng = np.random.default_rng(3)
    # Samples are shuffled into folds by their row.
    rows = np.arange(len(x)) if MEASURES[name].holds_out() else rng.permutation(len(x))
    x_columns, y_columns = (rng.permutation(z.shape[1]) for z in (x, y))
    if MEASURES[name].paired:
        y_columns = x_columns
    changed = isorep.similarity(x[rows][:, x_columns], y[rows][:, y_columns], name)
    assert changed.similarity == pytest.approx(isorep.similarity(x, y, name).similarity, abs=1e-12)


@every_measure
def test_dead_and_duplicated_neurons_never_give_nan(name):
    x, y = pair(name)
    ugly = np.hstack([x, x[:, :2], np.zeros((131, 2)), np.full((131, 1), 0.1)])
    if MEASURES[name].paired:
        y = np.hstack([y, np.zeros((131, 2)), y[:, :1], y[:, :2]])
        assert isorep.similarity(ugly, y, name).similarity == pytest.approx(
            NAIVE[name](ugly, y), abs=1e-12
        )
    score = isorep.similarity(ugly, y, name)
    low, high = MEASURES[name].similarity_range
    assert low <= score.similarity <= high
    if MEASURES[name].invariance == "linear" and name not in {"pwcca", *REGULARISED}:
        assert score.similarity == pytest.approx(isorep.similarity(x, y, name).similarity, abs=1e-9)


def test_the_table_is_read_only_and_complete():
    with pytest.raises(TypeError):
        MEASURES["new"] = MEASURES["cca"]
    for name, row in MEASURES.items():
        assert row.name == name
        assert row.description
        assert row.formula
        assert any(character.isdigit() for character in row.reference)


def test_unknown_measures_and_options_name_the_nearest():
    x, y = pair("pwcca")
    with pytest.raises(ValueError, match=r"unknown measure 'pwca'; did you mean 'pwcca'"):
        isorep.similarity(x, y, "pwca")
    with pytest.raises(
        ValueError, match=r"unknown option of pwcca 'wieghting'; did you mean 'weigh"
    ):
        isorep.similarity(x, y, "pwcca", wieghting="paper")
    with pytest.raises(ValueError, match=r"unknown weighting 'papr'; did you mean 'paper'"):
        isorep.pwcca(x, y, weighting="papr")
    with pytest.raises(ValueError, match=r"unknown weights_from 'z'. Known: x, y, both"):
        isorep.pwcca(x, y, weights_from="z")
    with pytest.raises(ValueError, match=r"unknown solver 'qr'"):
        isorep.cca(x, y, solver="qr")
    with pytest.raises(ValueError, match=r"share to keep, in \(0, 1\], got 99"):
        isorep.svcca(x, y, variance=99)


def test_svcca_cuts_by_variance_of_centred_data():
    """Not by singular values, not of uncentred data, not one component whatever the data."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1000, 6)) * [10.0, 8.0, 5.0, 1.0, 0.1, 0.1] + 100
    y = rng.standard_normal((1000, 4)) + 50
    score = isorep.svcca(x, y)
    assert (score.x_rank, score.y_rank) == (3, 4)
    assert isorep.svcca(x, y, variance=1.0).x_rank == 6
    assert isorep.svcca(x, y, variance=0.5).x_rank == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in MEASURES.items() if row.metric])
def test_a_declared_metric_obeys_the_triangle_inequality(name):
    rng = np.random.default_rng(5)
    for widths in ((3, 5, 4), (3, 3, 3), (1, 2, 1)):
        widths = (3, 3, 3) if MEASURES[name].paired else widths
        for share in (0.0, 0.9):
            for _ in range(10):
                common = rng.standard_normal((30, 5))
                x, y, z = (
                    share * common[:, :p] + (1 - share) * rng.standard_normal((30, p))
                    for p in widths
                )
                xy, yz, xz = (
                    MEASURES[name](isorep.overlap(*s)).distance for s in ((x, y), (y, z), (x, z))
                )
                assert xz <= xy + yz + 1e-12


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_controls_refuse_different_widths(name):
    x, y = pair("pwcca")
    message = (
        "x has 7 features and y has 5, but neuron j of x is compared with neuron j of y; use "
        "pwcca, cca, svcca, cka or procrustes"
    )
    with pytest.raises(ValueError, match=message):
        isorep.similarity(x, y, name)


def test_cosine_is_negative_for_opposites():
    x, _ = pair("cosine")
    score = isorep.measures.cosine(x + 1, -2 * x - 2)
    assert score.similarity == pytest.approx(-1, abs=1e-14)
    assert score.distance == pytest.approx(2, abs=1e-14)


@pytest.mark.parametrize("solver", ["gram", "svd"])
@pytest.mark.parametrize("shape", [(211, 13), (31, 43)], ids=["tall", "wide"])
@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("share", [1, 1e-1, 3e-2, 1e-2, 1e-4, 1e-8])
def test_euclidean_keeps_its_digits_however_near_the_two_are(solver, shape, offset, share):
    n, p = shape
    x, noise = conditioned_pair(n, p, p, 1e3, seed=6)
    x, y = x + offset, x + share * noise + offset
    found = isorep.measures.euclidean(x, y, solver=solver).distance
    expected = math.sqrt(math.fsum(((x - y) ** 2).ravel()))
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-14 * np.linalg.norm(x))
    assert isorep.measures.euclidean(x, x.copy(), solver=solver).distance == 0


def test_controls_of_huge_and_tiny_numbers():
    x, y = pair("cosine")
    for scale in (1e-180, 1e180):
        cosine = isorep.measures.cosine(scale * x, y / scale).similarity
        assert cosine == pytest.approx(naive_cosine(x, y), abs=1e-12)
        euclidean = isorep.measures.euclidean(scale * x, scale * y).distance
        assert euclidean == pytest.approx(scale * np.linalg.norm(x - y), rel=1e-11)


def test_every_measure_has_a_name_for_figures_that_no_other_has():
    names = [measure.display_name for measure in isorep.MEASURES.values()]
    assert len(set(names)) == len(names)
    assert not any("_" in name for name in names)
    assert measure_named("pwcca(weights_from=y)").display_name == "PWCCA (weights_from=y)"
    assert measure_named("linear_regression(folds=9)").display_name == "linear regression (folds=9)"
    isorep.register(lambda x, y: 1.0, name="my_own")
    assert isorep.MEASURES["my_own"].display_name == "my own"
