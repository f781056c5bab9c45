"""Figures: each function draws into the given axes, and returns them."""

from isorep.plot.groups import groups
from isorep.plot.heatmap import heatmap

__all__ = ["groups", "heatmap"]
