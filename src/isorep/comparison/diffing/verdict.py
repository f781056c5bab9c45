"""Verdict: whether a layer passes a threshold, fails it, or cannot be judged."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["pass", "fail", "not judged"]

_ROUNDING = 1e-6
"""Largest difference to the threshold that float32 rounding may cause."""


def verdict_of(similarity: float, fail_below: float | None, *, judged: bool) -> Verdict | None:
    """Return the verdict about a similarity; None without a threshold.

    Examples
    --------
    >>> verdict_of(0.97, 0.95, judged=True), verdict_of(float("nan"), 0.95, judged=True)
    ('pass', 'fail')
    >>> verdict_of(0.97, 0.95, judged=False)
    'not judged'
    """
    if fail_below is None:
        return None
    if not judged:
        return "not judged"
    return "pass" if similarity >= fail_below - _ROUNDING else "fail"
