"""Warnings of measures and of their correction about too few samples."""

from __future__ import annotations

import numpy as np

from isorep._utils.arrays import epsilon
from isorep.core.overlap import Overlap, count_forced
from isorep.core.warning_text import WarningText, heard
from isorep.random_matrix.population import Excess, shared_scale
from isorep.random_matrix.undeclared_dependence import dependence_warnings

FEW_SAMPLES = 10
"""Samples per direction below which canonical correlations of unrelated data are visibly above 0:
their mean square is then above 1/10."""

ENOUGH_TO_CORRECT = 2
"""Samples per direction of both sides below which the correction has a visible error."""

NEAR_EDGE = 1.2
"""Samples per direction of both sides below which a corrected similarity cannot be judged: the
noise then reaches squared correlations of 0.97, and a sample hardly differs from one in which some
correlations are 1 whatever the data."""

FEWEST_TO_CORRECT = 30
"""Samples below which even a single correlation is too uncertain to correct."""

SHARED_SCALE = 1.25
"""Value of `shared_scale` above which the correction may leave a part of the bias."""

ALLOWED = 3.84
"""Misfit (chi squared) of the population's correlations up to which a sample allows them, at a
confidence of 95 %."""

WIDE = 0.15
"""Range of the corrected similarity over the allowed correlations above which the score warns."""

VISIBLE = 1e-4
"""Error of canonical correlations above which the score warns."""

SMALL_EXCESS = 0.02
"""Bias of which the correction may leave a part without a warning."""


def few_samples(n: int, x_rank: int, y_rank: int) -> tuple[str, ...]:
    """Warn if n samples are few for the canonical correlations of directions of these ranks."""
    # The greater rank first: the text is the same for (x, y) and (y, x).
    least, most = sorted((x_rank, y_rank))
    few = f"{n} samples are few for {most} and {least} directions"
    others = "keep fewer directions (svcca), or use cka_debiased"
    forced = count_forced(n, x_rank, y_rank)
    if forced:
        return (
            WarningText(
                "few-samples",
                f"{few}: {forced} of the {least} canonical correlations are 1 whatever the data",
                f"take more samples, {others}",
            ),
        )
    # For independent data of any distribution, E ||M||_F^2 = rx ry / (n - 1).
    chance = most / (n - 1)
    if n < FEW_SAMPLES * most:
        return (
            WarningText(
                "few-samples",
                f"{few}: unrelated data would show a mean squared canonical correlation of "
                f"{chance:.2f}",
                f"take more samples ({FEW_SAMPLES * most + 1} for {1 / FEW_SAMPLES:.2f}), {others}",
            ),
        )
    return ()


def lost_digits(overlap: Overlap) -> tuple[str, ...]:
    """Warn if whitening by second moments alone makes canonical correlations visibly wrong."""
    if overlap.knows_samples:  # a second pass over the samples has restored the digits
        return ()
    spread = max(
        float(s[0] / s[-1]) for s in (overlap.x.singular_values, overlap.y.singular_values)
    )
    error = epsilon("float64") * spread**2
    if error <= VISIBLE:
        return ()
    return (
        WarningText(
            "lost-digits",
            f"the spectrum of a layer spans {spread:.0e}, and only second moments are available: "
            f"canonical correlations may be wrong by {error:.0e}",
            "compare fewer samples in memory, or keep fewer directions (svcca)",
        ),
    )


def near_edge(n: int, x_rank: int, y_rank: int) -> bool:
    """Return whether n samples are so close to both ranks that a correction cannot be judged.

    Examples
    --------
    >>> near_edge(800, 384, 384), near_edge(1000, 384, 384)
    (True, False)
    """
    return n - 1 < NEAR_EDGE * (x_rank + y_rank)


def samples_to_correct(x_rank: int, y_rank: int) -> int:
    """Return the number of samples from which on the correction has no visible error."""
    return max(ENOUGH_TO_CORRECT * (x_rank + y_rank), FEWEST_TO_CORRECT)


def doubtful_correction(
    overlap: Overlap, corrected: float, excess: Excess, similarity_range: tuple[float, float]
) -> tuple[str, ...]:
    """Warn where the correction is known to be inaccurate (see docs/sample-size.md)."""
    n, x_rank, y_rank = overlap.n_samples, overlap.x.rank, overlap.y.rank
    warnings = list(dependence_warnings(overlap))
    if overlap.structure is not None:
        n = round(excess.n_samples)
    enough = samples_to_correct(overlap.x.attainable_rank, overlap.y.attainable_rank)
    if near_edge(n, x_rank, y_rank):
        warnings.append(
            WarningText(
                "few-samples-to-correct",
                f"{n} samples are too close to {x_rank} and {y_rank} directions to judge the "
                "corrected similarity",
                f"take {enough} samples or more",
            )
        )
    elif n < enough:
        warnings.append(
            WarningText(
                "few-samples-to-correct",
                f"{n} samples are few even to correct {x_rank} and {y_rank} directions: with fewer "
                f"than {enough} samples the corrected similarity may be wrong by more than 0.04",
                "take more samples",
            )
        )
    to_low, to_high = excess.within(ALLOWED)
    if to_high - to_low > WIDE:
        low, high = np.clip([corrected + to_low, corrected + to_high], *similarity_range)
        unknown = "how strong the correlation is"
        if min(x_rank, y_rank) > 1:
            unknown = "whether few or many correlations are hidden in noise"
        warnings.append(
            WarningText(
                "hidden-correlations",
                f"the samples hardly show {unknown}: populations with similarities from {low:.2f} "
                f"to {high:.2f} fit them at a confidence of 95 %",
                "report the interval (isorep.infer), take more samples, or keep fewer directions",
            )
        )
    biased = abs(excess.mean) > SMALL_EXCESS
    if biased and overlap.knows_samples and shared_scale(overlap) > SHARED_SCALE:
        warnings.append(
            WarningText(
                "uneven-samples",
                "some samples have large norms on both sides, more than their correlations "
                "explain: the correction uses a smaller effective sample size, and a part of the "
                "bias may remain",
                "scale each sample to unit norm, or take more samples",
            )
        )
    return heard(warnings)
