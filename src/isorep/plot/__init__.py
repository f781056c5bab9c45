"""Figures: each function draws into the given axes, and returns them."""

from isorep.plot.heatmap import heatmap

__all__ = ["heatmap"]
