"""Parts that sequential tests of canonical correlations share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText


def check_overlap(overlap: Overlap, function: str) -> None:
    """Raise TypeError, with the correct call of `function`, unless `overlap` is an Overlap."""
    if not isinstance(overlap, Overlap):
        raise TypeError(
            f"expected an Overlap, got {type(overlap).__name__}: {function}(isorep.overlap(x, y))"
        )


def check(overlap: Overlap, alpha: float, function: str) -> None:
    """Check the arguments of a test.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If `alpha` is not in (0, 1).
    """
    check_overlap(overlap, function)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha, the level of the test, must be in (0, 1), got {alpha}")


def forced_warning(overlap: Overlap) -> tuple[str, ...]:
    """Return a warning if some correlations are 1 whatever the data."""
    n, a, b = overlap.n_samples, overlap.x.rank, overlap.y.rank
    if not overlap.n_forced:
        return ()
    return (
        WarningText(
            "few-samples",
            f"{n} samples are too few to test {a} and {b} directions: {overlap.n_forced} of the "
            f"{min(a, b)} canonical correlations are 1 whatever the data, so none counts as "
            "significant",
            "take more samples or fewer directions",
        ),
    )


def first_not_rejected(p_values: NDArray[np.float64], alpha: float) -> int:
    """Return the smallest index whose p-value is at least `alpha`; their number if there is none.

    Examples
    --------
    >>> first_not_rejected(np.array([0.01, 0.2, 0.01]), 0.05)
    1
    """
    accepted = p_values >= alpha
    return int(np.argmax(accepted)) if accepted.any() else len(p_values)
