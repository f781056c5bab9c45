"""Readable names: how texts name samples whose ids are digests of their values."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIGEST = re.compile("[0-9a-f]{32}")


def readable_names(ids: Iterable[object], rows: Iterable[int]) -> list[str]:
    """Return the id of each sample, or the number of its row where the id is a digest.

    `isorep.capture` gives samples without ids digests of their values.

    Examples
    --------
    >>> readable_names(["cat 1", "89c2f624e395958b3f0e6c3509278dbb"], [0, 7])
    ['cat 1', '7']
    """
    return [
        str(row) if _DIGEST.fullmatch(str(sample)) else str(sample)
        for sample, row in zip(ids, rows, strict=True)
    ]
