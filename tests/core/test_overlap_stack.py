"""Overlap stack: each overlap of a stack is the overlap of the reordered samples."""

import numpy as np
import pytest

import isorep
from isorep.core.overlap_stack import OverlapStack
from isorep.measures import MEASURES

N = 40


def sides(a, b):
    rng = np.random.default_rng(a)
    x = rng.standard_normal((N, a)) * np.arange(1, a + 1)
    return x, rng.standard_normal((N, b)) + x[:, :1]


def stacked(x, y):
    rng = np.random.default_rng(7)
    orders = np.array([rng.permutation(N) for _ in range(4)])
    bases = isorep.Basis.from_array(x), isorep.Basis.from_array(y)
    alone = [isorep.overlap(x, y[order]) for order in orders]
    return OverlapStack.from_orders(*bases, orders), alone


@pytest.mark.parametrize(("a", "b"), [(6, 3), (3, 6), (4, 4), (1, 5)])
def test_attributes_are_those_of_each_overlap(a, b):
    x, y = sides(a, b)
    stack, alone = stacked(x, y)
    assert len(stack) == 4
    assert stack.n_samples == N
    for name in ("correlations", "x_weights", "y_weights"):
        expected = [getattr(overlap, name) for overlap in alone]
        np.testing.assert_allclose(getattr(stack, name), expected, rtol=0, atol=1e-12)
    for name in ("x_loadings", "y_loadings"):  # up to the signs of the variates
        expected = [np.abs(getattr(overlap, name)) for overlap in alone]
        np.testing.assert_allclose(np.abs(getattr(stack, name)), expected, rtol=0, atol=1e-10)
    for part, overlap in zip(stack, alone, strict=True):
        np.testing.assert_allclose(part.matrix @ part.matrix.T, overlap.matrix @ overlap.matrix.T)
        np.testing.assert_allclose(part.y.samples, overlap.y.samples, atol=1e-12)


def test_leading_components_are_those_of_each_overlap():
    x, y = sides(6, 4)
    stack, alone = stacked(x, y)
    expected = [overlap.leading(3, 2).correlations for overlap in alone]
    np.testing.assert_allclose(stack.leading(3, 2).correlations, expected, atol=1e-12)


def test_tied_correlations_are_decomposed_exactly():
    x = np.linalg.qr(np.random.default_rng(0).standard_normal((N, 3)))[0]
    basis = isorep.Basis.from_array(x)
    orders = np.array([np.arange(N), np.random.default_rng(1).permutation(N)])
    stack = OverlapStack.from_orders(basis, basis, orders)
    np.testing.assert_allclose(stack.correlations[0], 1, atol=1e-12)
    weights = isorep.overlap(basis, x[orders[1]]).x_weights
    np.testing.assert_allclose(stack.x_weights[1], weights, atol=1e-12)


@pytest.mark.parametrize(
    "spec",
    [
        "pwcca",
        "pwcca(weights_from=y)",
        "pwcca(weights_from=both)",
        "pwcca(weighting=variance)",
        "pwcca(weighting=google)",
        "svcca(variance=0.8)",
        "shape(alpha=0.25)",
        "linear_regression",
        "cka_debiased",
    ],
)
def test_similarities_are_those_of_each_overlap(spec):
    row = isorep.measures.registry.measure_named(spec)
    stack, alone = stacked(*sides(6, 4))
    expected = [row(overlap).similarity for overlap in alone]
    np.testing.assert_allclose(row.similarities(stack), expected, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name, row in MEASURES.items() if row.stack_rule])
def test_every_rule_for_stacks_is_the_formula(name):
    row = MEASURES[name]
    stack, alone = stacked(*sides(5, 6))
    np.testing.assert_allclose(
        row.similarities(stack), [row(overlap).similarity for overlap in alone], rtol=1e-9
    )
