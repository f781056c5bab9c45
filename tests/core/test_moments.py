"""Moments: exact to rounding whatever the cut, the order and the offset."""

from fractions import Fraction

import numpy as np
import pytest

import isorep
from isorep import Moments
from isorep.core.moments import CrossMoments


def exact(x, y):
    """Return the means and the scatter of two arrays in rational arithmetic."""
    x, y = ([[Fraction(float(value)) for value in column] for column in z.T] for z in (x, y))
    means = [[sum(column) / len(column) for column in z] for z in (x, y)]
    scatter = [
        [
            float(sum((a - means[0][i]) * (b - means[1][j]) for a, b in zip(u, v, strict=True)))
            for j, v in enumerate(y)
        ]
        for i, u in enumerate(x)
    ]
    return *(np.array([float(mean) for mean in side]) for side in means), np.array(scatter)


def cuts(n, seed):
    """Cut n rows at random places, some twice, so that parts are unequal, single or empty."""
    rng = np.random.default_rng(seed)
    at = np.sort(np.concatenate([rng.integers(0, n + 1, 9), [5, 6, 17, 17, n]]))
    return [slice(*pair) for pair in zip([0, *at], [*at, n], strict=True)]


def folded(parts, seed):
    """Merge neighbours at random until one is left: any tree."""
    rng, parts = np.random.default_rng(seed), list(parts)
    while len(parts) > 1:
        i = rng.integers(len(parts) - 1)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts[0]


@pytest.mark.parametrize("offset", [0.0, 1e8, -3e12])
@pytest.mark.parametrize("seed", range(4))
def test_any_cut_and_any_tree_give_the_exact_moments(seed, offset):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((61, 3)) + offset
    y = x[:, :2] @ rng.standard_normal((2, 4)) + rng.standard_normal((61, 4))
    x_mean, y_mean, cross_scatter = exact(x, y)
    order = rng.permutation(len(cuts(61, seed)))
    parts = [cuts(61, seed)[i] for i in order]
    found = folded([Moments.from_batch(x[rows]) for rows in parts], seed)
    crossed = folded([CrossMoments.from_batch(x[rows], y[rows]) for rows in parts], seed)
    scatter = exact(x, x)[2]
    size = np.sqrt(np.outer(np.diag(scatter), np.diag(scatter)))
    assert found.n == crossed.n == 61
    np.testing.assert_allclose(found.mean, x_mean, rtol=2.3e-16, atol=1e-15)
    np.testing.assert_allclose(found.scatter / size, scatter / size, rtol=0, atol=2e-15)
    np.testing.assert_array_equal(found.scatter, found.scatter.T)
    np.testing.assert_allclose(crossed.x_mean, x_mean, rtol=2.3e-16, atol=1e-15)
    np.testing.assert_allclose(crossed.y_mean, y_mean, rtol=2.3e-16, atol=1e-15)
    size = np.sqrt(np.outer(np.diag(scatter), np.diag(exact(y, y)[2])))
    np.testing.assert_allclose(crossed.scatter / size, cross_scatter / size, rtol=0, atol=2e-15)


def test_the_empty_is_neutral():
    x = np.random.default_rng(0).standard_normal((7, 3))
    some = Moments.from_batch(x.astype("float32"))
    for whole in (Moments.empty(3) + some, some + Moments.empty(3)):
        assert whole.n == 7
        assert whole.dtype == "float32"
        np.testing.assert_array_equal(whole.scatter, some.scatter)
    none = Moments.from_batch(x[:0]) + Moments.empty(3)
    assert none.n == 0
    assert not none.mean.any()
    crossed = CrossMoments.empty(3, 2) + CrossMoments.from_batch(x, x[:, :2])
    assert crossed.n == 7
    assert sum([some, some], start=Moments.empty(3)).n == 14


def test_one_row_has_a_mean_and_no_scatter():
    one = Moments.from_batch([[0.1, -3.0]])
    assert (one.n, one.mean.tolist(), one.scatter.any()) == (1, [0.1, -3.0], False)


@pytest.mark.parametrize("constant", [0.1, -3.4e38, 1e9 + 0.3, 0.0])
def test_a_constant_feature_has_no_scatter_at_all(constant):
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.standard_normal((97, 2)), np.full(97, constant)])
    found = folded([Moments.from_batch(x[rows]) for rows in cuts(97, 2)], 3)
    assert found.mean[2] == constant
    assert not found.scatter[2].any()
    assert not found.scatter[:, 2].any()
    assert isorep.Basis.from_moments(found).rank == 2


def test_the_coarsest_dtype_is_kept():
    x = np.ones((2, 1))
    half, single, exact = (Moments.from_batch(x.astype(d)) for d in ("float16", "float32", "int64"))
    assert (single + half).dtype == (half + single).dtype == "float16"
    assert (exact + single).dtype == "float32"
    assert (half + Moments.from_batch(x, dtype="bfloat16")).dtype == "bfloat16"


def test_tensors_of_any_dtype_and_device():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(2).standard_normal((23, 4))
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        tensor = torch.tensor(x, dtype=dtype, requires_grad=True)
        found = Moments.from_batch(tensor)
        rounded = tensor.detach().double().numpy()
        assert found.dtype == str(dtype).removeprefix("torch.")
        np.testing.assert_allclose(found.mean, rounded.mean(axis=0), rtol=0, atol=1e-15)
        expected = 22 * np.cov(rounded.T)
        np.testing.assert_allclose(found.scatter, expected, rtol=0, atol=1e-13)


def test_what_is_no_batch():
    x = np.ones((4, 3))
    broken = np.array([[1.0, 2.0], [np.nan, np.inf]])
    with pytest.raises(ValueError, match=r"batch 3 holds 1 NaN and 1 infinite.* row 1, column 0"):
        Moments.from_batch(broken, name="batch 3")
    with pytest.raises(ValueError, match=r"x holds values up to 1e\+200, whose squares"):
        Moments.from_batch(x * 1e200)
    with pytest.raises(ValueError, match=r"x has shape \(4,\)"):
        Moments.from_batch(x[:, 0])
    with pytest.raises(TypeError, match="dtype complex128"):
        Moments.from_batch(x * 1j)
    with pytest.raises(TypeError, match="Moments merge with Moments, not with CrossMoments"):
        Moments.empty(3).merge(CrossMoments.empty(3, 3))
    with pytest.raises(ValueError, match="moments of 3 features do not merge with those of 2"):
        Moments.from_batch(x) + Moments.empty(2)
    with pytest.raises(ValueError, match="of 3 and 2 features do not merge with those of 2 and 3"):
        CrossMoments.empty(3, 2) + CrossMoments.empty(2, 3)
    with pytest.raises(ValueError, match=r"x has 4 samples .* y has 3"):
        CrossMoments.from_batch(x, x[:3])


@pytest.mark.parametrize("scale", [1e-320, 1e-170, 1e-152])
def test_values_whose_squares_underflow_are_refused(scale):
    x = np.random.default_rng(0).standard_normal((50, 3))
    with pytest.raises(ValueError, match=r"x holds values up to \de-\d+, whose squares underflow"):
        isorep.Moments.from_batch(scale * x)
    constant = isorep.Moments.from_batch(np.full((50, 3), scale))
    np.testing.assert_array_equal(constant.scatter, 0)
    # Just above the limit all digits count.
    y = x @ np.diag([1, 1e-3, 1e-5])
    tiny, usual = (isorep.Basis.from_moments(isorep.Moments.from_batch(s * y)) for s in (1e-149, 1))
    np.testing.assert_allclose(tiny.singular_values / 1e-149, usual.singular_values, rtol=1e-9)
