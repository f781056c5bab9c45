"""Figure A5: figure 3 by cosine and Euclidean distance.

Set-up. Figure 3's networks.

Computed. The cosine and the Euclidean distance between the activations of every pair of networks at
every layer, on the training images. Both compare neuron j with neuron j, although the neurons of
different networks do not correspond.

Claims. See `claims`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.group_contrasts import gap
from isorep.paper.figures import fig3
from isorep.paper.figures.fig3 import GENERALIZING, MEMORIZING, Result, SetUp

if TYPE_CHECKING:
    from isorep.paper.run import Run

MEASURES = {"cosine": "Cosine distance", "euclidean": "Euclidean distance"}


def compute(setup: SetUp, run: Run) -> Result:
    """Compare figure 3's networks by cosine and Euclidean distance."""
    return fig3.compare(setup, run, list(MEASURES))


def claims(result: Result) -> list[Claim]:
    """Judge figure A5's claims; late layers are those of figure 3."""
    distances = result.distances
    _, late = fig3.early_and_late(distances.layers)
    return [
        Claim(
            "A5",
            f"{words} does not show that generalizing networks are more similar in late layers "
            f"({fig3.span(late)})",
            "mean distance within memorizing minus within generalizing, layer by layer"
            + (", as a share of the layer's mean distance" if name == "euclidean" else ""),
            "no difference",
            tuple(gap(distances, name, layer, MEMORIZING, GENERALIZING) for layer in late),
            "the activations of the two groups differ in size and in the number of inactive "
            "filters, and the distance between unrelated neurons depends only on these",
        )
        for name, words in MEASURES.items()
    ]
