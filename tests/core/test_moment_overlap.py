"""Basis and Overlap from moments: no measure can tell them from those of arrays."""

import numpy as np
import pytest
from helpers.oracle import conditioned_pair, exact_correlations, two_sharing

import isorep
from isorep import Basis, Moments, Overlap
from isorep.core.moments import CrossMoments

MEASURES = [name for name, row in isorep.MEASURES.items() if row.requires == "moments"]


def streamed(x, y, parts=7):
    """Couple two arrays by the moments of their parts."""
    found = []
    for z in (x, y):
        moments = [Moments.from_batch(part) for part in np.array_split(z, parts)]
        found.append(Basis.from_moments(sum(moments, start=Moments.empty(z.shape[1]))))
    cross = [
        CrossMoments.from_batch(*part)
        for part in zip(np.array_split(x, parts), np.array_split(y, parts), strict=True)
    ]
    empty = CrossMoments.empty(x.shape[1], y.shape[1])
    return Overlap.from_moments(*found, sum(cross, start=empty))


def ugly():
    """Representations that break published code, by name."""
    rng = np.random.default_rng(0)
    x, y = conditioned_pair(331, 13, 13, 10, seed=1)
    x, y = 2 + x, y - 3 * rng.standard_normal(13)
    dead = np.full(331, 0.1)
    return {
        "plain": (x, y),
        "wide": (x, conditioned_pair(331, 5, 5, 10, seed=2)[0]),
        "far": (x + 1e8, y - 1e7),
        "rank": (x @ rng.standard_normal((13, 4)) @ rng.standard_normal((4, 13)), y),
        "copies": (np.column_stack([x, 2.37 * x[:, 3], -x[:, 0]]), y),
        "dead": (np.column_stack([x[:, :5], dead, x[:, 5:]]), np.column_stack([-1e30 * dead, y])),
        "half": (x.astype("float16"), y.astype("float32")),
        "few": (x[:11], y[:11]),
        "itself": (x, x),
    }


@pytest.mark.parametrize("case", ugly())
def test_every_measure_of_moments_agrees_with_that_of_arrays(case):
    x, y = ugly()[case]
    one, other = streamed(x, y), isorep.overlap(x, y, solver="gram")
    assert (one.x.rank, one.y.rank) == (other.x.rank, other.y.rank)
    np.testing.assert_allclose(one.correlations, other.correlations, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.x.singular_values, other.x.singular_values, rtol=1e-9)
    for name in MEASURES:
        row = isorep.MEASURES[name]
        if row.paired and x.shape != y.shape:
            continue
        found, expected = row(one), row(other)
        if name in ("euclidean", "gulp"):  # the digits of a small distance are in the samples
            unit = float(np.linalg.norm(x.astype(float))) if name == "euclidean" else 1.0
            # The square of a distance near 0 is a difference of sums near 1: some rounding steps.
            squares = [(value.distance / unit) ** 2 for value in (found, expected)]
            assert squares[0] == pytest.approx(squares[1], rel=1e-9, abs=1e-14)
        else:
            assert found.similarity == pytest.approx(expected.similarity, abs=1e-9), name
        assert found.warnings == expected.warnings


@pytest.mark.parametrize("condition", [1e1, 1e2, 1e3])
def test_correlations_are_exact(condition):
    x, y = conditioned_pair(61, 7, 5, condition, seed=3)
    found = streamed(x, y).correlations
    np.testing.assert_allclose(found, exact_correlations(x, y), rtol=0, atol=1e-9)


def test_the_spread_of_the_spectrum_costs_its_square():
    for condition in (1e4, 1e5, 1e6):
        x, y = conditioned_pair(61, 7, 5, condition, seed=4)
        found = streamed(x, y).correlations
        error = np.abs(found - exact_correlations(x, y)).max()
        assert error < 1e-16 * 20 * condition**2


