"""Whole numbers that callers give: how many of something, and seeds."""

from __future__ import annotations

from operator import index
from typing import Any


def whole_number(value: Any, name: str) -> int:
    """Return an integer of any type as an int; True and 3.0 are none.

    Raises
    ------
    TypeError
        When it is none, with the name of the argument.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {value!r}") from None


def check_seed(seed: Any) -> None:
    """Refuse what is no seed: a whole number from 0, so that a call repeated gives the same.

    Raises
    ------
    TypeError, ValueError
        When it is no whole number; when it is negative.
    """
    if whole_number(seed, "seed") < 0:
        raise ValueError(f"seed is an integer from 0, not {seed}")
