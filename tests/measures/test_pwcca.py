"""PWCCA's variants: the paper's numbers, and the published code's."""

from pathlib import Path

import numpy as np
import pytest
from helpers.oracle import conditioned_pair, naive_cca, naive_pwcca, toy

import isorep

MNIST = Path(__file__).parents[3] / "shared" / "data" / "svcca-mnist"


def published_code(x, y):
    """Compute what google/svcca computes, from its description, on whole arrays of samples."""

    def root(c):
        squares, v = np.linalg.eigh(c)
        return v / np.sqrt(squares) @ v.T

    xc, yc = x - x.mean(axis=0), y - y.mean(axis=0)
    u, rho, _ = np.linalg.svd(root(xc.T @ xc) @ (xc.T @ yc) @ root(yc.T @ yc))
    directions = xc @ u + x.mean(axis=0)  # unwhitened, and neuron i's mean on direction i
    basis, _ = np.linalg.qr(directions)
    weights = np.abs(basis.T @ x).sum(axis=1)  # the data are not centred here
    return weights @ rho / weights.sum()


@pytest.mark.parametrize("sizes", [(5, 7), (6, 6), (1, 3)])
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_google_weighting_is_the_published_code(sizes, offset):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((83, sizes[0])) + offset * rng.standard_normal(sizes[0])
    y = x @ rng.standard_normal(sizes) + 1.3 * rng.standard_normal((83, sizes[1])) + offset
    expected = published_code(x, y)
    assert isorep.pwcca(x, y, weighting="google").similarity == pytest.approx(expected, abs=1e-9)
    swapped = isorep.pwcca(y, x, weighting="google", weights_from="y").similarity
    assert swapped == pytest.approx(expected, abs=1e-9)


def test_google_weighting_answers_where_the_published_code_stops():
    """It raises IndexError where the first side is wider; rank-deficient data end in NaN."""
    x, y = conditioned_pair(101, 9, 4, 10, seed=1)
    x = np.hstack([x, x[:, :2], np.zeros((101, 1))])
    for sides in ((x, y), (y, x)):
        assert 0 < isorep.pwcca(*sides, weighting="google").similarity < 1


def test_variance_weighting_is_the_share_of_variance():
    x, y = conditioned_pair(101, 7, 5, 10, seed=2)
    rho, variates = naive_cca(x, y)
    alpha = np.sum((variates.T @ (x - x.mean(axis=0))) ** 2, axis=1)
    score = isorep.pwcca(x, y, weighting="variance")
    assert score.similarity == pytest.approx(alpha @ rho / alpha.sum(), abs=1e-12)


@pytest.mark.parametrize("weighting", ["paper", "variance", "google"])
def test_weights_from_either_side_or_both(weighting):
    x, y = conditioned_pair(101, 6, 6, 10, seed=3)

    def value(*sides, weights_from):
        return isorep.pwcca(*sides, weights_from=weights_from, weighting=weighting).similarity

    from_y = value(x, y, weights_from="y")
    assert from_y == pytest.approx(value(y, x, weights_from="x"), abs=1e-12)
    both = value(x, y, weights_from="both")
    assert both == pytest.approx((value(x, y, weights_from="x") + from_y) / 2, abs=1e-12)
    assert both == pytest.approx(value(y, x, weights_from="both"), abs=1e-12)


@pytest.mark.slow
def test_the_toy_of_figure_2():
    """Mean CCA overestimates the distance badly, PWCCA far less; all meet at ratio 1."""
    ks = [20, 50, 70, 80, 100, 120, 140, 160, 180, 199]
    overlaps = [isorep.overlap(*toy(k, seed=k)) for k in ks]
    cca, svcca, pwcca = (
        np.array([isorep.MEASURES[name](o).distance for o in overlaps])
        for name in ("cca", "svcca", "pwcca")
    )
    # Computed independently on other draws; the standard deviation over draws is 0.0014.
    np.testing.assert_allclose(1 - pwcca[[0, 4]], [0.472, 0.930], rtol=0, atol=0.01)
    np.testing.assert_allclose(1 - cca[[0, 4]], [0.333, 0.5975], rtol=0, atol=0.01)
    assert np.all(pwcca <= cca)
    assert np.all(svcca[1:] <= cca[1:])
    assert np.all(np.diff(pwcca) < 0)
    assert cca[0] - pwcca[0] > 0.1
    assert np.all(pwcca[4:] < 0.08)
    assert max(cca[-1], svcca[-1], pwcca[-1]) < 0.01


