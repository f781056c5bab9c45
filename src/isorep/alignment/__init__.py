"""Alignment: maps from the features of one representation to those of another."""

from isorep.alignment.align import Alignment, align
from isorep.alignment.common_space import CommonSpace, common_space

__all__ = ["Alignment", "CommonSpace", "align", "common_space"]
