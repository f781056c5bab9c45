"""Claim: a sentence of the paper, the number it stands or falls with, and the verdict.

A claim either says that something is clearly larger ("difference") or that things are the same
("equality"). It is judged on one or more contrasts, such as one for each late layer, and holds only
if it holds on every one of them.

- A difference is reproduced on a contrast when its effect is at least the claim's margin and its
  exact p-value at most `ALPHA`. It is not decidable when no p-value that small exists for so few
  networks.
- An equality is reproduced when the effect's 90 % interval lies within the margin on either side
  of 0 (a test of equivalence at the 5 % level), not reproduced when it lies outside, and not
  decidable when it has a share in both, or when there are too few networks for an interval. Its
  p-value is that of "exactly no difference": small differences can be certain and still too small
  to matter.
- A claim about something that a scale does not have (such as layers of more than 1000 filters) has
  no contrast, and is not decidable.

The effect need not be a difference of distances: a correlation, or the agreement of clusters with
groups that are known, is judged in the same way with a margin of its own, `STRONG`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from isorep.paper.analysis.permutation_tests import Exact

Verdict = Literal["reproduced", "not reproduced", "not decidable at this scale"]

MARGIN = 0.05
"""Of a distance between 0 and 1: less is no difference that figure 3 would show."""

STRONG = 0.5
"""Of a correlation, a share of variance, or a Rand index adjusted for chance: less is not strong,
even where it is certainly more than nothing."""

ALPHA = 0.05

_WORST_FIRST: tuple[Verdict, ...] = (
    "not reproduced",
    "not decidable at this scale",
    "reproduced",
)


@dataclass(frozen=True)
class Contrast:
    """An effect, such as a difference between two mean distances, and how sure it is.

    Attributes
    ----------
    where : str
        What the effect is: what is subtracted from what, at which layer.
    effect : float
        The number, large where the claim says that there is something.
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
    margin : float
        What an effect must reach to matter.

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
    margin: float = MARGIN

    def judge(self, contrast: Contrast) -> Verdict:
        """Say what a single contrast makes of the claim."""
        if self.kind == "difference":
            if contrast.exact.smallest > ALPHA:
                return "not decidable at this scale"
            clear = contrast.effect >= self.margin and contrast.exact.p_value <= ALPHA
            return "reproduced" if clear else "not reproduced"
        if contrast.interval is None:
            return "not decidable at this scale"
        low, high = contrast.interval
        if low > -self.margin and high < self.margin:
            return "reproduced"
        outside = low > self.margin or high < -self.margin
        return "not reproduced" if outside else "not decidable at this scale"

    @property
    def deciding(self) -> Contrast | None:
        """The contrast that speaks most against the claim; its numbers are the claim's."""
        if not self.contrasts:
            return None
        strength: Callable[[Contrast], float] = (
            (lambda c: c.effect) if self.kind == "difference" else (lambda c: -abs(c.effect))
        )
        return min(self.contrasts, key=lambda c: (_WORST_FIRST.index(self.judge(c)), strength(c)))

    @property
    def verdict(self) -> Verdict:
        """What the run says about the claim."""
        deciding = self.deciding
        return "not decidable at this scale" if deciding is None else self.judge(deciding)

    def as_dict(self) -> dict[str, Any]:
        """Return everything about the claim in types that JSON knows."""
        deciding = self.deciding
        return {
            "figure": self.figure,
            "claim": self.words,
            "verdict": self.verdict,
            "kind": self.kind,
            "statistic": self.statistic,
            "margin": self.margin,
            **_numbers(deciding),
            "decided_at": None if deciding is None else deciding.where,
            "likely_reason": self.likely_reason,
            "contrasts": [
                {
                    "where": contrast.where,
                    **_numbers(contrast),
                    "verdict": self.judge(contrast),
                }
                for contrast in self.contrasts
            ],
        }

    @property
    def likely_reason(self) -> str | None:
        """Why it did not come out, or why the scale cannot tell; None where there is no need."""
        wanted = self.verdict == "not reproduced" or not self.contrasts
        return self.reason or None if wanted else None


def _numbers(contrast: Contrast | None) -> dict[str, Any]:
    if contrast is None:
        return dict.fromkeys(("effect", "interval_90", "p_value", "smallest_possible_p_value"))
    return {
        "effect": contrast.effect,
        "interval_90": contrast.interval,
        "p_value": contrast.exact.p_value,
        "smallest_possible_p_value": contrast.exact.smallest,
    }
