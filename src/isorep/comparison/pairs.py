"""Pairs: layers of two networks that can be coupled, wherever their rows are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from isorep.core.prepare import Coupled

if TYPE_CHECKING:
    from isorep.comparison.streaming.plan import Plan

TakePair = Callable[[int, int, Coupled], None]
"""``(i, j, coupled)``: takes the overlap of layer i of x with layer j of y, or an error."""


class Ranks(NamedTuple):
    """Directions of each layer, 0 where it cannot be prepared."""

    x: list[int]
    y: list[int]


class LayerPairs(Protocol):
    """Layers of two networks, each pair of which can be coupled.

    Attributes
    ----------
    x_layers, y_layers : list of str
        Names of the layers.
    same : bool
        Whether both sides are one network. Each pair of layers is then coupled once, with i <= j.
    plan : Plan
        How the pairs will be coupled, and in how much memory.
    data : dict
        What identifies the data of "a" and "b", or of "a" alone for a network with itself, once
        the pairs are coupled; see `isorep.comparison.provenance.describe_layers`.
    """

    x_layers: list[str]
    y_layers: list[str]
    same: bool
    plan: Plan
    data: dict[str, dict[str, Any]]

    def couple(self, take: TakePair, work: str) -> Ranks:
        """Couple every pair, call `take` on each, and return the ranks of the layers.

        `work` says what `take` does, for the estimate of the time.
        """
        ...
