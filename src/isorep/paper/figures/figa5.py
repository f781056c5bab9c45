"""Figure A5: figure 3 by cosine and Euclidean distance.

Set-up. Figure 3's networks.

What is computed. The cosine and the Euclidean distance between the activations of every pair of
networks at every layer, on the training images: neuron j against neuron j, though neurons of
different networks have nothing to do with each other.

What is claimed. See `claims`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.contrasts import gap
from isorep.paper.figures import fig3
from isorep.paper.figures.fig3 import (
    GENERALIZING,
    MEMORIZING,
    SETUPS,
    Result,
    SetUp,
    draw,
    facts,
    rows,
)

if TYPE_CHECKING:
    from isorep.paper.run import Run

__all__ = ["MEASURES", "SETUPS", "SetUp", "claims", "compute", "draw", "facts", "rows"]

MEASURES = {"cosine": "Cosine distance", "euclidean": "Euclidean distance"}


def compute(setup: SetUp, run: Run) -> Result:
    """Compare figure 3's networks neuron by neuron."""
    return fig3.compare(setup, run, list(MEASURES))


def claims(result: Result) -> list[Claim]:
    """Judge figure A5's claims; late layers are figure 3's."""
    distances = result.distances
    _, late = fig3.early_and_late(distances.layers)
    return [
        Claim(
            "A5",
            f"{words} does not separate generalizing from memorizing networks in late layers "
            f"({fig3.span(late)})",
            "mean distance within memorizing minus within generalizing, layer by layer"
            + (", as a share of the layer's mean distance" if name == "euclidean" else ""),
            "equality",
            tuple(
                gap(distances, name, layer, MEMORIZING, GENERALIZING, two_sided=True)
                for layer in late
            ),
            "the groups' activations differ in size and in how many filters are off, and a "
            "distance between unrelated neurons is made of nothing else",
        )
        for name, words in MEASURES.items()
    ]
