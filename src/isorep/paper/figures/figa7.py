"""Figure A7: figure 4 at initialisation and after training.

Set-up. Figure 4's networks, and the same networks before training.

Computed. Figure 4a's distances, for both.

Claims. See `claims`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import isorep
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.distances import Floats
from isorep.paper.analysis.group_contrasts import contrast
from isorep.paper.figures import fig4
from isorep.paper.figures.fig4 import Result, SetUp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.figures.fig4 import Widths
    from isorep.paper.run import Run

FLAT_FROM = 1000
"""Number of filters from which the distances of untrained networks are equal in the paper."""

PUBLISHED_UNTRAINED = (0.67, 0.63)
"""Mean distance before training within the paper's narrowest and widest group, read off."""


def compute(setup: SetUp, run: Run) -> Result:
    """Compare figure 4's networks after training and before."""
    return fig4.compare(setup, run, ["pwcca"], untrained=True)


def claims(result: Result) -> list[Claim]:
    """Judge figure A7's claims."""
    before = _before(result)
    return [
        Claim(
            "A7",
            "Trained, wider networks are more similar to each other",
            "mean PWCCA distance within the narrowest group minus within the widest",
            "difference",
            (result.after.drop("pwcca", where="trained: narrowest - widest"),),
            paper="0.19",
        ),
        Claim(
            "A7",
            "Before training, distances fall less with width than after",
            "mean PWCCA distance within the narrowest group minus within the widest, trained minus "
            "untrained",
            "difference",
            (_steeper(result.after, before),),
            "the narrowest networks are far narrower than the paper's, and few random filters have "
            "less in common than many",
            paper="0.15",
        ),
        Claim(
            "A7",
            f"Before training, distances do not depend on width past {FLAT_FROM} filters",
            f"mean PWCCA distance within the first group of at least {FLAT_FROM} filters minus "
            "within the widest, untrained",
            "equality",
            _flat(result, before),
            f"the claim needs at least two widths of {FLAT_FROM} filters or more",
            paper="0.00",
        ),
    ]


def _steeper(after: Widths, before: Widths) -> Contrast:
    """Contrast the fall of distances with width after training with the fall before."""
    n, trained, untrained = after.group_size, after.ends("pwcca"), before.ends("pwcca")

    def statistic(first: Floats, second: Floats) -> Floats:
        falls = [
            isorep.inference.mean_within(table, first) - isorep.inference.mean_within(table, second)
            for table in (trained, untrained)
        ]
        return falls[0] - falls[1]

    return contrast(
        "narrowest - widest: trained - untrained",
        statistic,
        n,
        isorep.inference.permute_labels(statistic, (n, n)),
    )


def _flat(result: Result, before: Widths) -> tuple[Contrast, ...]:
    widths = np.array(result.setup.widths)
    first = int(np.searchsorted(widths, FLAT_FROM))
    if first >= len(widths) - 1:
        return ()
    start = first * before.group_size
    wide = fig4.Widths({"pwcca": before.tables["pwcca"][start:, start:]}, before.group_size)
    return (wide.drop("pwcca", two_sided=True, where=f"untrained: {widths[first]} - widest"),)


def _before(result: Result) -> Widths:
    assert result.before is not None  # `compute` passes untrained=True
    return result.before


def draw(result: Result) -> Figure:
    """Draw distance over width, before and after training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4.1), layout="constrained")
    ax = figure.subplots()
    for widths, colour, label in (
        (_before(result), "#5A5A5A", "untrained"),
        (result.after, "#0072B2", "trained"),
    ):
        fig4.curve(ax, result.setup, widths, "pwcca", colour=colour, label=label)
    fig4.published(ax, result.setup, PUBLISHED_UNTRAINED, "#5A5A5A")
    fig4.published(ax, result.setup, fig4.PUBLISHED, "#0072B2", label=False)
    ax.legend(frameon=False)  # where it hides no curve
    fig4.caption(figure, result.setup, result)
    return figure
