"""Figure A6: figure 4 by cosine and Euclidean distance.

Set-up. Figure 4's networks and filters.

Computed. The cosine and the Euclidean distances of figure 4's filters, filter by filter.

Claims. See `claims`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import Claim
from isorep.paper.figures import fig4
from isorep.paper.figures.fig4 import Result, SetUp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run

MEASURES = {"cosine": "Cosine distance", "euclidean": "Euclidean distance"}


def compute(setup: SetUp, run: Run) -> Result:
    """Compare figure 4's filters by cosine and Euclidean distance."""
    return fig4.compare(setup, run, list(MEASURES))


def claims(result: Result) -> list[Claim]:
    """Judge figure A6's claims."""
    return [
        Claim(
            "A6",
            f"{words} does not show that wider networks are more similar",
            "mean distance within the narrowest group minus within the widest"
            + (", as a share of the mean distance" if name == "euclidean" else ""),
            "no difference",
            (result.after.drop(name),),
            "in wider networks each filter is less active, because the next layer adds up more of "
            "them, and these distances depend on the scale and the offset of activations",
        )
        for name, words in MEASURES.items()
    ]


def draw(result: Result) -> Figure:
    """Draw the distance over width, a panel for each measure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.1), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2), MEASURES, strict=True):
        fig4.curve(ax, result.setup, result.after, name)
    fig4.caption(figure, result.setup, result)
    return figure
