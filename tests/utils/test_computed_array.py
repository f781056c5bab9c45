"""Arrays that know the dtype they were computed in, and values that show it."""

import copy
import pickle

import numpy as np
import pytest
import torch

from isorep import Basis
from isorep._utils.computed_array import ComputedArray, rounded_dtype


@pytest.fixture
def plain():
    x = np.random.default_rng(0).standard_normal((40, 6))
    return torch.from_numpy(x).bfloat16().float().numpy()


@pytest.fixture
def computed(plain):
    return ComputedArray.from_array(plain, "bfloat16")


def test_views_and_results_know_the_dtype(computed):
    results = (computed[::2], computed[:, 0], computed.T, computed + 1, computed.astype(np.float64))
    for result in (*results, computed.mean(0), copy.deepcopy(computed)):
        assert result.computed_dtype == "bfloat16"
    for exact in (computed > 0, computed.argmax(1), computed.astype(int)):
        assert exact.computed_dtype is None


def test_else_it_is_as_any_array(plain, computed):
    assert repr(computed) == repr(plain)
    assert str(computed) == str(plain)
    for function in (np.sum, np.mean, np.max, np.any, np.argmax, np.std):
        assert type(function(computed)) is type(function(plain))
        assert function(computed) == function(plain)
    assert type(computed[0, 0]) is np.float32
    assert type(pickle.loads(pickle.dumps(computed))) is np.ndarray
    assert type(np.concatenate([computed, computed])) is np.ndarray
    np.testing.assert_array_equal(torch.from_numpy(computed), plain)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(computed)), plain)


@pytest.mark.parametrize("hold", [np.float32, np.float64])
def test_rounded_values_are_recognised(plain, hold):
    x = np.random.default_rng(1).standard_normal((40, 6))
    assert rounded_dtype(plain.astype(hold)) == "bfloat16"
    assert rounded_dtype(x.astype(np.float16).astype(hold)) == "float16"
    assert rounded_dtype(torch.from_numpy(plain.astype(hold))) == "bfloat16"
    after_zeros = np.concatenate([np.zeros((3000, 6), hold), plain.astype(hold)])
    assert rounded_dtype(after_zeros) == "bfloat16"
    one_more_digit = plain.astype(hold)
    one_more_digit[-1, -1] = 1 + 2.0**-12
    assert rounded_dtype(one_more_digit) is None


def test_numbers_with_few_digits_of_their_own_are_not(plain):
    rng = np.random.default_rng(2)
    exact = {
        "counts": rng.poisson(4, (40, 6)).astype(float),
        "large integers": rng.integers(0, 200_000, (40, 6)).astype(float),
        "pixels": rng.integers(0, 256, (40, 6)) / 256,
        "pixels around 0": rng.integers(0, 256, (40, 6)) / 128 - 1,
        "powers of two": 2.0 ** rng.integers(-9, 9, (40, 6)),
        "one-hot": np.eye(40, 6),
        "few values": plain[:6].astype(float),
        "none": np.zeros((40, 6)),
        "integers": rng.integers(0, 256, (40, 6)),
        "not a number": np.where(plain > 2, np.nan, plain),
    }
    for name, x in exact.items():
        assert rounded_dtype(x) is None, name


def test_a_basis_says_that_values_are_rounded(plain):
    wide = plain @ np.random.default_rng(3).standard_normal((6, 30)).astype(np.float32)
    rounded = torch.from_numpy(wide).bfloat16().float()
    with pytest.warns(UserWarning, match=r"all values of x are bfloat16 .* dtype='float32'") as w:
        assert Basis.from_array(rounded).dtype == "bfloat16"
    assert w[0].filename == __file__
    assert Basis.from_array(rounded, dtype="float32").dtype == "float32"
