"""First linear layers wider than their input: 1 by construction, with a warning."""

import numpy as np
import pytest
from helpers.oracle import rotation

import isorep
from isorep import MEASURES

rng = np.random.default_rng(0)
PATCHES = rng.standard_normal((800, 9)) * np.geomspace(1, 0.1, 9)
ONE, OTHER = (PATCHES @ rng.standard_normal((9, 12)) for _ in range(2))


def codes(name, x, y):
    return [text.code for text in MEASURES[name](isorep.overlap(x, y)).warnings]


@pytest.mark.parametrize(
    "name", ["pwcca", "cca", "cca_squared", "eigenspace_overlap", "linear_regression"]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_untrained_first_layers(name, dtype):
    x, y = ONE.astype(dtype), OTHER.astype(dtype)
    assert MEASURES[name](isorep.overlap(x, y)).similarity == pytest.approx(1, abs=1e-6)
    assert codes(name, x, y) == ["same-span"]


def test_the_text():
    with pytest.warns(isorep.CodedWarning, match=r"x and y span the same 9 directions with 12 and"):
        isorep.pwcca(ONE, OTHER)


def test_after_the_nonlinearity_and_for_other_measures():
    assert codes("pwcca", np.maximum(ONE, 0), np.maximum(OTHER, 0)) == []
    assert "same-span" not in codes("cka", ONE, OTHER)


def test_a_layer_and_its_copy_or_rotation_are_really_the_same():
    assert codes("pwcca", ONE, ONE) == []
    assert codes("pwcca", ONE, 3 * ONE @ rotation(rng, 12) + 1) == []


def test_layers_of_full_rank_may_be_the_same_by_learning():
    x = rng.standard_normal((200, 5))
    assert codes("cca", x, x @ rng.standard_normal((5, 5))) == []
