"""Control: a table beside a figure, of what comes out under another set-up or another measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.verdicts import short


@dataclass(frozen=True)
class Control:
    """A table with a title; each row has a cell for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of_claims(cls, title: str, judged: Iterable[Claim]) -> Control:
        """Return the table of claims that were judged under other conditions.

        Examples
        --------
        >>> Control.of_claims("All filters", []).columns
        ('claim', 'decided by', 'effect [90 %]', 'p', 'verdict')
        """
        columns = ("claim", "decided by", "effect [90 %]", "p", "verdict")
        return cls(title, columns, tuple(_row(claim) for claim in judged))

    def as_dict(self) -> dict[str, Any]:
        """Return the table in JSON types."""
        return asdict(self)


def _row(claim: Claim) -> tuple[str, ...]:
    contrast = claim.deciding
    if contrast is None:
        return claim.words, "", "", "", claim.verdict
    ends = contrast.interval
    interval = "" if ends is None else f" [{short(ends[0])}, {short(ends[1])}]"
    return (
        claim.words,
        contrast.where,
        short(contrast.effect) + interval,
        "" if contrast.exact is None else f"{contrast.exact.p_value:.4f}",
        claim.verdict,
    )
