"""Basis: rank by dtype, the factorisation's laws, and the inputs that break published code."""

import numpy as np
import pytest
from helpers.oracle import conditioned_pair, rotation

import isorep
import isorep.core.basis as basis_module
from isorep.core.basis import Basis
from isorep.core.moments import Moments

SOLVERS = ["auto", "gram", "svd"]
DTYPES = ["float64", "float32", "float16", "bfloat16"]


def rounded(array, dtype):
    """Round to `dtype`; bfloat16 comes from PyTorch."""
    if dtype != "bfloat16":
        return array.astype(dtype)
    torch = pytest.importorskip("torch")
    return torch.tensor(array, dtype=torch.bfloat16)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(101, 7), (23, 41), (2, 3), (50, 1)])
def test_q_is_orthonormal_centred_and_reproduces_the_data(solver, shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) + 5
    basis = Basis.from_array(x, solver=solver)
    assert basis.rank == min(shape[0] - 1, shape[1])
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(basis.rank), rtol=0, atol=1e-12)
    np.testing.assert_allclose(basis.q.sum(axis=0), 0, rtol=0, atol=1e-12)
    np.testing.assert_allclose(basis.q @ basis.loadings, centred, rtol=0, atol=1e-12)
    np.testing.assert_allclose(centred @ basis.whitening, basis.q, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        basis.singular_values,
        np.linalg.svd(centred, compute_uv=False)[: basis.rank],
        rtol=1e-12,
    )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n", [103, 5000], ids=["small", "large"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_duplicated_scaled_and_dead_neurons_add_no_direction(dtype, n, solver):
    rng = np.random.default_rng(1)
    x = rounded(rng.standard_normal((n, 5)) + 3 * rng.standard_normal(5), dtype)
    copies = [x[:, :1], 2.37 * x[:, 1:2], 1e-3 * x[:, 2:3], -0.5 * x[:, 3:4], 1e3 * x[:, 4:5]]
    constants = [0.1 + 0 * x[:, :1], 0 * x[:, :1], 1e4 + 0 * x[:, :1]]
    if dtype == "bfloat16":
        stacked = __import__("torch").cat([x, *copies, *constants], dim=1)
    else:
        stacked = np.concatenate([x, *copies, *constants], axis=1).astype(dtype)
    assert Basis.from_array(stacked, solver=solver).rank == 5


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("n", [300, 2000])
def test_a_linear_layer_has_the_rank_of_its_input(n, dtype, solver):
    torch = pytest.importorskip("torch")
    torch.manual_seed(2)
    kind = getattr(torch, dtype)
    hidden = torch.relu(torch.randn(n, 20)).to(kind)
    out = hidden @ (torch.randn(20, 97) / 20**0.5).to(kind) + torch.randn(97).to(kind)
    assert Basis.from_array(out, solver=solver).rank == 20


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_small_real_direction_stays_in_float32(solver):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((500, 3))
    x[:, 2] = x[:, 0] + 1e-4 * x[:, 2]
    assert Basis.from_array(x.astype("float32"), solver=solver).rank == 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_neurons_beside_a_huge_one_stay_in_half_precision(dtype):
    """A floor relative to the largest singular value alone would drop all but one."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((500, 8))
    x[:, 0] *= 3000
    assert Basis.from_array(rounded(x, dtype)).rank == 8


def test_the_dtype_of_the_computation_decides_when_it_is_given():
    rng = np.random.default_rng(5)
    x = rounded(rng.standard_normal((200, 3)), "float16").astype("float32")
    twins = np.hstack([x, (2.37 * x[:, :1]).astype("float16")])
    assert Basis.from_array(twins, dtype="float32").rank == 4
    assert Basis.from_array(twins, dtype="float16").rank == 3
    with pytest.warns(
        UserWarning, match=r"all values of y are float16 values, held as float32: .*"
    ):
        assert Basis.from_array(twins, name="y").rank == 3


@pytest.mark.parametrize("solver", SOLVERS)
def test_rank_does_not_depend_on_units(solver):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((100, 6)) @ rng.standard_normal((6, 9))
    for unit in (1e-200, 1e-9, 1.0, 1e9, 1e200):
        basis = Basis.from_array(unit * x, solver=solver)
        assert basis.rank == 6
        np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(6), rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            basis.q @ basis.loadings / unit, x - x.mean(axis=0), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constant", [-3.4e38, 1e30, -1e9, 1e200])
def test_a_huge_constant_neuron_is_dead_like_any_other(constant, solver):
    """Masks are often filled with the least float; its rounding is larger than all the rest."""
    x = np.random.default_rng(11).standard_normal((211, 3))
    filled = np.column_stack([x[:, :1], np.full(211, constant), x[:, 1:]])
    assert Basis.from_array(filled, solver=solver).rank == 3
    if abs(constant) < 3.5e38:  # which float32 can hold
        assert Basis.from_array(filled.astype("float32"), solver=solver).rank == 3


@pytest.mark.parametrize("solver", SOLVERS)
def test_variation_within_rounding_is_no_variance(solver):
    rng = np.random.default_rng(12)
    x = np.float32(0.1) + rng.integers(-1, 2, (300, 4)).astype("float32") * np.float32(7e-9)
    assert len(np.unique(x)) > 1
    with pytest.raises(ValueError, match="x has no variance beyond the rounding of float32"):
        Basis.from_array(x, solver=solver)


def test_the_dual_gram_matrix_turns_to_the_svd_when_ill_conditioned():
    rng = np.random.default_rng(7)
    left, right = rotation(rng, 40)[:, :12], rotation(rng, 90)[:, :12]
    x = (left - left.mean(axis=0)) * np.geomspace(1, 1e-6, 12) @ right.T
    basis = Basis.from_array(x, solver="gram")
    assert basis.rank == 12
    np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(12), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        basis.singular_values, np.linalg.svd(x, compute_uv=False)[:12], rtol=1e-9
    )


@pytest.mark.parametrize("big", [1, 31])
def test_the_second_pass_restores_orthogonality_at_the_edge_of_the_tolerance(big):
    rng = np.random.default_rng(8)
    left = rng.standard_normal((3001, 103))
    left = np.linalg.qr(left - left.mean(axis=0))[0]
    spectrum = np.where(np.arange(103) < big, 1.0, 1.2e-7)
    x = (left * spectrum) @ rotation(rng, 103)
    basis = Basis.from_array(x, solver="gram")
    assert basis.rank == 103
    np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(103), rtol=0, atol=1e-12)
    np.testing.assert_allclose(basis.q @ basis.loadings, x, rtol=0, atol=1e-15)


@pytest.mark.parametrize("solver", ["gram", "svd"])
@pytest.mark.parametrize("shape", [(90, 11), (9, 31)])
def test_samples_and_scores_are_the_representation(solver, shape):
    x, _ = conditioned_pair(*shape, shape[1], 1e4, seed=3)
    x += 7
    basis = Basis.from_array(x, solver=solver)
    np.testing.assert_allclose(basis.samples, x, rtol=0, atol=1e-12)
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(basis.scores @ basis.scores.T, centred @ centred.T, atol=1e-9)


@pytest.mark.parametrize("solver", ["gram", "svd"])
@pytest.mark.parametrize("shape", [(90, 11), (40, 61)])
def test_take_is_the_basis_of_the_rows_alone(solver, shape):
    x, _ = conditioned_pair(*shape, shape[1], 1e3, seed=3)
    x += 7
    rows = np.array([31, 2, 3, 5, 30, 7, 1, 8, 22, 0, 12, 11, 9, 39, 4, 37])
    part, alone = Basis.from_array(x, solver=solver).take(rows), Basis.from_array(x[rows])
    assert (part.n_samples, part.rank, part.n_features) == (16, alone.rank, shape[1])
    np.testing.assert_allclose(part.singular_values, alone.singular_values, rtol=1e-9)
    np.testing.assert_allclose(part.samples, x[rows], rtol=0, atol=1e-12)
    np.testing.assert_allclose((x[rows] - part.mean) @ part.whitening, part.q, atol=1e-9)
    np.testing.assert_allclose(abs(part.q.T @ alone.q), np.eye(part.rank), atol=1e-7)


def test_take_drops_a_neuron_that_is_dead_in_those_rows():
    x, _ = conditioned_pair(50, 4, 4, 10, seed=3)
    x[:20, 1] = 3.0
    basis = Basis.from_array(x)
    assert basis.rank == 4
    assert basis.take(np.arange(20)).rank == 3
    with pytest.raises(ValueError, match="the samples taken"):
        basis.take(np.array([4]))


def test_leading_keeps_the_first_principal_components():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((900, 5)) * [5.0, 4.0, 3.0, 2.0, 1.0]
    for solver in SOLVERS:
        whole = Basis.from_array(x, solver=solver)
        part = whole.leading(2)
        assert part.rank == 2
        np.testing.assert_allclose(part.q, whole.q[:, :2], rtol=0, atol=1e-14)
        np.testing.assert_array_equal(part.loadings, whole.loadings[:2])


def test_the_svd_has_a_fallback(monkeypatch):
    """What breaks the published code, a decomposition that does not converge, has an answer."""
    import array_api_compat.numpy as xp

    x, y = np.random.default_rng(10).standard_normal((2, 60, 5))
    expected = isorep.pwcca(x, y).similarity

    def fails(*_args, **_options):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(xp.linalg, "svd", fails)
    assert isorep.pwcca(x, y).similarity == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("mean", [0.0, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("solver", ["gram", "svd"])
def test_however_large_the_mean_the_data_is_centred(mean, solver):
    """Beyond a mean of about 40 spreads, a second pass over the data takes out the rest."""
    z = np.random.default_rng(9).standard_normal((3000, 6))
    basis = isorep.Basis.from_array(z + mean, solver=solver)
    expected = isorep.Basis.from_array(z, solver=solver)
    assert np.abs(basis.q.sum(axis=0)).max() < 1e-9
    np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(
        basis.singular_values, expected.singular_values, rtol=1e-14 * max(mean, 10)
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_of_neurons_add_no_direction_whatever_multiplies(dtype):
    """PyTorch's library may add up row by row, and its rounding then grows with the rows."""
    torch = pytest.importorskip("torch")
    z = np.maximum(np.random.default_rng(0).standard_normal((30_000, 40)), 0)
    x = np.hstack([z, z[:, :10] + z[:, 10:20], 0.37 * z[:, 20:]]).astype(dtype)
    for given in (x, torch.tensor(x)):
        basis = Basis.from_array(given, solver="gram")
        assert basis.rank == 40
        q = np.asarray(basis.q)
        np.testing.assert_allclose(q.T @ q, np.eye(40), rtol=0, atol=1e-12)
    assert Moments.from_batch(x).n == len(x)
    assert Basis.from_moments(Moments.from_batch(x)).rank == 40


def test_a_gram_matrix_too_coarse_for_the_rank_is_done_without(monkeypatch):
    """However a library rounds, rounding must neither count as a direction nor end as NaN."""
    exact, rng = basis_module.gram_matrix, np.random.default_rng(0)

    def coarse(centred):
        gram = exact(centred)
        noise = rng.standard_normal(gram.shape)
        return gram + 1e-12 * np.max(gram) * (noise + noise.T)

    x = rng.standard_normal((3000, 12))
    x = np.hstack([x, x[:, :5] + x[:, 5:10]])
    expected = Basis.from_array(x, solver="gram")
    monkeypatch.setattr(basis_module, "gram_matrix", coarse)
    found = Basis.from_array(x, solver="gram")
    assert found.rank == expected.rank == 12
    np.testing.assert_allclose(found.q.T @ found.q, np.eye(12), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.q @ found.loadings, x - x.mean(axis=0), rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.singular_values, expected.singular_values, rtol=1e-12)


def test_values_next_to_nothing_do_not_warn():
    x = np.random.default_rng(0).standard_normal((50, 3))
    assert isorep.pwcca(1e-310 * x, x).similarity == pytest.approx(1.0)
