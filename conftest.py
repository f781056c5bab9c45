"""Fixtures of all tests, also of the examples in docstrings."""

import pytest

from isorep.measures import registry


@pytest.fixture(autouse=True)
def _registered_measures():
    """Take back the measures that a test registers."""
    before = dict(registry._ROWS)
    yield
    registry._ROWS.clear()
    registry._ROWS.update(before)
