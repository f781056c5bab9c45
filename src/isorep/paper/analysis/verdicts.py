"""Verdicts: the table of claims that the shell prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import ALPHA, Claim

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {"reproduced": "green", "not reproduced": "red"}

LEGEND = (
    "In brackets: 90 % interval. p: exact permutation p-value (networks relabelled) under the null "
    f"of no effect. A claimed difference must reach its margin with p <= {ALPHA}; a claimed "
    "equality needs an interval between minus and plus the margin; no difference, one below the "
    "margin."
)


def plain_table(title: str) -> Table:
    """Return an empty table without lines."""
    from rich.table import Table

    return Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)


def claims_table(judged: Sequence[Claim]) -> Table:
    """Return a table with figure, verdict, words and the deciding numbers of each claim."""
    from rich.text import Text

    listing = plain_table("The paper's claims")
    listing.add_column("figure")
    listing.add_column("verdict", width=14)
    listing.add_column("claim, and the number that decides it")
    for claim in judged:
        words = Text(claim.words + (" (ours, not the paper's)" if claim.ours else ""))
        contrast = claim.deciding
        if contrast is not None:
            number = len(claim.contrasts)
            worst = f" (worst of {number})" if number > 1 else ""
            ends = contrast.interval
            interval = "" if ends is None else " [{}, {}]".format(*map(short, ends))
            in_paper = f"; in the paper {claim.paper}" if claim.paper else ""
            p = "" if contrast.exact is None else f", p = {contrast.exact.p_value:.3f}"
            words.append(
                f"\n{contrast.where}{worst} = {short(contrast.effect)}{interval}{p}{in_paper}",
                style="dim",
            )
        if claim.likely_reason:
            words.append(f"\nlikely reason: {claim.likely_reason}", style="dim")
        verdict = Text(claim.verdict, style=_COLOURS.get(claim.verdict, "yellow"))
        listing.add_row(claim.figure, verdict, words)
    return listing


def short(number: float) -> str:
    """Return a number with three decimals, without a negative zero."""
    return f"{round(number, 3) + 0.0:.3f}"  # -0.0 + 0.0 is 0.0
