"""Natural order of names: "fc2" before "fc10"."""

from __future__ import annotations

import re


def natural_key(name: str) -> list[str | int]:
    """Return what to sort names by, for "fc2" to come before "fc10"."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]