def test_tied_correlations_leave_the_papers_weights_some_freedom():
    """The toy shares k dimensions exactly: k correlations are 1, their variates free to rotate.

    Squared projections do not see the rotation; the paper's absolute ones do, in the third decimal.
    """
    x, y = toy(20, seed=20)
    rho, variates = naive_cca(x, y)
    loadings = variates.T @ (x - x.mean(axis=0))
    squared, absolute = np.sum(loadings**2, axis=1), np.sum(np.abs(loadings), axis=1)
    score = isorep.pwcca(x, y, weighting="variance")
    assert score.similarity == pytest.approx(squared @ rho / squared.sum(), abs=1e-12)
    other_rotation = absolute @ rho / absolute.sum()
    assert isorep.pwcca(x, y).similarity == pytest.approx(other_rotation, abs=0.01)


def small_logits():
    """Draw logits like those of two networks trained on one task: ten classes, ten neurons."""
    rng = np.random.default_rng(7)
    classes = np.eye(10)[rng.integers(10, size=997)]
    return tuple(
        classes @ (6 * np.eye(10) + rng.standard_normal((10, 10)))
        + rng.standard_normal((997, 10)) @ rng.standard_normal((10, 10))
        - 2 * rng.random(10)
        for _ in range(2)
    )


def test_small_logits_in_every_variant():
    x, y = small_logits()
    assert isorep.pwcca(x, y).similarity == pytest.approx(naive_pwcca(x, y), abs=1e-12)
    assert isorep.pwcca(y, x).similarity == pytest.approx(naive_pwcca(y, x), abs=1e-12)
    assert isorep.pwcca(x, y, weighting="google").similarity == pytest.approx(
        published_code(x, y), abs=1e-9
    )
    values = [isorep.pwcca(x, y).similarity, isorep.pwcca(y, x).similarity]
    values += [isorep.cca(x, y).similarity]
    values += [isorep.pwcca(x, y, weighting="google").similarity]
    assert len({round(value, 4) for value in values}) == 4  # four formulas, four numbers


@pytest.mark.skipif(not MNIST.is_dir(), reason="needs the MNIST logits of google/svcca's tutorials")
def test_mnist_logits_to_four_decimals():
    x, y = (np.load(MNIST / f"model_{i}_logits.npy").astype(np.float64) for i in (0, 1))
    assert round(isorep.pwcca(x, y).similarity, 4) == 0.8074
    assert round(isorep.pwcca(y, x).similarity, 4) == 0.7990
    assert round(isorep.cca(x, y).similarity, 4) == 0.7057
    assert round(isorep.pwcca(x, y, weighting="google").similarity, 4) == 0.7372


@pytest.mark.parametrize("weighting", ["paper", "variance", "google"])
def test_fewer_directions_than_neurons_and_any_unit(weighting):
    """Dead neurons and copies add nothing, and the unit of x does not count."""
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((2, 200, 6))
    y += x
    expected = isorep.pwcca(x, y, weighting=weighting).similarity
    dead = np.hstack([x, np.zeros((200, 3))]), np.hstack([y, np.zeros((200, 3))])
    assert isorep.pwcca(*dead, weighting=weighting).similarity == pytest.approx(expected, abs=1e-9)
    for unit in (1e304, 1e-250):
        scaled = isorep.pwcca(unit * x, y, weighting=weighting).similarity
        assert scaled == pytest.approx(expected, abs=1e-9)
