"""What bad input gets: what was expected, what came, and what to do."""

import numpy as np
import pytest

import isorep

GOOD = np.random.default_rng(0).standard_normal((40, 3))


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (GOOD[:, 0], ValueError, r"y has shape \(40,\).*For one feature, pass y\[:, None\]"),
        (
            GOOD.reshape(40, 1, 3, 1),
            ValueError,
            r"y has 4 dimensions, shape \(40, 1, 3, 1\).*'mean' over positions, 'positions', 'flat",
        ),
        (np.zeros((40, 1, 3)), ValueError, r"y has 3 dimensions.*isorep.capture"),
        (GOOD[:1], ValueError, r"x has 40 samples \(rows\) and y has 1"),
        (np.zeros((40, 0)), ValueError, r"y has shape \(40, 0\): at least 1 feature"),
        (np.ones((40, 2)), ValueError, r"y has no variance: each of its 2 features is constant"),
        (1e6 + np.zeros((40, 2)), ValueError, r"y has no variance"),
        (GOOD + 0j, TypeError, r"y has dtype complex128; a representation holds real numbers"),
        (GOOD.astype(object), TypeError, r"y has dtype object"),
        (GOOD.astype(str), TypeError, r"y has dtype <U32"),
        (GOOD.astype("M8[s]"), TypeError, r"y has dtype datetime64"),
        (np.ma.masked_greater(GOOD, 1), ValueError, r"y is a masked array with masked values"),
        (GOOD[:30], ValueError, r"x has 40 samples \(rows\) and y has 30: shapes \(40, 3\) and"),
        (GOOD.T, ValueError, r"same samples in the same order. .*y looks transposed: pass y.T"),
        ("a.npz", ValueError, r"y has|dtype"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_representation(bad, error, message):
    if isinstance(bad, str):
        error = (TypeError, ValueError)
    with pytest.raises(error, match=message):
        isorep.cca(GOOD, bad)


def test_masked_arrays_without_masked_values_are_arrays():
    assert isorep.pwcca(np.ma.array(GOOD), GOOD) == isorep.pwcca(GOOD, GOOD)


def test_values_whose_sum_overflows():
    huge = np.where(GOOD > 0, 1.7e308, -1.7e308)
    with pytest.raises(ValueError, match=r"y holds values up to 2e\+308, whose sum overflows"):
        isorep.cca(GOOD, huge)


def test_sparse_and_meta_tensors():
    torch = pytest.importorskip("torch")
    sparse, meta = torch.eye(40).to_sparse(), torch.empty(40, 3, device="meta")
    with pytest.raises(TypeError, match=r"x is a sparse tensor; pass x.to_dense\(\)"):
        isorep.cca(sparse, sparse)
    with pytest.raises(TypeError, match="x is a sparse or meta tensor"):
        isorep.cca(meta, meta)


def test_a_measure_is_a_name():
    with pytest.raises(
        TypeError, match=r"a measure is a name, or a name with options .*, not list"
    ):
        isorep.similarity(GOOD, GOOD, ["cka"])


def test_too_few_samples():
    with pytest.raises(ValueError, match=r"x has shape \(1, 3\): at least 2 samples"):
        isorep.cca(GOOD[:1], GOOD[:1])


def test_nan_and_infinity_are_counted_and_found():
    bad = GOOD.copy()
    bad[[7, 9], 2] = np.nan
    bad[5, 1] = -np.inf
    message = r"x holds 2 NaN and 1 infinite values, the first at row 5, column 1"
    with pytest.raises(ValueError, match=message):
        isorep.pwcca(bad, GOOD)


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_the_input_is_left_as_it_was():
    x, y = GOOD.copy(), GOOD[:, ::-1].copy()
    for measure in [
        name for name, row in isorep.MEASURES.items() if row.requires not in ("maps", "repeats")
    ]:
        for solver in ("auto", "gram", "svd"):
            isorep.similarity(x, y, measure, solver=solver)
    np.testing.assert_array_equal(x, GOOD)
    np.testing.assert_array_equal(y, GOOD[:, ::-1])


def test_array_likes_are_taken():
    pandas = pytest.importorskip("pandas")
    expected = isorep.cca(GOOD, GOOD[:, :2])
    assert isorep.cca(GOOD.tolist(), pandas.DataFrame(GOOD[:, :2])) == expected
    assert isorep.cca(GOOD > 0, GOOD).similarity < 1


def test_a_tiny_spread_beside_a_large_constant_is_variance():
    x = np.column_stack([np.full(40, 1e6), 1e-10 * GOOD[:, 0]])
    assert isorep.cca(x, GOOD[:, :1]).similarity == pytest.approx(1, abs=1e-12)
