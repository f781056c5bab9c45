"""Float32 products: their measured errors, and the ranks that they leave certain."""

import numpy as np
import pytest
from helpers.single_layers import UGLY, layers, nearly_duplicated

from isorep.core import single_basis as single_basis_module
from isorep.core import single_products, triangular_axes
from isorep.core.basis import Basis
from isorep.core.overlap import couple, couple_arrays
from isorep.core.single_basis import choose_precision, single_basis
from isorep.core.single_products import SAFETY, product_error, single_product


def is_single(basis):
    return basis.make_double is not None


@pytest.mark.parametrize("shapes", [(60, 40), (300, 7), (1, 1)])
@pytest.mark.parametrize("n", [50, 9000])
def test_the_measured_error_is_that_of_the_product(shapes, n):
    x, y = layers(n, *shapes)
    exact = [side.astype(float) for side in (x, y)]
    product = single_product(x, y)
    signs = [single_basis_module.probes(np, side.shape[1], None) for side in exact]
    images = [side @ vectors for side, vectors in zip(exact, signs, strict=True)]
    true = np.linalg.norm(product - exact[0].T @ exact[1])
    assert 0.5 * SAFETY * true <= product_error(product, *images) <= 2 * SAFETY * true


def test_norms_are_those_of_float64_products_within_the_bound():
    x, y = layers()
    o = couple_arrays(x, y, precision="single")
    exact = [side.astype(float) - side.astype(float).mean(axis=0) for side in (x, y)]
    assert 0 < np.linalg.norm(o.cross - exact[0].T @ exact[1]) <= o.single_errors.product < 0.1
    for side, centred in zip((o.x, o.y), exact, strict=True):
        assert is_single(side)
        assert side.rank == centred.shape[1]
        error = np.linalg.norm(side.axes.gram - centred.T @ centred)
        assert 0 < error <= side.axes.single.gram_error
        np.testing.assert_allclose(side.row_squares, (centred**2).sum(axis=1), rtol=1e-12)


def test_the_double_of_an_overlap_is_that_of_its_arrays():
    x, y = layers()
    expected = couple_arrays(x, y, groups=np.arange(700) // 2)
    double = couple_arrays(x, y, groups=np.arange(700) // 2, precision="single").in_double
    np.testing.assert_array_equal(double.correlations, expected.correlations)
    np.testing.assert_array_equal(double.structure.groups, expected.structure.groups)
    assert double.in_double is double


def test_a_pair_with_a_basis_of_float64_products_is_in_double():
    x, y = layers()
    o = couple(single_basis(x), Basis.from_array(y))
    assert o.single_errors is None
    np.testing.assert_array_equal(o.matrix, couple_arrays(x, y).matrix)


@pytest.mark.parametrize(("change", "single"), UGLY)
def test_the_rank_is_that_of_float64_products(change, single):
    x = change(layers()[0])
    basis = single_basis(x)
    assert is_single(basis) == single
    assert basis.rank == Basis.from_array(x).rank
    assert basis.dtype == str(x.dtype)


def test_a_layer_without_variance_and_nan_raise_as_ever():
    with pytest.raises(ValueError, match="x has no variance: each of its 3 features is constant"):
        single_basis(np.full((50, 3), 0.1, "float32"))
    x = layers()[0]
    x[3, 4] = np.nan
    with pytest.raises(ValueError, match="the first at row 3, column 4"):
        single_basis(x)


def test_coarse_products_are_noticed(monkeypatch):
    """As of a device that multiplies with 10 bits whatever it is told."""
    coarse = lambda x, y: single_product(  # noqa: E731
        *(side.astype("float16").astype("float32") for side in (x, y))
    )
    x, y = layers()
    fine = couple_arrays(x, y, precision="single")
    monkeypatch.setattr(triangular_axes, "single_product", coarse)
    o = couple_arrays(x, y, precision="single")
    assert o.single_errors.product > 100 * fine.single_errors.product
    assert o.single_errors.product >= np.linalg.norm(o.product - fine.product)
    monkeypatch.setattr(single_basis_module, "single_product", coarse)
    assert not is_single(single_basis(nearly_duplicated(x)))


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ([np.empty((3000, 600), "float32"), np.empty((3000, 2), "float16")], "single"),
        ([np.empty((3000, 600), "float32"), np.empty((3000, 2))], "double"),
        ([np.empty((3000, 300), "float32")], "double"),
        ([np.empty((600, 3000), "float32")], "double"),
        ([[[1.0, 2.0]]], "double"),
    ],
)
def test_auto_is_single_for_large_layers_of_float32(arrays, expected):
    assert choose_precision("auto", arrays) == expected
    for precision in ("double", "single"):
        assert choose_precision(precision, arrays) == precision


def test_blocks_of_rows_are_added_in_float64(monkeypatch):
    x, y = layers(n=1000)
    whole = single_product(x, y)
    monkeypatch.setattr(single_products, "ROWS_AT_ONCE", 300)
    monkeypatch.setattr(single_products, "BLOCK", 64)
    product = single_product(x, y)
    assert (whole.dtype, product.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(product, whole, rtol=1e-5)
    assert single_products.squared_norm(x) == pytest.approx(np.sum(x.astype(float) ** 2), rel=1e-13)
    basis = single_basis(x)
    assert is_single(basis)
    assert basis.axes.gram.dtype == np.float64
