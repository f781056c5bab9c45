"""Similarities without each sample equal those of n refits."""

import numpy as np
import pytest
from helpers import oracle

import isorep
from isorep.core.folds import rows_of
from isorep.core.kernel import Kernel
from isorep.explanation.downdated_overlap import without_sample
from isorep.explanation.kernel_leave_one_out import alignment_without
from isorep.explanation.leave_one_out import (
    is_singular,
    mean_correlation_without,
    procrustes_without,
)
from isorep.explanation.sample_contributions import sample_contributions
from isorep.measures.registry import measure_named

EXACT = [
    "cka",
    "cka_debiased",
    "cca_squared",
    "eigenspace_overlap",
    "linear_regression",
    "distance_correlation",
    "mutual_knn(k=5)",
    "jaccard_knn(k=5, metric=euclidean)",
    "pwcca",
    "pwcca(weights_from=both, weighting=variance)",
    "cca",
    "svcca",
    "procrustes",
    "ridge_cca",
    "shape",
    "gulp",
    "permutation",
    "soft_correlation",
]


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((40, 3))
    x = latent @ rng.standard_normal((3, 4)) + 0.5 * rng.standard_normal((40, 4)) + 7
    y = latent @ rng.standard_normal((3, 6)) + 0.5 * rng.standard_normal((40, 6))
    return x, y


def refits(x, y, similarity):
    return np.array(
        [similarity(np.delete(x, j, axis=0), np.delete(y, j, axis=0)) for j in range(len(x))]
    )


@pytest.mark.parametrize("spec", EXACT)
def test_contributions_equal_those_of_refits(sides, spec):
    measure = measure_named(spec)
    result = sample_contributions(isorep.overlap(*sides), measure)
    expected = (
        refits(*sides, lambda x, y: measure.compute(isorep.overlap(x, y)).similarity)
        - measure.compute(isorep.overlap(*sides)).similarity
    )
    assert result.method.startswith("exact")
    np.testing.assert_allclose(result.values, expected, rtol=0, atol=1e-9)


def test_contributions_of_cka_equal_those_of_naive_gram_matrices(sides):
    result = sample_contributions(isorep.overlap(*sides), measure_named("cka"))
    expected = refits(*sides, oracle.naive_cka) - oracle.naive_cka(*sides)
    np.testing.assert_allclose(result.values, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("unbiased", [False, True])
def test_alignment_without_a_sample_equals_that_of_the_smaller_matrices(sides, unbiased):
    kernels = [np.exp(-(((z[:, None] - z) ** 2).sum(axis=2)) / 9) - 1 for z in sides]

    def hsic(k, l):  # noqa: E741
        n = len(k)
        if not unbiased:
            h = np.eye(n) - 1 / n
            return np.trace(k @ h @ l @ h)
        ones = np.ones(n)
        products = np.trace(k @ l) - 2 / (n - 2) * ones @ k @ l @ ones
        return products + (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))

    def alignment(j):
        k, l = (np.delete(np.delete(m, j, axis=0), j, axis=1) for m in kernels)  # noqa: E741
        return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))

    result = alignment_without(
        Kernel(sides[0]),
        lambda rows: kernels[0][rows],
        lambda rows: kernels[1][rows],
        unbiased=unbiased,
    )
    np.testing.assert_allclose(result, [alignment(j) for j in range(40)], rtol=0, atol=1e-9)


def test_the_overlap_without_a_sample_has_its_correlations_and_loadings(sides):
    overlap = isorep.overlap(*sides)
    part = without_sample(overlap, 11)
    refit = rows_of(overlap, np.arange(40) != 11)
    np.testing.assert_allclose(part.correlations, refit.correlations, rtol=0, atol=1e-12)
    np.testing.assert_allclose(part.x.singular_values, refit.x.singular_values, rtol=1e-12)
    np.testing.assert_allclose(np.abs(part.x.loadings), np.abs(refit.x.loadings), atol=1e-10)
    np.testing.assert_allclose(np.abs(part.y.whitening), np.abs(refit.y.whitening), atol=1e-10)
    np.testing.assert_allclose(part.x.mean, refit.x.mean, rtol=1e-12)


@pytest.mark.parametrize(
    ("first_order", "spec"), [(mean_correlation_without, "cca"), (procrustes_without, "procrustes")]
)
def test_first_order_forms_err_by_the_square_of_the_change(first_order, spec):
    rng = np.random.default_rng(1)
    errors = []
    for n in (200, 800):
        x = rng.standard_normal((n, 3))
        y = x @ rng.standard_normal((3, 3)) + 0.5 * rng.standard_normal((n, 3))
        overlap, measure = isorep.overlap(x, y), measure_named(spec)
        similarity = measure.compute(overlap).similarity
        exact = sample_contributions(overlap, measure).values
        errors.append(np.abs(first_order(overlap) - similarity - exact).max())
        assert errors[-1] < 0.1 * np.abs(exact).max()
    # Changes are of order 1 / n, so their squares fall by more than half from 200 to 800.
    assert errors[1] < errors[0] / 2


def test_a_direction_of_one_sample_is_refitted():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 30, 3))
    x[:, 2] = 0
    x[4, 2] = 1
    overlap, measure = isorep.overlap(x, y), measure_named("cca_squared")
    assert is_singular(overlap)
    result = sample_contributions(overlap, measure)
    assert result.method == "exact, by refits without each sample"
    without = isorep.overlap(np.delete(x, 4, axis=0), np.delete(y, 4, axis=0))
    change = measure.compute(without).similarity - measure.compute(overlap).similarity
    np.testing.assert_allclose(result.values[4], change, rtol=0, atol=1e-12)


def test_samples_of_a_block_share_its_value(sides, monkeypatch):
    monkeypatch.setattr("isorep.explanation.sample_contributions.BUDGET", 1.0)
    labels = np.repeat(["a", "b"], 20)
    overlap, measure = isorep.overlap(*sides), measure_named("pwcca")
    result = sample_contributions(overlap, measure, labels=labels)
    assert result.method.startswith("refits without blocks of 2 samples")
    values, counts = np.unique(result.values, return_counts=True)
    assert counts.tolist() == [2] * 20
    block = np.flatnonzero(result.values == values[0])
    assert len(set(labels[block])) == 1
    without = isorep.overlap(*(np.delete(side, block, axis=0) for side in sides))
    change = measure.compute(without).similarity - measure.compute(overlap).similarity
    np.testing.assert_allclose(2 * values[0], change, rtol=0, atol=1e-9)