def test_digits_that_whitening_lost_are_warned_of():
    x, y = conditioned_pair(301, 7, 5, 5e6, seed=4)
    o = streamed(x, y)
    for name in ("cca", "pwcca"):
        (text,) = isorep.MEASURES[name](o).warnings
        assert text.startswith("the spectrum of a layer spans ")
        assert not isorep.MEASURES[name](isorep.overlap(x, y)).warnings
    for name in ("cka", "procrustes"):
        assert not isorep.MEASURES[name](o).warnings
    assert not isorep.MEASURES["svcca"](o).warnings


def test_directions_and_weights():
    x, y = ugly()["plain"]
    one, other = streamed(x, y), isorep.overlap(x, y)
    variates = (x - x.mean(axis=0)) @ one.x_directions
    signs = np.sign(np.sum(variates * other.x_variates, axis=0))
    np.testing.assert_allclose(variates, other.x_variates * signs, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.x_weights, other.x_weights, rtol=0, atol=1e-9)
    part, whole = one.leading(3, 2), other.leading(3, 2)
    np.testing.assert_allclose(part.correlations, whole.correlations, rtol=0, atol=1e-9)
    exchanged = one.swap()
    np.testing.assert_allclose(exchanged.y_weights, one.x_weights, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_rounding_of_many_merges_adds_no_direction():
    x = np.random.default_rng(5).standard_normal((20000, 3)) * [1.0, 0.1, 30.0] + 4
    x = np.column_stack([x, 2.37 * x[:, 0], x[:, 1] - 0.3 * x[:, 2], 1e-3 * x[:, 2]])
    found = Moments.empty(6)
    for row in x:
        found = found.merge(Moments(1, row, np.zeros((6, 6)), np.zeros(6), "float64"))
    assert Basis.from_moments(found).rank == 3


@pytest.mark.slow
def test_a_correction_needs_no_samples():
    x, y = two_sharing(4, 12, 300, seed=6)
    for name in ("cca", "pwcca"):
        row = isorep.MEASURES[name]
        found, expected = row.corrected(streamed(x, y)), row.corrected(isorep.overlap(x, y))
        assert found.similarity == pytest.approx(expected.similarity, abs=1e-6)


def test_what_needs_samples_says_so():
    o = streamed(*ugly()["plain"])
    assert not o.knows_samples
    needy = [
        lambda: o.x_variates,
        lambda: o.x.q,
        lambda: o.x.samples,
        lambda: o.y.scores,
        lambda: o.x.take(np.arange(5)),
        lambda: isorep.MEASURES["ridge_cca"](o, penalty="cv"),
        lambda: isorep.MEASURES["linear_regression"](o, folds=5),
        lambda: isorep.inference.null_distribution(o, n_permutations=9),
        lambda: isorep.inference.held_out(o),
        lambda: isorep.inference.permutation_test(o),
    ]
    needy += [lambda row=r: row(o) for r in isorep.MEASURES.values() if r.requires == "samples"]
    for need in needy:
        with pytest.raises(ValueError, match=r"only second moments are known: it has no variates"):
            need()
    with pytest.raises(ValueError, match="known by its second moments alone"):
        isorep.overlap(o.x, o.y)


def test_moments_that_do_not_belong_together():
    x, y = ugly()["wide"]
    a, b = (Basis.from_moments(Moments.from_batch(z)) for z in (x, y))
    with pytest.raises(ValueError, match=r"moments are of 330 samples and 13 by 5 features"):
        Overlap.from_moments(a, b, CrossMoments.from_batch(x[1:], y[1:]))
    with pytest.raises(ValueError, match=r"y 331 of 13; the cross .* 13 by 5 features"):
        Overlap.from_moments(a, a, CrossMoments.from_batch(x, y))
    with pytest.raises(ValueError, match="x has moments of 1 samples: at least 2"):
        Basis.from_moments(Moments.from_batch(x[:1]))
    with pytest.raises(ValueError, match=r"a\['fc'\] has no variance: each of its 2 features"):
        Basis.from_moments(Moments.from_batch(np.ones((9, 2))), name="a['fc']")
