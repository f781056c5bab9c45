"""Caller: where in the user's code isorep was called."""

from __future__ import annotations

import sys


def stacklevel_of_caller() -> int:
    """Return the `stacklevel` with which a warning shows the line that called isorep."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(
        ("isorep.", "contextlib")
    ):
        level, frame = level + 1, frame.f_back
    return level
