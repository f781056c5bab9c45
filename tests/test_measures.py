"""One table feeds every measure: invariance, symmetry, range, self-similarity, dtype, formula."""

import dataclasses
import math

import numpy as np
import pytest
from oracle import (
    conditioned_pair,
    naive_cca,
    naive_cka,
    naive_procrustes,
    naive_pwcca,
    naive_svcca,
    rotation,
)

import isorep
from isorep.measures import MEASURES

NAIVE = {
    "cca": lambda x, y: naive_cca(x, y)[0].mean(),
    "svcca": lambda x, y: naive_svcca(x, y, 0.99),
    "pwcca": naive_pwcca,
    "cka": naive_cka,
    "procrustes": naive_procrustes,
}
# arccos turns a rounding of eps below 1 into sqrt(2 eps).
ZERO = {"procrustes": 1e-6}

every_measure = pytest.mark.parametrize("name", MEASURES)


def pair(seed=0):
    return conditioned_pair(307, 7, 5, 20, seed)


def linear(rng, p):
    return rotation(rng, p) * np.geomspace(1, 10, p) @ rotation(rng, p)


def test_every_measure_has_an_oracle_and_a_public_function():
    assert set(NAIVE) == set(MEASURES)
    for name in MEASURES:
        assert getattr(isorep, name) is getattr(isorep.measures, name)


@every_measure
@pytest.mark.parametrize("solver", ["auto", "gram", "svd"])
def test_equals_its_naive_formula(name, solver):
    for x, y in (pair(), pair()[::-1]):
        score = isorep.similarity(x + 2, y - 1, name, solver=solver)
        assert score.similarity == pytest.approx(NAIVE[name](x, y), abs=1e-12)


@every_measure
def test_score_and_public_function_agree(name):
    x, y = pair()
    score = getattr(isorep, name)(x, y)
    assert score == isorep.similarity(x, y, name)
    assert (score.measure, score.n_samples, score.warnings) == (name, 307, ())
    assert type(score.similarity) is float
    assert type(score.distance) is float
    assert score.x_rank <= 7
    assert score.y_rank <= 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        score.similarity = 1.0


@every_measure
def test_range_and_direction(name):
    row = MEASURES[name]
    rng = np.random.default_rng(1)
    for mix in (0.0, 0.3, 1.0):
        x = rng.standard_normal((400, 6))
        y = mix * x + (1 - mix) * rng.standard_normal((400, 6))
        score = isorep.similarity(x, y, name)
        low, high = row.similarity_range
        assert low <= score.similarity <= high
        near, far = row.distance_range
        assert near <= score.distance <= far
        if row.angle:
            assert math.cos(score.distance) == pytest.approx(score.similarity, abs=1e-12)
        else:
            assert score.distance == pytest.approx(1 - score.similarity, abs=1e-15)


@every_measure
def test_distance_is_zero_inside_its_invariance_group_and_positive_outside(name):
    rng = np.random.default_rng(2)
    x, _ = pair()
    zero = ZERO.get(name, 1e-10)

    def distance(y):
        return isorep.similarity(x, y, name).distance

    assert distance(x) == pytest.approx(0, abs=zero)
    assert distance(3 * x + 7) == pytest.approx(0, abs=zero)
    assert distance(x @ rotation(rng, 7)) == pytest.approx(0, abs=zero)
    assert distance(-x[:, ::-1]) == pytest.approx(0, abs=zero)
    if MEASURES[name].invariance == "linear":
        assert distance(x @ linear(rng, 7)) == pytest.approx(0, abs=zero)
    else:
        # Small principal components become large ones, and the other way round.
        assert distance(x @ np.linalg.inv(np.cov(x.T))) > 0.1
    assert distance(x**3) > 0.001
    assert distance(rng.standard_normal(x.shape)) > 0.1


@every_measure
def test_symmetry_or_its_declared_absence(name):
    x, y = pair()
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
    x, y = pair()
    exact = isorep.similarity(x, y, name).similarity
    scale = 1000 if dtype == "int32" else 1
    low = isorep.similarity((scale * x).astype(dtype), (scale * y).astype(dtype), name)
    assert low.similarity == pytest.approx(exact, abs=tolerance)


@every_measure
def test_one_feature_a_side(name):
    x, y = pair()
    score = isorep.similarity(x[:, :1], y[:, :1], name)
    r = abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])
    assert score.similarity == pytest.approx(r**2 if name == "cka" else r, abs=1e-12)


@every_measure
def test_order_of_samples_and_features_does_not_matter(name):
    x, y = pair()
    rng = np.random.default_rng(3)
    rows = rng.permutation(len(x))
    changed = isorep.similarity(x[rows][:, ::-1], y[rows][:, rng.permutation(5)], name)
    assert changed.similarity == pytest.approx(isorep.similarity(x, y, name).similarity, abs=1e-12)


@every_measure
def test_dead_and_duplicated_neurons_never_give_nan(name):
    x, y = pair()
    ugly = np.hstack([x, x[:, :2], np.zeros((307, 2)), np.full((307, 1), 0.1)])
    score = isorep.similarity(ugly, y, name)
    assert 0 <= score.similarity <= 1
    if MEASURES[name].invariance == "linear" and name != "pwcca":
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
    x, y = pair()
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
    with pytest.raises(ValueError, match=r"share to keep, in \(0, 1\], not 99"):
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


def test_procrustes_is_a_metric():
    rng = np.random.default_rng(5)
    for _ in range(20):
        x, y, z = (rng.standard_normal((30, p)) for p in (3, 5, 4))
        xy, yz, xz = (isorep.procrustes(*s).distance for s in ((x, y), (y, z), (x, z)))
        assert xz <= xy + yz + 1e-12
