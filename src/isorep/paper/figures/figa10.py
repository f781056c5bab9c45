"""Figure A10: figure 3 on test data.

Set-up. Figure 3's networks.

Computed. Figure 3's distances on test data.

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


def compute(setup: SetUp, run: Run) -> Result:
    """Compare figure 3's networks on test data."""
    return fig3.compare(setup, run, ["pwcca"], shown="test")


def claims(result: Result) -> list[Claim]:
    """Judge figure A10's claims."""
    distances = result.distances
    output = distances.layers[-1]
    return [
        Claim(
            "A10",
            "Softmax, test data: generalizing networks agree with each other and memorizing "
            "networks do not",
            f"mean PWCCA distance within memorizing minus within generalizing at {output}",
            "difference",
            (gap(distances, "pwcca", output, MEMORIZING, GENERALIZING),),
        ),
    ]
