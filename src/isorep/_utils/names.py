"""One wording for an unknown layer, measure or option, with the nearest names that exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def check_name(kind: str, given: str, known: Iterable[str]) -> None:
    """Refuse, with a ValueError, a `kind` that is not known."""
    names = list(known)
    if given not in names:
        raise ValueError(unknown_name(kind, str(given), names))


def unknown_name(kind: str, given: str, known: Iterable[str]) -> str:
    """Say that `given` is no `kind`, and which known names come nearest.

    Examples
    --------
    >>> unknown_name("measure", "pwca", ["cca", "pwcca", "cka"])
    "unknown measure 'pwca'; did you mean 'pwcca' or 'cka' or 'cca'? Known: cca, pwcca, cka"
    """
    names = list(known)
    near = get_close_matches(given, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else "."
    return f"unknown {kind} {given!r}{hint} Known: {', '.join(names)}"
