"""Overlap: its laws, what it counts as forced, and what it refuses."""

import numpy as np
import pytest
from helpers.oracle import conditioned_pair

import isorep


@pytest.mark.parametrize("sizes", [(7, 5), (5, 7), (6, 6), (1, 4), (1, 1)])
def test_variates_directions_and_weights(sizes):
    x, y = conditioned_pair(211, *sizes, 10, seed=0)
    o = isorep.overlap(x + 3, y - 2)
    c = min(sizes)
    rho = o.correlations
    assert rho.shape == (c,)
    assert np.all(np.diff(rho) <= 0)
    assert rho[0] <= 1
    assert rho[-1] >= 0
    np.testing.assert_allclose(o.x_variates.T @ o.x_variates, np.eye(c), rtol=0, atol=1e-12)
    np.testing.assert_allclose(o.y_variates.T @ o.y_variates, np.eye(c), rtol=0, atol=1e-12)
    np.testing.assert_allclose(o.x_variates.T @ o.y_variates, np.diag(rho), rtol=0, atol=1e-12)
    np.testing.assert_allclose((x - x.mean(0)) @ o.x_directions, o.x_variates, rtol=0, atol=1e-12)
    np.testing.assert_allclose((y - y.mean(0)) @ o.y_directions, o.y_variates, rtol=0, atol=1e-12)
    np.testing.assert_allclose(o.x_loadings, o.x_variates.T @ (x - x.mean(0)), rtol=0, atol=1e-12)
    for weights in (o.x_weights, o.y_weights):
        assert weights.shape == (c,)
        assert np.all(weights >= 0)
        assert weights.sum() == pytest.approx(1, abs=1e-12)


def test_exchanging_the_sides_exchanges_everything():
    x, y = conditioned_pair(101, 7, 5, 10, seed=1)
    one, other = isorep.overlap(x, y), isorep.overlap(y, x)
    np.testing.assert_allclose(one.correlations, other.correlations, rtol=0, atol=1e-14)
    np.testing.assert_allclose(one.x_weights, other.y_weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.y_weights, other.x_weights, rtol=0, atol=1e-12)


def test_an_exchanged_overlap_is_that_of_the_exchanged_sides():
    x, y = conditioned_pair(101, 7, 5, 10, seed=1)
    one, other = isorep.overlap(x, y), isorep.overlap(y, x)
    np.testing.assert_allclose(one.swap().matrix, other.matrix, rtol=0, atol=1e-14)
    computed = one.correlations
    for exchanged in (one.swap(), isorep.overlap(x, y).swap()):
        np.testing.assert_allclose(exchanged.correlations, computed, rtol=0, atol=1e-14)
        np.testing.assert_allclose(exchanged.x_weights, one.y_weights, rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            exchanged.x_variates.T @ exchanged.y_variates, np.diag(computed), rtol=0, atol=1e-12
        )
    assert one.swap().correlations is computed


def test_variates_go_back_in_as_a_representation():
    x, y = conditioned_pair(101, 7, 5, 10, seed=2)
    leading = isorep.overlap(x, y).x_variates[:, :3]
    assert isorep.cca(leading, x).similarity == pytest.approx(1, abs=1e-12)


def test_prepared_sides_give_the_same_overlap():
    x, y = conditioned_pair(101, 7, 5, 10, seed=3)
    prepared = isorep.overlap(isorep.Basis.from_array(x), y)
    np.testing.assert_array_equal(prepared.matrix, isorep.overlap(x, y).matrix)


@pytest.mark.parametrize(
    ("n", "a", "b", "forced"), [(20, 30, 40, 19), (20, 12, 11, 4), (20, 10, 9, 0), (20, 10, 10, 1)]
)
def test_forced_correlations_are_counted_and_are_one(n, a, b, forced):
    x, y = (np.random.default_rng(4).standard_normal((n, p)) for p in (a, b))
    o = isorep.overlap(x, y + x[:, :1] * 0)
    assert o.n_forced == forced
    np.testing.assert_allclose(o.correlations[:forced], 1, rtol=0, atol=1e-9)
    if forced:
        with pytest.warns(isorep.FewSamplesWarning, match=f"{forced} of the .* are 1 whatever"):
            score = isorep.cca(x, y)
        assert f"{forced} of the" in score.warnings[0]


