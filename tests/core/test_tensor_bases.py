"""Bases and overlaps of tensors, on the CPU and on a GPU: the numbers of NumPy, on the device."""

import numpy as np
import pytest
import torch
from array_api_compat import array_namespace
from helpers.devices import each_device

import isorep
from isorep._utils.triangular import cholesky, solve_lower, solve_upper
from isorep.core.principal_axes import PrincipalAxes
from isorep.core.triangular_axes import TriangularAxes


def sides(spread, constants=(), twice=()):
    """Return x, whose singular values span `spread`, and y, which shares directions with it."""
    rng = np.random.default_rng(0)
    u, _, vt = np.linalg.svd(rng.standard_normal((300, 20)), full_matrices=False)
    x = (u * np.geomspace(1, 1 / spread, 20)) @ vt + 3 * rng.standard_normal(20)
    x[:, list(constants)] = 0.25
    for column in twice:
        x[:, column] = -2 * x[:, 5]
    return x, u[:, :6] @ rng.standard_normal((6, 9)) + 0.05 * rng.standard_normal((300, 9))


CASES = {
    "one pass": ("gram", {"spread": 8}, TriangularAxes),
    "two passes": ("gram", {"spread": 2e3}, TriangularAxes),
    "constant features": ("gram", {"spread": 2e3, "constants": (0, 7)}, TriangularAxes),
    "a feature twice": ("gram", {"spread": 8, "twice": (2,)}, PrincipalAxes),
    "ill-conditioned": ("gram", {"spread": 1e6}, PrincipalAxes),
    "svd": ("svd", {"spread": 2e3}, PrincipalAxes),
}


@each_device
@pytest.mark.parametrize("case", CASES)
def test_a_basis_and_an_overlap_are_those_of_numpy(device, case):
    solver, options, axes = CASES[case]
    x, y = sides(**options)
    tensors = [torch.as_tensor(side, device=device) for side in (x, y)]
    # A Gram matrix loses the small singular values, and whitening the square of the spread.
    of_values, near = (1e-9, 1e-7) if case == "ill-conditioned" else (1e-12, 1e-10)
    bases = [isorep.Basis.from_array(side, solver=solver) for side in tensors]
    expected = [isorep.Basis.from_array(side, solver=solver) for side in (x, y)]
    assert type(bases[0].axes) is axes
    for basis, of_numpy in zip(bases, expected, strict=True):
        assert type(of_numpy.axes) is type(basis.axes)
        assert basis.rank == of_numpy.rank
        for name in ("mean", "singular_values", "loadings", "whitening", "q"):
            assert getattr(basis, name).device.type == device, name
        s = basis.singular_values.cpu().numpy()
        np.testing.assert_allclose(s, of_numpy.singular_values, rtol=0, atol=of_values * s[0])
        identity = (basis.q.T @ basis.q).cpu().numpy()
        np.testing.assert_allclose(identity, np.eye(basis.rank), rtol=0, atol=1e-11)
    o, of_numpy = isorep.overlap(*bases), isorep.overlap(*expected)
    for name in ("correlations", "matrix", "x_variates", "y_directions", "x_weights"):
        assert getattr(o, name).device.type == device, name
    np.testing.assert_allclose(
        o.correlations.cpu().numpy(), of_numpy.correlations, rtol=0, atol=near
    )
    np.testing.assert_allclose(o.x_weights.cpu().numpy(), of_numpy.x_weights, rtol=0, atol=near)


@each_device
def test_triangles(device):
    rng = np.random.default_rng(1)
    lower = np.linalg.cholesky(np.cov(rng.standard_normal((8, 50))))
    right = rng.standard_normal((8, 3))
    tensors = [torch.as_tensor(array, device=device) for array in (lower, right)]
    xp = array_namespace(*tensors)
    for solve, triangle in ((solve_lower, lower), (solve_upper, lower.T)):
        solved = solve(*tensors)
        assert solved.device.type == device
        np.testing.assert_allclose(triangle @ solved.cpu().numpy(), right, rtol=0, atol=1e-12)
    gram = tensors[0] @ tensors[0].T
    np.testing.assert_allclose(cholesky(xp, gram).cpu().numpy(), lower, rtol=0, atol=1e-12)
    gram[3, 3] = -1.0
    assert cholesky(xp, gram) is None


@each_device
def test_values_that_are_no_representation(device):
    x = torch.ones((20, 3), device=device)
    with pytest.raises(ValueError, match="no variance"):
        isorep.Basis.from_array(x)
    x[4, 1] = torch.inf
    with pytest.raises(ValueError, match="0 NaN and 1 infinite values, the first at row 4, column"):
        isorep.Basis.from_array(x)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_host_and_a_device_do_not_mix():
    x = torch.randn(20, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="x is on device cuda:0 and y on cpu: move one of them"):
        isorep.overlap(x.cuda(), x)
