"""Held-out correlations: a naive loop, what they bracket, groups, and the extremes."""

import dataclasses

import numpy as np
import pytest
from helpers.oracle import two_sharing, unrelated

import isorep
from isorep.inference import held_out


def naive_held_out(x, y, fold_of):
    """Fit by Cholesky factors of covariances; predict fold by fold; correlate the whole."""
    us, vs = [], []
    for fold in np.unique(fold_of):
        train, held = fold_of != fold, fold_of == fold
        xt, yt = (z[train] - z[train].mean(axis=0) for z in (x, y))
        m = train.sum()
        x_root, y_root = (np.linalg.inv(np.linalg.cholesky(z.T @ z / m)) for z in (xt, yt))
        left, _, right = np.linalg.svd(x_root @ (xt.T @ yt / m) @ y_root.T, full_matrices=False)
        us.append((x[held] - x[train].mean(axis=0)) @ x_root.T @ left)
        vs.append((y[held] - y[train].mean(axis=0)) @ y_root.T @ right.T)
    u, v = np.vstack(us), np.vstack(vs)
    return (u * v).sum(axis=0) / np.sqrt((u**2).sum(axis=0) * (v**2).sum(axis=0))


@pytest.mark.parametrize(("p", "q"), [(7, 5), (5, 7), (1, 3)])
@pytest.mark.parametrize("folds", [2, 5, 61])
def test_equals_a_naive_loop(p, q, folds):
    x, y = two_sharing(1, p, 61, seed=p, q=q)
    for solver in ("gram", "svd"):
        result = held_out(isorep.overlap(x + 5, y - 2, solver=solver), folds, seed=3)
        np.testing.assert_allclose(
            result.correlations, naive_held_out(x + 5, y - 2, result.folds), rtol=1e-8, atol=1e-9
        )
    assert np.bincount(result.folds).max() - np.bincount(result.folds).min() <= 1
    assert result.warnings == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.correlations = None


@pytest.mark.parametrize("tails", ["normal", "heavy", "discrete"])
def test_the_truth_lies_between(tails):
    """Five correlations of 1 / (1 + 0.65^2) in thirty, the others 0."""
    truth = 5 / (1 + 0.65**2) / 30
    found = []
    for seed in range(5):
        o = isorep.overlap(*two_sharing(5, 30, 600, seed, tails=tails))
        result = held_out(o)
        found.append([result.cca, isorep.MEASURES["cca"](o).similarity])
        assert result.pwcca < isorep.MEASURES["pwcca"](o).similarity
        assert result.correlations[:5].min() > 0.5
        assert abs(result.correlations[5:]).max() < 0.25
    low, high = np.mean(found, axis=0)
    assert truth - 0.02 < low < truth < truth + 0.1 < high


@pytest.mark.slow
def test_unrelated_sides_have_correlations_around_0():
    rng = np.random.default_rng(1)
    found = np.array(
        [
            held_out(
                isorep.overlap(rng.standard_normal((60, 6)), rng.standard_normal((60, 4)))
            ).correlations
            for _ in range(100)
        ]
    )
    assert abs(found.mean(axis=0)).max() < 4 * found.std() / 10
    assert (found < 0).mean() > 0.4


def test_weights_are_those_of_the_training_folds():
    x, y = (z * np.geomspace(1, 9, 6) for z in two_sharing(2, 6, 90, seed=2))
    result = held_out(isorep.overlap(x, y), 3)
    weights = [
        isorep.overlap(x[result.folds != fold], y[result.folds != fold]).x_weights
        for fold in range(3)
    ]
    np.testing.assert_allclose(result.x_weights, np.mean(weights, axis=0), rtol=1e-9)
    assert result.pwcca == pytest.approx(np.mean(weights, axis=0) @ result.correlations)
    back = held_out(isorep.overlap(y, x), 3)
    np.testing.assert_allclose(result.y_weights, back.x_weights, rtol=1e-9)


