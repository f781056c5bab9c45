"""Verdicts: the claims of a figure as a table to print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import ALPHA, Claim

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {"reproduced": "green", "not reproduced": "red"}

LEGEND = (
    "In brackets: 90 % interval. p: of no effect at all, over exchanges of networks. A claimed "
    f"difference must reach its margin with p <= {ALPHA}; a claimed equality needs an interval "
    "within the margin on either side of 0."
)


def claims_table(judged: Sequence[Claim]) -> Table:
    """Return a row for each claim: figure, verdict, words, and the numbers that decide it."""
    from rich.table import Table
    from rich.text import Text

    listing = Table(
        title="The paper's claims",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    listing.add_column("figure")
    listing.add_column("verdict", width=14)
    listing.add_column("claim, and what decides it")
    for claim in judged:
        words = Text(claim.words)
        at = claim.deciding
        if at is not None:
            among = f" (worst of {len(claim.contrasts)})" if len(claim.contrasts) > 1 else ""
            between = "" if at.interval is None else " [{}, {}]".format(*map(short, at.interval))
            words.append(
                f"\n{at.where}{among} = {short(at.effect)}{between}, p = {at.exact.p_value:.3f}",
                style="dim",
            )
        if claim.likely_reason:
            words.append(f"\nlikely reason: {claim.likely_reason}", style="dim")
        verdict = Text(claim.verdict, style=_COLOURS.get(claim.verdict, "yellow"))
        listing.add_row(claim.figure, verdict, words)
    return listing


def short(number: float) -> str:
    """Return three decimals, never a negative zero."""
    return f"{round(number, 3) + 0.0:.3f}"  # what rounds to -0 is 0
