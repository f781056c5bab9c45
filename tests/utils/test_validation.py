"""Checks of arguments: integers of any type, and the nearest names that exist."""

import numpy as np
import pytest

from isorep._utils.validation import as_integer, check_name, check_seed


def test_an_integer_of_any_type_becomes_an_int():
    assert type(as_integer(np.int8(3), "folds")) is int
    assert as_integer(np.uint64(2**63), "folds") == 2**63


@pytest.mark.parametrize("value", [True, 3.0, "3", None, np.float64(3)])
def test_nothing_else_is_an_integer(value):
    with pytest.raises(TypeError, match=r"^folds must be an integer, got "):
        as_integer(value, "folds")


def test_a_seed_is_not_negative():
    check_seed(0)
    with pytest.raises(ValueError, match=r"^seed must be a non-negative integer, got -1$"):
        check_seed(-1)
    with pytest.raises(TypeError, match=r"^seed must be an integer, got None$"):
        check_seed(None)


def test_an_unknown_name_is_refused_with_the_known_ones():
    check_name("measure", "cka", iter(["cca", "cka"]))
    with pytest.raises(ValueError, match=r"unknown measure 'zzz'\. Known: cca, cka"):
        check_name("measure", "zzz", iter(["cca", "cka"]))
    with pytest.raises(ValueError, match=r"unknown measure '3'\. Known: cca, cka"):
        check_name("measure", 3, ["cca", "cka"])
