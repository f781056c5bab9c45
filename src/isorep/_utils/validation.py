"""Checks of arguments: names of options, integers and seeds."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from operator import index
from typing import Any


def check_name(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ValueError, with the nearest known names, unless `name` is a known `kind`."""
    names = list(known)
    if name not in names:
        raise ValueError(unknown_name(kind, str(name), names))


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown layer, measure or option, with the nearest known names.

    Examples
    --------
    >>> unknown_name("measure", "pwca", ["cca", "pwcca", "cka"])
    "unknown measure 'pwca'; did you mean 'pwcca' or 'cka' or 'cca'? Known: cca, pwcca, cka"
    """
    names = list(known)
    nearest = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else "."
    return f"unknown {kind} {name!r}{hint} Known: {', '.join(names) or 'none'}"


def as_integer(value: Any, name: str) -> int:
    """Return an integer of any type, such as NumPy's, as an int.

    Raises
    ------
    TypeError
        If `value` is not an integer, as True and 3.0 are not; `name` is the argument's name.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None


def check_seed(seed: Any) -> None:
    """Raise an error unless `seed` is a non-negative integer, so that results are reproducible.

    Raises
    ------
    TypeError, ValueError
        If it is not an integer; if it is negative.
    """
    if as_integer(seed, "seed") < 0:
        raise ValueError(f"seed must be a non-negative integer, got {seed}")
