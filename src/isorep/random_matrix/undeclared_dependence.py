"""Undeclared dependence: signs that samples taken as independent depend on each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText
from isorep.random_matrix.effective_samples import independent_samples
from isorep.representations.sample_structure import SampleStructure

LEADING = 5
"""Leading directions of each side whose autocorrelation is looked at."""

RARE = 1e-4
"""Probability below which an autocorrelation is no chance, on each of the two sides."""

TRIVIAL_LOSS = 0.9
"""Share of the samples that they must at least be worth for dependence to do no harm."""

FEWEST_SAMPLES = 20
"""Samples below which no dependence is looked for."""

SAME = 1e-8
"""Difference of two whitened coordinates, relative to the largest, up to which it is rounding."""


def dependence_warnings(overlap: Overlap) -> tuple[WarningText, ...]:
    """Warn if samples depend on each other on both sides and no structure was declared.

    Samples that depend on each other on one side only do no harm.

    Parameters
    ----------
    overlap : Overlap
        If it has a structure or knows no samples, there is no warning.
    """
    n = overlap.n_samples
    if overlap.structure is not None or not overlap.knows_samples or n < FEWEST_SAMPLES:
        return ()
    return _repeated_samples(overlap) or _alike_neighbours(overlap)


def _repeated_samples(overlap: Overlap) -> tuple[WarningText, ...]:
    """Warn if samples occur several times, in any order.

    A repeated sample has the same row on both sides. Equal rows on one side only, such as the
    labels of a class, are not repeats. If hardly more rows differ than a side has directions, both
    sides are taken for labels.
    """
    n = overlap.n_samples
    x, y = (_equal_rows(side) for side in (overlap.x, overlap.y))
    numbers = {len(np.unique(x)), len(np.unique(y)), len(np.unique(np.stack([x, y]), axis=1).T)}
    distinct = min(numbers)
    few_values = distinct <= 1 + max(overlap.x.rank, overlap.y.rank)
    if len(numbers) > 1 or distinct > TRIVIAL_LOSS * n or few_values:
        return ()
    return (
        WarningText(
            "dependent-samples",
            f"only {distinct} of {n} rows differ: the others repeat a row on both sides, and "
            "p-values, intervals and corrections that take them as independent are too good",
            "drop repeated samples, or pass groups= with the same label for all repeats of one",
        ),
    )


def _equal_rows(side: Basis) -> NDArray[np.int64]:
    """Return a number for each sample that only samples with the same row share."""
    q = to_numpy(side.leading(LEADING).q)
    # One number for each row: equal rows have the same, others hardly ever.
    values = q @ np.sqrt(np.arange(2.0, 2.0 + q.shape[1]))
    order = np.argsort(values)
    steps = np.diff(values[order]) > SAME * np.abs(values).max()
    numbers = np.empty(len(values), dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(steps)])
    return numbers


def _alike_neighbours(overlap: Overlap) -> tuple[WarningText, ...]:
    """Warn if neighbouring samples are alike.

    The positive lag-1 autocorrelations r of the leading principal components, in row order, are
    tested on each side: ``n sum r^2`` is at most chi-squared for independent samples.
    """
    from scipy.special import chdtri

    n = overlap.n_samples
    lags = [_lag_one(side) for side in (overlap.x, overlap.y)]
    if any(n * float(np.sum(lag**2)) <= chdtri(len(lag), RARE) for lag in lags):
        return ()
    series = SampleStructure.from_labels(order=np.arange(n))
    worth = independent_samples(
        Overlap(
            replace(overlap.x, structure=series),
            replace(overlap.y, structure=series),
            overlap.matrix,
        ),
        seed=0,
    )
    if worth > TRIVIAL_LOSS * n:
        return ()
    x_lag, y_lag = (float(lag.max()) for lag in lags)
    return (
        WarningText(
            "dependent-samples",
            f"neighbouring rows are alike (lag-1 autocorrelation {x_lag:.2f} and {y_lag:.2f}): if "
            f"the rows are time points or parts of texts, {n} of them are worth about {worth:.0f} "
            "independent samples, and p-values, intervals and corrections are too good",
            "pass order= (time) or groups= (the text or stimulus of each row). If every row is "
            "another independent sample and rows were only sorted, for example by class, silence "
            "the warning; shuffling repeats of a stimulus would hide them",
        ),
    )


def _lag_one(side: Basis) -> NDArray[np.float64]:
    """Return the positive lag-1 autocorrelations of the leading principal components."""
    q = to_numpy(side.leading(LEADING).q)
    return np.asarray(np.clip(np.sum(q[1:] * q[:-1], axis=0), 0, None))
