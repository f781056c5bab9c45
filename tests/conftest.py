"""What holds for all tests: none depends on how fast the machine is."""

import math

import pytest

from isorep._utils import progress


@pytest.fixture(autouse=True)
def _no_lines_about_time(monkeypatch):
    """Write no estimates and no line a minute, which a slow machine would add to its output."""
    monkeypatch.setattr(progress, "LONG", math.inf)
    monkeypatch.setattr(progress, "LINE_EVERY", math.inf)
