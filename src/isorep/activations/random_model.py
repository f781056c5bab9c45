"""Random model: the warning about a model that is not the same twice in eval mode."""

from __future__ import annotations


class RandomModelWarning(UserWarning):
    """A layer has other values when the same samples run again, in another order or batch."""