def test_more_features_than_samples_is_no_obstacle_to_cka_and_procrustes():
    x, y = (np.random.default_rng(5).standard_normal((20, p)) for p in (300, 200))
    with isorep.silence("few-samples"):
        assert 0 < isorep.cka(x, y).similarity < 1
        assert 0 < isorep.procrustes(x, y).similarity < 1


def test_the_warning_near_n_equal_p_names_the_chance_level():
    x, y = np.random.default_rng(6).standard_normal((2, 101, 25))
    with pytest.warns(
        isorep.FewSamplesWarning, match=r"mean squared canonical correlation of 0\.25"
    ):
        score = isorep.pwcca(x, y)
    assert len(score.warnings) == 1
    found = np.mean(
        [
            np.mean(
                isorep.overlap(*np.random.default_rng(s).standard_normal((2, 101, 25))).correlations
                ** 2
            )
            for s in range(40)
        ]
    )
    assert found == pytest.approx(0.25, abs=0.01)


def test_independent_data_with_many_samples_is_near_zero():
    x, y = np.random.default_rng(7).standard_normal((2, 20000, 3))
    for measure, row in isorep.MEASURES.items():
        if row.requires in ("maps", "repeats"):
            continue
        if "max_samples" in row.options:  # they take n^2 time, and are above 0 by chance
            continue
        score = isorep.similarity(x, y, measure)
        # The distance of two projectors, nearly: finite for any data.
        if measure == "gulp":
            assert score.distance == pytest.approx(6**0.5, rel=0.05)
        else:
            assert abs(score.similarity) < 0.03


def test_ties_among_correlations():
    """Correlations 1, 1, 1, 0, 0 exactly: three features shared, two orthogonal to all."""
    q = np.linalg.qr(np.random.default_rng(8).standard_normal((60, 8)) - 0.0)[0]
    q = np.linalg.qr(q - q.mean(axis=0))[0][:, :7]
    x, y = q[:, :5], q[:, [0, 1, 2, 5, 6]]
    o = isorep.overlap(x, y)
    np.testing.assert_allclose(o.correlations, [1, 1, 1, 0, 0], rtol=0, atol=1e-12)
    # Squared projections do not depend on how the tied variates are rotated: 3 of 5 features.
    assert isorep.pwcca(x, y, weighting="variance").similarity == pytest.approx(0.6, abs=1e-12)
    assert isorep.cca(x, y).similarity == pytest.approx(0.6, abs=1e-12)
    assert 0 < isorep.pwcca(x, y).similarity < 1


@pytest.mark.parametrize("sizes", [(30, 40), (40, 30), (35, 35)])
@pytest.mark.parametrize("lengths", ["spread", "tied", "small", "one"])
def test_correlations_and_weights_are_those_of_the_svd(sizes, lengths):
    """Also where M's singular values are tied, tiny or 1, and its eigenvectors are no help."""
    rng = np.random.default_rng(8)
    c = min(sizes)
    rho = {
        "spread": np.linspace(0.99, 1e-3, c),
        "tied": np.repeat([0.9, 0.5], [3, c - 3]),
        "small": np.geomspace(1, 1e-12, c),
        "one": np.ones(c),
    }[lengths]
    u, w = (np.linalg.qr(rng.standard_normal((size, size)))[0][:, :c] for size in sizes)
    x, y = (rng.standard_normal((400, size)) for size in sizes)
    o = isorep.overlap(x, y)
    coupled = isorep.Overlap(o.x, o.y, (u * rho) @ w.T)
    np.testing.assert_allclose(coupled.correlations, rho, rtol=0, atol=1e-14)
    if lengths == "spread":  # the others leave directions to rounding
        for weights, turned, side in ((coupled.x_weights, u, o.x), (coupled.y_weights, w, o.y)):
            expected = np.abs(turned.T @ side.loadings).sum(axis=1)
            np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-9)


def test_correlations_when_eigenvectors_are_not_found(monkeypatch):
    def fail(matrix):
        raise np.linalg.LinAlgError("did not converge")

    x, y = conditioned_pair(101, 7, 5, 10, seed=1)
    bases = [isorep.Basis.from_array(side) for side in (x, y)]
    expected = isorep.overlap(*bases)
    monkeypatch.setattr(np.linalg, "eigh", fail)
    found = isorep.overlap(*bases)
    np.testing.assert_allclose(found.correlations, expected.correlations, rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.y_weights, expected.y_weights, rtol=0, atol=1e-12)
