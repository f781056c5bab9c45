"""Whitening by Cholesky, against the SVD of the data."""

import pickle

import numpy as np
import pytest

import isorep
from isorep.core import triangular_axes
from isorep.core.principal_axes import PrincipalAxes
from isorep.core.triangular_axes import TriangularAxes, extremes
from isorep.measures.registry import measure_named

MEASURES = ("pwcca", "pwcca(weights_from=y)", "pwcca(weighting=variance)", "cca", "cca_squared",
            "svcca", "cka", "cka_debiased", "procrustes", "linear_regression",
            "eigenspace_overlap", "shape", "rsa")  # fmt: skip


def layer(p, spread, seed, n=400, constants=()):
    """Return features that share 5 dimensions, with singular values over a factor of `spread`."""
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99).standard_normal((n, 5))
    x = shared @ rng.standard_normal((5, p)) + rng.standard_normal((n, p))
    u, _, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    x = (u * np.geomspace(1, 1 / spread, p)) @ vt + 3 * rng.standard_normal(p)
    x[:, list(constants)] = 0.25
    return x


@pytest.mark.parametrize("spread", [2, 30, 3e3, 2e4])
@pytest.mark.parametrize("constants", [(), (0, 7)])
@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_that_of_the_svd(name, spread, constants):
    x, y = layer(30, spread, 1, constants=constants), layer(20, 8, 2)
    bases = [isorep.Basis.from_array(side, solver="gram") for side in (x, y)]
    assert all(isinstance(basis.axes, TriangularAxes) for basis in bases)
    (two_passes, one_pass) = (basis.axes.first is not None for basis in bases)
    assert two_passes == (spread > 100)
    assert not one_pass
    measure = measure_named(name)
    pairs = ((0, 1), (1, 0), (0, 0))
    svd = [isorep.Basis.from_array(side, solver="svd") for side in (x, y)]
    for i, j in pairs:
        found = measure(isorep.overlap(bases[i], bases[j]))
        expected = measure(isorep.overlap(svd[i], svd[j]))
        assert found.similarity == pytest.approx(expected.similarity, abs=2e-11)
        assert (found.x_rank, found.y_rank) == (expected.x_rank, expected.y_rank)
        assert found.warnings == expected.warnings


@pytest.mark.parametrize("spread", [5, 4e3])
def test_axes_are_orthonormal_and_their_loadings_rebuild_the_data(spread):
    x = layer(12, spread, 3, constants=(4,))
    basis = isorep.Basis.from_array(x, solver="gram")
    centred = x - x.mean(axis=0)
    axes = basis.axes
    q = axes.whiten_columns(axes.factor)
    np.testing.assert_allclose(q.T @ q, np.eye(11), rtol=0, atol=1e-12)
    np.testing.assert_allclose(q @ axes.loadings, centred, rtol=0, atol=1e-14)
    np.testing.assert_allclose(axes.feature_squares, (centred**2).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(axes.row_squares, (centred**2).sum(axis=1), rtol=1e-12)
    assert axes.squared_norm == pytest.approx((centred**2).sum(), rel=1e-12)
    assert axes.gram_square == pytest.approx(((centred.T @ centred) ** 2).sum(), rel=1e-12)
    for same in (axes.principal, axes.principal.leading(11)):
        squares = same.row_squares * same.unit**2
        np.testing.assert_allclose(squares, (centred**2).sum(axis=1), rtol=1e-9)
    s = np.linalg.svd(centred, compute_uv=False)[:11]
    np.testing.assert_allclose(basis.singular_values, s, rtol=1e-11)
    np.testing.assert_allclose(basis.q.T @ basis.q, np.eye(11), rtol=0, atol=1e-12)
    np.testing.assert_allclose(basis.q @ basis.loadings, centred, rtol=0, atol=1e-14)
    np.testing.assert_allclose(centred @ basis.whitening, basis.q, rtol=0, atol=1e-11)


def duplicated(x):
    return np.column_stack([x, 2 * x[:, 0]])


def rounded(x):
    return (x + 3).astype(np.float16)


def wide(x):
    return x[:15, :]


def huge(x):
    return x * 1e200


def beyond_two_passes(x):
    return x * np.geomspace(1, 1e-6, x.shape[1])


@pytest.mark.parametrize("change", [duplicated, rounded, wide, huge, beyond_two_passes])
def test_what_is_not_certain_is_decomposed(change):
    x = change(layer(15, 3, 4))
    basis = isorep.Basis.from_array(x, solver="gram", dtype=str(x.dtype))
    assert isinstance(basis.axes, PrincipalAxes)
    expected = isorep.Basis.from_array(x, solver="svd", dtype=str(x.dtype))
    assert basis.rank == expected.rank


@pytest.mark.parametrize("spread", [1, 10, 1e4])
@pytest.mark.parametrize("seed", range(5))
def test_the_estimated_spread_is_within_its_margin(spread, seed, monkeypatch):
    """The margin is 2; a dense cluster of values at either end is the hardest case."""
    monkeypatch.setattr(triangular_axes, "FEW_FEATURES", 0)
    rng = np.random.default_rng(seed)
    s = np.sort(np.r_[1.0, 1 / spread, np.geomspace(1, 1 / spread, 198)])
    v = np.linalg.qr(rng.standard_normal((200, 200)))[0]
    gram = (v * s**2) @ v.T
    top, bottom = extremes(np, gram, np.linalg.cholesky(gram))
    assert 1 / 1.5 < top <= 1 + 1e-12
    assert 1 - 1e-6 <= bottom * spread < 1.5
    monkeypatch.undo()
    assert extremes(np, gram, None) == pytest.approx((1.0, 1 / spread), rel=1e-7)


@pytest.mark.parametrize(
    "name", ["cka", "cca_squared", "linear_regression", "eigenspace_overlap", "cka_debiased"]
)
def test_measures_of_norms_decompose_nothing(name, monkeypatch):
    x, y = layer(30, 20, 1), layer(20, 8, 2)
    expected = measure_named(name)(isorep.overlap(x, y)).similarity
    monkeypatch.setattr(triangular_axes, "FEW_FEATURES", 0)
    for routine in ("eigh", "eigvalsh", "svd", "svdvals"):
        monkeypatch.delattr(np.linalg, routine)
    found = measure_named(name)(isorep.overlap(x, y, solver="gram"))
    assert found.similarity == pytest.approx(expected, abs=1e-12)


def test_one_decomposition_for_pwcca(monkeypatch):
    x, y = layer(30, 20, 1), layer(20, 8, 2)
    expected = isorep.pwcca(x, y).similarity
    shapes = []
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda m: shapes.append(m.shape) or eigh(m))
    assert isorep.pwcca(x, y, solver="gram").similarity == pytest.approx(expected, abs=1e-12)
    assert shapes == [(20, 20)]


