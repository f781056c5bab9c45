"""Name list: names in the text of an error or a warning."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first names, with "..." for more than `most` names.

    Examples
    --------
    >>> listed(["conv", "fc"]), listed(["conv", "fc", "head"], most=2)
    ('conv, fc', 'conv, fc, ...')
    """
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
