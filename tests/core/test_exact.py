"""Canonical correlations against 50-digit arithmetic, at the tolerances the README promises."""

import numpy as np
import pytest
from helpers.oracle import conditioned_pair, exact_correlations
from helpers.quick import slow_unless, with_few_folds

import isorep

SIZES = [(61, 7, 5), (59, 5, 7), (97, 13, 11)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("condition", slow_unless([1e3, 1e6], [1e1, 1e2, 1e3, 1e4, 1e5, 1e6]))
def test_correlations_are_exact(size, condition):
    x, y = conditioned_pair(*size, condition, seed=size[0])
    exact = exact_correlations(x, y)
    promised = {"auto": (1e-9, 1e-7), "gram": (1e-9, 1e-7), "svd": (1e-12, 1e-8)}
    for solver, (well, ill) in promised.items():
        o = isorep.overlap(x, y, solver=solver)
        np.testing.assert_allclose(
            o.correlations, exact, rtol=0, atol=well if condition <= 1e3 else ill
        )
        for name in ("x", "y"):
            variates, directions = getattr(o, f"{name}_variates"), getattr(o, f"{name}_directions")
            data = x if name == "x" else y
            np.testing.assert_allclose(
                variates.T @ variates, np.eye(variates.shape[1]), rtol=0, atol=1e-9
            )
            np.testing.assert_allclose(
                (data - data.mean(axis=0)) @ directions, variates, rtol=0, atol=1e-9
            )


@pytest.mark.slow
@pytest.mark.parametrize("condition", slow_unless([1e3], [1e1, 1e3, 1e6]))
@pytest.mark.parametrize("solver", ["auto", "gram", "svd"])
def test_identical_inputs_have_similarity_one(condition, solver):
    x, _ = conditioned_pair(601, 53, 47, condition, seed=1)
    o = isorep.overlap(x, x.copy(), solver=solver)
    for name, row in isorep.MEASURES.items():
        if row.requires in ("maps", "repeats"):
            continue
        # Fewer components than directions do not predict all of x.
        options = {"n_components": 53} if name == "pls_regression" else {}
        score = with_few_folds(row).with_options(**options)(o)
        assert score.similarity == pytest.approx(1, abs=1e-12), name


@pytest.mark.parametrize("solver", ["auto", "gram", "svd"])
def test_a_mean_a_million_times_the_spread_costs_what_the_data_lost(solver):
    """The data themselves keep 1e-10 of the spread; that, and no more, shows in the result."""
    x, y = conditioned_pair(61, 7, 5, 10, seed=3)
    x, y = x + 1e6 * x.std(axis=0), y - 1e6 * y.std(axis=0)
    np.testing.assert_allclose(
        isorep.overlap(x, y, solver=solver).correlations,
        exact_correlations(x, y),
        rtol=0,
        atol=1e-12,
    )


def test_correlations_equal_those_of_statsmodels():
    cancorr = pytest.importorskip("statsmodels.multivariate.cancorr")
    x, y = conditioned_pair(211, 11, 7, 30, seed=4)
    np.testing.assert_allclose(
        isorep.overlap(x, y).correlations,
        cancorr.CanCorr(x, y).cancorr,
        rtol=0,
        atol=1e-12,
    )


def test_correlations_are_cosines_of_scipys_subspace_angles():
    from scipy.linalg import subspace_angles

    x, y = conditioned_pair(211, 11, 7, 30, seed=5)
    angles = subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0))
    np.testing.assert_allclose(
        isorep.overlap(x, y).correlations, np.cos(angles)[::-1], rtol=0, atol=1e-12
    )
