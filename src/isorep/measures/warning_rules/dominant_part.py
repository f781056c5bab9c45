"""Dominant part: one feature, direction or sample that decides the similarity alone."""

from __future__ import annotations

from typing import Literal

from isorep.core.basis import Basis
from isorep.core.dominance import ONE_DIRECTION, Dominance, Share
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText

Emphasis = Literal["equal", "norm", "variance", "squared variance", "distances"]
"""How directions and samples count in a similarity; see `Measure.emphasis`."""

MOST = 0.5
"""Share of what a measure sums above which one feature or sample decides the similarity."""

TIMES_EVEN = 5
"""Multiple of the share of equal features or samples below which none counts as dominant."""

MANY_DIRECTIONS = 10
"""Rank below which one large direction is usual."""

_ADVICE = {
    "dominant-feature": "it decides the similarity: compare without this feature, scale the "
    "features to equal variance, or use cca",
    "dominant-sample": "it decides the similarity: compare without this sample, or scale each "
    "sample to unit norm",
    "dominant-direction": "it decides the similarity: subtract the first principal component, or "
    "use cca",
}


def dominant_part(
    overlap: Overlap, emphasis: Emphasis, sides: str = "xy"
) -> tuple[WarningText, ...]:
    """Warn if one feature, sample or direction of these sides decides the similarity."""
    if emphasis == "equal":
        return ()
    findings: dict[str, list[str]] = {}
    for side in sides:
        part = _of_side(overlap.x if side == "x" else overlap.y, side, emphasis)
        if part is not None:
            findings.setdefault(part[0], []).append(part[1])
    return tuple(
        WarningText(code, ", and ".join(texts), _ADVICE[code]) for code, texts in findings.items()
    )


def _of_side(basis: Basis, name: str, emphasis: Emphasis) -> tuple[str, str] | None:
    """Return the code and the finding of a side, if one part decides."""
    shares = basis.dominance
    feature, sample = shares.feature, shares.sample
    if _decides(shares, feature, basis.rank, emphasis):
        subject, share = f"feature {feature.index} of {name}", _percent(feature, emphasis)
        return "dominant-feature", f"{subject} carries {share}"
    if sample is not None and _decides(shares, sample, basis.n_samples, emphasis):
        if emphasis == "distances":  # the other distances do not depend on this sample
            return None
        subject, share = f"row {sample.index} of {name}", _percent(sample, emphasis)
        return "dominant-sample", f"{subject} carries {share}"
    if basis.rank < MANY_DIRECTIONS or shares.most_of_direction <= ONE_DIRECTION:
        return None
    direction = shares.direction
    if direction.variance > ONE_DIRECTION and (emphasis != "norm" or shares.norm(direction) > MOST):
        return "dominant-direction", (
            f"one direction of {name} carries {direction.variance:.0%} of the variance and is "
            f"strongest in feature {feature.index}"
        )
    return None


def _decides(shares: Dominance, share: Share, n_parts: int, emphasis: Emphasis) -> bool:
    if share.variance <= TIMES_EVEN / n_parts:
        return False
    if emphasis == "norm":
        return shares.most_of_norm(share) > MOST and shares.norm(share) > MOST
    return (share.squared if emphasis == "squared variance" else share.variance) > MOST


def _percent(share: Share, emphasis: Emphasis) -> str:
    if emphasis == "squared variance" and share.variance <= MOST:
        return (
            f"{share.variance:.0%} of the variance and {share.squared:.0%} of the squared inner "
            "products of samples"
        )
    return f"{share.variance:.0%} of the variance"
