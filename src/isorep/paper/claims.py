"""Claim: a sentence of the paper, the number it stands or falls with, and the verdict.

A claim either says that something is clearly larger ("difference") or that things are the same
("equality"). It is judged on one or more contrasts, such as one for each late layer, and holds only
if it holds on every one of them.

- A difference is reproduced on a contrast when its effect is at least `MARGIN` and its exact
  p-value at most `ALPHA`. It is not decidable when no p-value that small exists for so few
  networks.
- An equality is reproduced when the effect's 90 % interval lies within ``+- MARGIN`` (a test of
  equivalence at the 5 % level), not reproduced when it lies outside, and not decidable when it has
  a share in both, or when there are too few networks for an interval. Its p-value is that of
  "exactly no difference": small differences can be certain and still too small to matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from isorep.paper.exchange import Exact

Verdict = Literal["reproduced", "not reproduced", "not decidable at this scale"]

MARGIN = 0.05
"""Of a distance between 0 and 1: less is no difference that figure 3 would show."""

ALPHA = 0.05

_WORST_FIRST: tuple[Verdict, ...] = (
    "not reproduced",
    "not decidable at this scale",
    "reproduced",
)


@dataclass(frozen=True)
class Contrast:
    """A difference between two mean distances.

    Attributes
    ----------
    where : str
        What is subtracted from what, at which layer.
    effect : float
        The difference, in units of distance.
    interval : (float, float) or None
        Its 90 % interval over networks.
    exact : Exact
        Its exact p-value over networks, and the smallest possible.
    """

    where: str
    effect: float
    interval: tuple[float, float] | None
    exact: Exact


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and what the run says about it.

    Attributes
    ----------
    figure : str
        The paper's figure.
    words : str
        The claim.
    statistic : str
        What was computed to judge it.
    kind : {"difference", "equality"}
        Which criterion applies; see the module.
    contrasts : tuple of Contrast
        All must bear the claim out.
    reason : str
        The likely reason, for the case that it does not come out.

    Examples
    --------
    >>> found = Contrast("conv8", 0.3, (0.2, 0.4), Exact(1 / 252, 1 / 252))
    >>> Claim("3", "x is farther than y", "x - y", "difference", (found,)).verdict
    'reproduced'
    >>> Claim("3", "x is as far as y", "x - y", "equality", (found,)).verdict
    'not reproduced'
    """

    figure: str
    words: str
    statistic: str
    kind: Literal["difference", "equality"]
    contrasts: tuple[Contrast, ...]
    reason: str = ""

    def judge(self, contrast: Contrast) -> Verdict:
        """Say what a single contrast makes of the claim."""
        if self.kind == "difference":
            if contrast.exact.smallest > ALPHA:
                return "not decidable at this scale"
            clear = contrast.effect >= MARGIN and contrast.exact.p_value <= ALPHA
            return "reproduced" if clear else "not reproduced"
        if contrast.interval is None:
            return "not decidable at this scale"
        low, high = contrast.interval
        if low > -MARGIN and high < MARGIN:
            return "reproduced"
        return "not reproduced" if low > MARGIN or high < -MARGIN else "not decidable at this scale"

    @property
    def deciding(self) -> Contrast:
        """The contrast that speaks most against the claim; its numbers are the claim's."""
        strength: Callable[[Contrast], float] = (
            (lambda c: c.effect) if self.kind == "difference" else (lambda c: -abs(c.effect))
        )
        return min(self.contrasts, key=lambda c: (_WORST_FIRST.index(self.judge(c)), strength(c)))

    @property
    def verdict(self) -> Verdict:
        """What the run says about the claim."""
        return self.judge(self.deciding)

    def as_dict(self) -> dict[str, Any]:
        """Return everything about the claim in types that JSON knows."""
        deciding = self.deciding
        return {
            "figure": self.figure,
            "claim": self.words,
            "verdict": self.verdict,
            "kind": self.kind,
            "statistic": self.statistic,
            "effect": deciding.effect,
            "interval_90": deciding.interval,
            "p_value": deciding.exact.p_value,
            "smallest_possible_p_value": deciding.exact.smallest,
            "decided_at": deciding.where,
            "likely_reason": self.reason if self.verdict == "not reproduced" else None,
            "contrasts": [
                {
                    "where": contrast.where,
                    "effect": contrast.effect,
                    "interval_90": contrast.interval,
                    "p_value": contrast.exact.p_value,
                    "smallest_possible_p_value": contrast.exact.smallest,
                    "verdict": self.judge(contrast),
                }
                for contrast in self.contrasts
            ],
        }
