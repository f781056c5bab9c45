"""Claims: the statements of the paper, the numbers that decide them, and the verdicts.

A claim says that something is clearly larger ("difference"), that it is not larger ("no
difference"), or that two things are the same ("equality"). It is judged on one or more contrasts,
such as one for each late layer, and holds only if it holds on every contrast. The curves that the
authors published pass every criterion.

- A difference is reproduced on a contrast if its effect is at least the claim's margin and its
  exact p-value at most `ALPHA`. It is not decidable if no p-value that small is possible with so
  few networks.
- An equality is reproduced if the effect's 90 % interval lies between minus and plus the margin (a
  test of equivalence at the 5 % level), and not reproduced if the interval lies outside. It is not
  decidable if the interval overlaps the boundary, or if there are too few networks for an interval.
  The p-value is for the null hypothesis of no difference: a small p-value can come with a
  difference that is too small to matter.
- No difference is reproduced if the upper end of the interval is below the margin: a difference in
  the other direction is none in the claimed one. It is not reproduced if the lower end is above.
- A difference, or none, between distances that are both at the floor (below the margin) is not
  decidable.
- A claim about something that a scale does not have (such as layers of more than 1000 filters) has
  no contrast, and is not decidable.

An effect can also be a correlation, or the agreement of clusters with known groups; such claims
have the margin `STRONG`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import isorep

Verdict = Literal["reproduced", "not reproduced", "not decidable at this scale"]

MARGIN = 0.05
"""Smallest relevant difference between distances from 0 to 1; figure 3 would not show less."""

STRONG = 0.5
"""Smallest strong correlation, share of variance, or Rand index adjusted for chance."""

ALPHA = 0.05
"""Largest p-value of a reproduced difference."""

_WORST_FIRST: tuple[Verdict, ...] = (
    "not reproduced",
    "not decidable at this scale",
    "reproduced",
)


@dataclass(frozen=True)
class Contrast:
    """An effect, such as a difference between two mean distances, with its uncertainty.

    Attributes
    ----------
    where : str
        Description of the effect, such as layer, minuend and subtrahend.
    effect : float
        The number; it is large if there is an effect in the claimed direction.
    interval : (float, float) or None
        90 % interval over networks.
    exact : Exact or None
        Exact p-value over networks, and the smallest possible one; None if the effect is no
        difference, so that relabelled networks say nothing of it.
    at_floor : bool
        Whether the effect is a difference of two distances that are both near 0.
    """

    where: str
    effect: float
    interval: tuple[float, float] | None
    exact: isorep.inference.Exact | None
    at_floor: bool = False


@dataclass(frozen=True)
class Claim:
    """A statement of the paper and its verdict.

    Attributes
    ----------
    figure : str
        The paper's figure.
    words : str
        The claim.
    statistic : str
        Description of the number that decides the claim.
    kind : {"difference", "no difference", "equality"}
        Criterion; see the module.
    contrasts : tuple of Contrast
        Contrasts that must all support the claim.
    reason : str
        Likely reason if the claim is not reproduced.
    margin : float
        Smallest relevant effect.
    paper : str
        The paper's own value of the effect; empty if it cannot be read off.
    ours : bool
        Whether the claim is not the paper's, but one that we add.

    Examples
    --------
    >>> exact = isorep.inference.Exact(1 / 252, 1 / 252)
    >>> conv8 = Contrast("conv8", 0.3, (0.2, 0.4), exact)
    >>> Claim("3", "x is farther than y", "x - y", "difference", (conv8,)).verdict
    'reproduced'
    >>> Claim("3", "x is as far as y", "x - y", "equality", (conv8,)).verdict
    'not reproduced'
    """

    figure: str
    words: str
    statistic: str
    kind: Literal["difference", "no difference", "equality"]
    contrasts: tuple[Contrast, ...]
    reason: str = ""
    margin: float = MARGIN
    paper: str = ""
    ours: bool = False

    def judge(self, contrast: Contrast) -> Verdict:
        """Return the verdict of a single contrast."""
        if contrast.at_floor and self.kind != "equality":
            return "not decidable at this scale"
        if self.kind == "difference":
            if contrast.exact is None or contrast.exact.smallest > ALPHA:
                return "not decidable at this scale"
            clear = contrast.effect >= self.margin and contrast.exact.p_value <= ALPHA
            return "reproduced" if clear else "not reproduced"
        if contrast.interval is None:
            return "not decidable at this scale"
        low, high = contrast.interval
        is_below, is_above = high < self.margin, low > self.margin
        if self.kind == "equality":
            is_above |= high < -self.margin
            is_below &= low > -self.margin
        if is_below:
            return "reproduced"
        return "not reproduced" if is_above else "not decidable at this scale"

    @property
    def deciding(self) -> Contrast | None:
        """The contrast that supports the claim least; its numbers decide the claim."""
        if not self.contrasts:
            return None
        strengths: dict[str, Callable[[Contrast], float]] = {
            "difference": lambda contrast: contrast.effect,
            "no difference": lambda contrast: -contrast.effect,
            "equality": lambda contrast: -abs(contrast.effect),
        }
        strength = strengths[self.kind]
        return min(self.contrasts, key=lambda c: (_WORST_FIRST.index(self.judge(c)), strength(c)))

    @property
    def verdict(self) -> Verdict:
        """Verdict of the deciding contrast."""
        deciding = self.deciding
        return "not decidable at this scale" if deciding is None else self.judge(deciding)

    def as_dict(self) -> dict[str, Any]:
        """Return the claim with all numbers in JSON types."""
        deciding = self.deciding
        return {
            "figure": self.figure,
            "claim": self.words,
            "verdict": self.verdict,
            "kind": self.kind,
            "statistic": self.statistic,
            "margin": self.margin,
            "paper": self.paper or None,
            "ours": self.ours,
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
        """Likely reason if the claim is not reproduced or has no contrast, else None."""
        needed = self.verdict == "not reproduced" or not self.contrasts
        return self.reason or None if needed else None


def _numbers(contrast: Contrast | None) -> dict[str, Any]:
    if contrast is None:
        return dict.fromkeys(("effect", "interval_90", "p_value", "smallest_possible_p_value"))
    return {
        "effect": contrast.effect,
        "interval_90": contrast.interval,
        "p_value": contrast.exact and contrast.exact.p_value,
        "smallest_possible_p_value": contrast.exact and contrast.exact.smallest,
    }
