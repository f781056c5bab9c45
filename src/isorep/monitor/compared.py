"""Compared: the score of two prepared states of a layer, or why there is none."""

from __future__ import annotations

from isorep.core.basis import Basis
from isorep.core.overlap import couple
from isorep.core.prepare import Prepared
from isorep.core.score import Score
from isorep.measures import Measure


def compared(measure: Measure, x: Prepared, y: Prepared) -> Score | str:
    """Return the score of x against y; where there is none, the reason."""
    if not isinstance(x, Basis):
        return str(x)
    if not isinstance(y, Basis):
        return str(y)
    try:
        return measure(couple(x, y))
    except (TypeError, ValueError) as error:
        return str(error)
