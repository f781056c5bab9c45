"""What the tests of one correlation after another share: input, forced correlations, the count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isorep.core.overlap import Overlap


def check_overlap(overlap: Overlap, function: str) -> None:
    """Refuse what is no overlap, with the call of `function` that has one.

    Raises
    ------
    TypeError
        When `overlap` is none.
    """
    if not isinstance(overlap, Overlap):
        raise TypeError(
            f"expected an Overlap, got {type(overlap).__name__}: {function}(isorep.overlap(x, y))"
        )


def check(overlap: Overlap, alpha: float, function: str) -> None:
    """Refuse what is no overlap and what is no level.

    Raises
    ------
    TypeError
        When `overlap` is none.
    ValueError
        When `alpha` is not in (0, 1).
    """
    check_overlap(overlap, function)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is the level of the test, in (0, 1), not {alpha}")


def forced_warning(overlap: Overlap) -> tuple[str, ...]:
    """Say that correlations are 1 whatever the data, where some are."""
    n, a, b = overlap.n_samples, overlap.x.rank, overlap.y.rank
    if not overlap.n_forced:
        return ()
    return (
        f"{n} samples are too few to test {a} and {b} directions: {overlap.n_forced} of the "
        f"{min(a, b)} canonical correlations are 1 whatever the data, so none counts as "
        "significant; take more samples or fewer directions",
    )


def first_not_rejected(p_values: NDArray[np.float64], alpha: float) -> int:
    """Return the smallest index whose p-value is `alpha` or more, their number where none is.

    Examples
    --------
    >>> first_not_rejected(np.array([0.01, 0.2, 0.01]), 0.05)
    1
    """
    kept = p_values >= alpha
    return int(np.argmax(kept)) if kept.any() else len(p_values)