def test_groups_stay_together():
    """Ten near copies of each of forty unrelated samples: held out one by one, they are known."""
    rng = np.random.default_rng(3)
    groups = rng.permutation(np.repeat(np.arange(40), 10))
    x, y = (
        rng.standard_normal((40, 15))[groups] + 0.1 * rng.standard_normal((400, 15))
        for _ in range(2)
    )
    apart, together = held_out(isorep.overlap(x, y)), held_out(isorep.overlap(x, y, groups=groups))
    for group in range(40):
        assert len(set(together.folds[groups == group])) == 1
    assert apart.cca > 0.4
    assert abs(together.cca) < 0.1
    named = held_out(isorep.overlap(x, y, groups=[f"text {group:03}" for group in groups]))
    np.testing.assert_array_equal(named.folds, together.folds)


def test_seed_decides():
    o = isorep.overlap(*two_sharing(2, 6, 61, seed=1))
    first, again, other = (held_out(o, seed=seed).folds for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(("n", "a", "b"), [(200, 100, 100), (20, 30, 7)])
def test_forced_correlations_are_not_held_out(n, a, b):
    """Directions are then left to rounding, and the correlations of one draw share its samples."""
    found = []
    for seed in range(10):
        x, y = unrelated(n, a, b, seed)
        with pytest.warns(isorep.FewSamplesWarning, match="training samples are too few for"):
            result = held_out(isorep.overlap(x, y))
        assert len(result.warnings) == 1
        found.append(result.cca)
    assert abs(np.mean(found)) < 3 / np.sqrt(n * len(found))


def test_the_same_representation_keeps_its_correlations():
    x = np.random.default_rng(6).standard_normal((60, 5))
    result = held_out(isorep.overlap(x, x @ np.triu(np.ones((5, 5)))))
    np.testing.assert_allclose(result.correlations, 1, atol=1e-9)
    assert result.cca <= 1


def test_features_that_some_folds_lack():
    """A feature that is 0 but for one sample, held out once: no direction of that fold's."""
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((2, 40, 3))
    x = np.hstack([x, np.eye(40)[:, :1]])
    y = np.hstack([y, np.eye(40)[:, 1:2]])
    result = held_out(isorep.overlap(x, y))
    assert len(result.correlations) == 4  # as all samples have, judged by the folds that do
    assert np.isfinite(result.correlations).all()
    assert result.x_weights.sum() == pytest.approx(1)


def test_what_varies_in_one_fold_alone():
    """Trained without it, nothing can be told of its samples; the other folds do as they can."""
    x = np.eye(20)[:, :1]
    np.testing.assert_allclose(held_out(isorep.overlap(x, x)).correlations, 1)
    two = np.eye(20)[:, :2]  # in some fold, or in two
    y = np.random.default_rng(0).standard_normal((20, 2))
    for seed in range(4):
        result = held_out(isorep.overlap(two, y), seed=seed)
        assert result.correlations.shape == result.x_weights.shape == (2,)
        assert np.isfinite(result.correlations).all()


def test_what_cannot_be_held_out():
    o = isorep.overlap(*two_sharing(1, 3, 50, seed=6))
    with pytest.raises(TypeError, match=r"isorep.inference.held_out\(isorep.overlap\(x, y\)\)"):
        held_out(np.ones((3, 2)))
    with pytest.raises(
        ValueError, match="folds must be from 2 to 50, the number of samples, got 51"
    ):
        held_out(o, 51)
    with pytest.raises(ValueError, match="folds must be from 2 to 3, the number of groups, got 5"):
        held_out(isorep.overlap(o.x, o.y, groups=np.arange(50) % 3))
    with pytest.raises(ValueError, match=r"one label for each of 50 rows, got shape \(3,\)"):
        isorep.overlap(o.x, o.y, groups=[1, 2, 3])
    for bad, error, message in [
        ({"folds": 2.5}, TypeError, "folds must be an integer, got 2.5"),
        ({"folds": "3"}, TypeError, "folds must be an integer, got '3'"),
        ({"seed": -1}, ValueError, "seed must be a non-negative integer, got -1"),
        ({"seed": None}, TypeError, "seed must be an integer, got None"),
    ]:
        with pytest.raises(error, match=message):
            held_out(o, **bad)


def test_arrays_of_another_library():
    torch = pytest.importorskip("torch")
    x, y = two_sharing(2, 7, 101, seed=7, q=5)
    found = held_out(isorep.overlap(torch.tensor(x), torch.tensor(y)))
    expected = held_out(isorep.overlap(x, y))
    np.testing.assert_allclose(found.correlations, expected.correlations, rtol=1e-9)
    assert type(found.x_weights) is np.ndarray