@pytest.mark.parametrize("spread", [20, 3e3])
def test_features_are_projected_in_blocks(monkeypatch, spread):
    x, y = layer(30, spread, 1, constants=(3,)), layer(20, 8, 2)
    expected = isorep.overlap(x, y, solver="svd")
    monkeypatch.setattr(triangular_axes, "FEATURES", 7)
    o = isorep.overlap(x, y, solver="gram")
    np.testing.assert_allclose(o.x_weights, expected.x_weights, rtol=0, atol=1e-11)
    np.testing.assert_allclose(o.y_weights, expected.y_weights, rtol=0, atol=1e-11)


def test_variates_and_weights_agree_after_any_access():
    x, y = layer(30, 20, 1), layer(20, 8, 2)
    expected = isorep.overlap(x, y, solver="svd")
    for first in ("x_rotation", "x_weights", "matrix", "correlations"):
        o = isorep.overlap(x, y, solver="gram")
        getattr(o, first)
        for side, reference in ((o, expected), (o.swap(), expected.swap())):
            np.testing.assert_allclose(side.x_weights, reference.x_weights, rtol=0, atol=1e-11)
            np.testing.assert_allclose(side.correlations, reference.correlations, atol=1e-12)
            np.testing.assert_allclose(
                side.x_variates.T @ side.y_variates, np.diag(side.correlations), atol=1e-12
            )
            np.testing.assert_allclose(np.abs(side.matrix), np.abs(reference.matrix), atol=1e-10)


def test_a_pickled_basis_is_the_same():
    x, y = layer(30, 20, 1), layer(20, 8, 2)
    bases = [isorep.Basis.from_array(side, solver="gram") for side in (x, y)]
    copies = pickle.loads(pickle.dumps(bases))
    assert isorep.pwcca(*copies).similarity == isorep.pwcca(*bases).similarity


def test_torch_tensors_stay_tensors():
    torch = pytest.importorskip("torch")
    x, y = layer(30, 3e3, 1, constants=(2,)), layer(20, 8, 2)
    tensors = [torch.from_numpy(side) for side in (x, y)]
    bases = [isorep.Basis.from_array(side, solver="gram") for side in tensors]
    assert all(isinstance(basis.axes, TriangularAxes) for basis in bases)
    o = isorep.overlap(*bases)
    assert isinstance(o.whitened, torch.Tensor)
    assert isinstance(o.x_variates, torch.Tensor)
    for name in ("pwcca", "cka", "procrustes", "svcca"):
        found = measure_named(name)(o).similarity
        assert found == pytest.approx(getattr(isorep, name)(x, y).similarity, abs=1e-11)


@pytest.mark.parametrize("spread", [8, 3e3])
def test_norms_of_samples_are_those_of_the_data_in_tables_too(spread):
    x, y = layer(60, spread, 1, n=6000), layer(60, 8, 2, n=6000)
    table = isorep.compare({"l": x}, {"l": y}, measures=["cka_debiased", "svcca"], progress=False)
    expected = measure_named("cka_debiased")(isorep.overlap(x, y, solver="svd")).similarity
    assert table["cka_debiased"].item() == pytest.approx(expected, abs=1e-12)


def test_tables_compute_principal_components_only_for_measures_that_need_them(monkeypatch):
    x, y = layer(60, 20, 1, n=6000), layer(60, 8, 2, n=6000)  # large enough for Gram matrices
    seen = []
    principal = TriangularAxes.principal

    def noted(self):
        seen.append(self.rank)
        return type(principal).__get__(principal, self, TriangularAxes)

    monkeypatch.setattr(TriangularAxes, "principal", property(noted))
    options = {"progress": False}
    isorep.compare({"l": x}, {"l": y}, measures=["pwcca", "cka", "procrustes"], **options)
    assert seen == []
    table = isorep.compare({"l": x}, {"l": y}, measures=["pwcca", "svcca", "cka"], **options)
    assert seen == [60, 60]
    for name in ("pwcca", "svcca", "cka"):
        expected = getattr(isorep, name)(x, y, solver="svd").similarity
        assert table[name].item() == pytest.approx(expected, abs=1e-11)
