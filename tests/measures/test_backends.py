"""One implementation, many array libraries: same numbers, the caller's namespace and device."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from helpers.oracle import conditioned_pair
from helpers.quick import slow_unless, with_few_folds

import isorep


def numpy_arrays():
    return np.asarray, np.asarray


def strict_arrays():
    xp = pytest.importorskip("array_api_strict")
    return xp.asarray, np.asarray


def torch_arrays():
    torch = pytest.importorskip("torch")
    return torch.tensor, np.asarray


def cuda_arrays():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return lambda x: torch.tensor(x, device="cuda"), lambda x: x.cpu().numpy()


def jax_arrays():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.asarray, np.asarray


def cupy_arrays():
    cupy = pytest.importorskip("cupy")
    return cupy.asarray, cupy.asnumpy


LIBRARIES = [
    *(numpy_arrays, strict_arrays, torch_arrays, jax_arrays),
    *(pytest.param(library, marks=pytest.mark.gpu) for library in (cuda_arrays, cupy_arrays)),
]


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__.removesuffix("_arrays"))
def library(request):
    return request.param()


SHAPES = {"tall": (61, 7, 5), "wide": (31, 40, 36)}

QUICK = [("auto", "tall", 10), ("gram", "tall", 1e4), ("gram", "wide", 10)]
"""Both solvers ("auto" is the SVD for data this small), a second whitening, and both shapes."""


def _two_sides(shape, condition):
    x, y = conditioned_pair(*SHAPES[shape], condition, seed=0)
    x[:, -1] = x[:, 0]  # rank-deficient too
    return x, y


@cache
def _scores_of_numpy(solver, shape, condition):
    x, y = _two_sides(shape, condition)
    return {
        name: with_few_folds(row)(
            isorep.overlap(x[:, : y.shape[1]] if row.paired else x, y, solver=solver)
        )
        for name, row in isorep.MEASURES.items()
        if row.requires not in ("maps", "repeats")
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "shape", "condition"),
    slow_unless(QUICK, product(["auto", "gram", "svd"], SHAPES, [10, 1e4])),
)
def test_every_library_gives_numpys_numbers(library, solver, shape, condition):
    make, back = library
    x, y = _two_sides(shape, condition)
    for name, expected in _scores_of_numpy(solver, shape, condition).items():
        row = with_few_folds(isorep.MEASURES[name])
        one = x[:, : y.shape[1]] if row.paired else x
        found = row(isorep.overlap(make(one), make(y), solver=solver))
        assert found.similarity == pytest.approx(expected.similarity, abs=1e-9), name
        # An angle turns a rounding of eps below 1 into sqrt(2 eps).
        assert found.distance == pytest.approx(expected.distance, rel=1e-9, abs=1e-7), name
        assert (found.x_rank, found.warnings) == (expected.x_rank, expected.warnings)
        assert type(found.similarity) is float
    o, expected_o = (
        isorep.overlap(*sides, solver=solver) for sides in ((make(x), make(y)), (x, y))
    )
    np.testing.assert_allclose(back(o.correlations), expected_o.correlations, rtol=0, atol=1e-9)
    for array in (o.correlations, o.x_variates, o.y_directions, o.x_weights, o.matrix):
        assert type(array) is type(make(x))
        assert getattr(array, "device", None) == getattr(make(x), "device", None)


def test_euclidean_from_the_samples_themselves(library):
    make, _ = library
    x, y = conditioned_pair(211, 7, 7, 10, seed=6)
    near = x + 1e-3 * y
    found = isorep.measures.euclidean(make(x), make(near)).distance
    assert found == pytest.approx(1e-3 * np.linalg.norm(y), rel=1e-10)


def test_variants_of_pwcca(library):
    make, _ = library
    x, y = conditioned_pair(211, 7, 5, 10, seed=1)
    for weighting in ("paper", "variance", "google"):
        for side in ("x", "y", "both"):
            options = {"weighting": weighting, "weights_from": side}
            found = isorep.pwcca(make(x), make(y), **options).similarity
            assert found == pytest.approx(isorep.pwcca(x, y, **options).similarity, abs=1e-9)


def test_bad_values_are_found(library):
    make, _ = library
    x = np.random.default_rng(2).standard_normal((20, 3))
    x[4, 1] = np.nan
    with pytest.raises(
        ValueError, match="1 NaN and 0 infinite values, the first at row 4, column 1"
    ):
        isorep.cca(make(x), make(x))
    with pytest.raises(ValueError, match="no variance"):
        isorep.cca(make(np.ones((20, 3))), make(np.ones((20, 3))))


def test_single_precision_in_every_library(library):
    make, _ = library
    x, y = (z.astype("float32") for z in conditioned_pair(211, 7, 5, 10, seed=3))
    twice = np.hstack([x, np.float32(2.37) * x[:, :1]])
    found = isorep.cca(make(twice), make(y))
    assert found.x_rank == 7
    assert found.similarity == pytest.approx(isorep.cca(x, y).similarity, abs=1e-6)


def test_float32_products_in_every_library(library):
    make, _ = library
    x, y = (z.astype("float32") for z in conditioned_pair(211, 7, 5, 10, seed=3))
    x[:, 2] = 0.5
    expected = isorep.cka(x, y)
    for precision, error in (("single", 1e-5), ("double", 1e-12)):
        found = isorep.cka(make(x), make(y), precision=precision)
        assert found.precision == precision
        assert (found.x_rank, found.y_rank) == (6, 5)
        assert found.similarity == pytest.approx(expected.similarity, abs=found.error or error)
    column = np.repeat(np.arange(5), 43)[:211, None].astype("float32")  # as labels, with a warning
    with pytest.warns(isorep.CodedWarning, match="y is one column of 5 distinct integers"):
        isorep.cka(make(x), make(column), precision="single")
    noise = np.random.default_rng(0).standard_normal((211, 12)).astype("float32")
    dominated = noise + 30 * x[:, :1] / x[:, 0].std()
    with pytest.warns(isorep.CodedWarning, match="one direction of x carries 100% of the variance"):
        isorep.cka(make(dominated), make(y), precision="single")


def test_a_dtype_has_no_library_in_its_name(library):
    make, _ = library
    x = make(conditioned_pair(211, 7, 5, 10, seed=5)[0].astype("float32"))
    assert isorep.Basis.from_array(x).dtype == "float32"
    with pytest.raises(TypeError, match="x has dtype complex64; a representation holds"):
        isorep.Basis.from_array(make(np.ones((20, 3), "complex64")))


def test_tensors_that_require_grad_and_half_precision():
    torch = pytest.importorskip("torch")
    x = torch.tensor(conditioned_pair(211, 7, 5, 10, seed=4)[0], requires_grad=True)
    assert isorep.cca(x, x).similarity == pytest.approx(1, abs=1e-12)
    assert not isorep.overlap(x, x).x_variates.requires_grad
    half = x.to(torch.bfloat16)
    assert isorep.overlap(half, half).x_variates.dtype == torch.float64


def test_two_libraries_do_not_mix():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(5).standard_normal((20, 3))
    with pytest.raises(TypeError, match="x is a numpy array and y a torch array: convert one"):
        isorep.cca(x, torch.tensor(x))


def test_two_devices_do_not_mix():
    torch = pytest.importorskip("torch")
    x = torch.randn(20, 3, dtype=torch.float64)
    one = isorep.Basis.from_array(x)
    elsewhere = replace(one, mean=one.mean.to("meta"))
    with pytest.raises(ValueError, match="x is on device cpu and y on meta: move one of them"):
        isorep.overlap(one, elsewhere)


def test_jax_without_float64_says_how_to_get_it():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", False)
    try:
        x = jax.numpy.ones((20, 3))
        with pytest.raises(TypeError, match="jax_enable_x64"):
            isorep.cca(x, x)
    finally:
        jax.config.update("jax_enable_x64", True)
