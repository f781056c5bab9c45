"""Natural order of names: "fc2" before "fc10"."""

from __future__ import annotations

import re


def natural_key(name: str) -> list[str | int]:
    """Return the sort key that puts "fc2" before "fc10"."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]
