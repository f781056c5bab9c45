"""A stack of samples gives what each of its overlaps gives."""

import numpy as np
import pytest

import isorep
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import SampleStack, StackedSide
from isorep.measures import MEASURES
from isorep.measures.registry import measure_named

MEASURES_OF_MOMENTS = [name for name, row in MEASURES.items() if row.requires == "moments"]
OPTIONS = ["pwcca(weights_from=y)", "pwcca(weights_from=both)", "pwcca(weighting=variance)",
           "svcca(variance=0.8)", "shape(alpha=0.3)"]  # fmt: skip


def stack_of(n_samples=4, ranks=(5, 3), features=(7, 7), shared=False):
    """Return samples of two bases, with random loadings, of all samples on one side if shared."""
    rng = np.random.default_rng(0)
    sides, rows = [], []
    for rank, p in zip(ranks, features, strict=True):
        x = rng.standard_normal((60, rank)) @ rng.standard_normal((rank, p))
        basis = isorep.Basis.from_array(x * np.geomspace(1, 0.2, p))
        roots = rng.standard_normal((1 if shared else n_samples, rank, rank))
        rows.append(np.linalg.qr(rng.standard_normal((n_samples, 9, rank)))[0])
        sides.append(StackedSide(basis, roots, None if shared else rows[-1], basis))
    return SampleStack(*sides, rows[0].mT @ rows[1])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", [*MEASURES_OF_MOMENTS, *OPTIONS])
def test_measures_of_a_stack_are_those_of_its_overlaps(name, shared):
    stack, measure = stack_of(shared=shared), measure_named(name)
    overlaps = list(stack_of(shared=shared))
    assert len(stack) == len(overlaps) == 4
    expected = [measure(overlap).similarity for overlap in overlaps]
    assert measure.similarities(stack) == pytest.approx(expected, abs=1e-12)
    assert np.ptp(expected) > 0.001


def test_overlaps_of_a_stack_hold_together():
    """Loadings and whitening are those of the rows, in the order of PCA."""
    stack = stack_of()
    x, y = stack.x, stack.y
    for i, overlap in enumerate(stack):
        for side, basis in ((x, overlap.x), (y, overlap.y)):
            samples = side.rows[i] @ side.roots[i] @ side.basis.loadings
            np.testing.assert_allclose(basis.factor @ basis.loadings, samples, atol=1e-10)
            np.testing.assert_allclose(samples @ basis.whitening, basis.factor, atol=1e-10)
            s = np.linalg.svd(samples, compute_uv=False)[: basis.rank]
            np.testing.assert_allclose(basis.singular_values, s, rtol=1e-10)
            assert basis.simulated_from is side.basis
        np.testing.assert_allclose(overlap.matrix, overlap.x.q.T @ overlap.y.q, atol=1e-12)


def test_a_known_decomposition_decides_tied_directions():
    stack = stack_of(ranks=(3, 3), features=(4, 3))
    u, w = (np.linalg.qr(side.roots)[0] for side in (stack.x, stack.y))
    rho = np.full((4, 3), 0.5)
    tied = SampleStack(stack.x, stack.y, (u * rho[:, None, :]) @ w.mT, (u, rho, w))
    for i, overlap in enumerate(tied):
        np.testing.assert_allclose(overlap.correlations, 0.5, atol=1e-12)
        np.testing.assert_allclose(overlap.x_weights, tied.x_weights[i], atol=1e-12)
        np.testing.assert_allclose(overlap.y_weights, tied.y_weights[i], atol=1e-12)


def test_leading_components_of_each_sample():
    stack = stack_of()
    leading = stack.leading(2, 3)
    for i, (overlap, part) in enumerate(zip(stack, leading, strict=True)):
        expected = overlap.leading(2, 3)
        assert isinstance(part, Overlap)
        np.testing.assert_allclose(leading.correlations[i], expected.correlations, atol=1e-12)
        np.testing.assert_allclose(part.x.loadings, expected.x.loadings, atol=1e-12)
        np.testing.assert_allclose(
            part.x.whitening, expected.x.whitening, atol=1e-9 * abs(expected.x.whitening).max()
        )
