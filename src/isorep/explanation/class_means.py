"""Class means: how much the samples of each class, token or position differ between two sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.explanation.held_out_pairs import Floats

if TYPE_CHECKING:
    import xarray

FEWEST_UNITS = 3
"""Fewest independent samples or groups of a class that is compared with the others."""

SAME = 1e-9
"""Difference of misfits, in standard deviations, that is rounding."""


def class_means(
    name: str,
    labels: NDArray[Any],
    values: Mapping[str, tuple[Floats, Floats]],
    misfit: Floats,
    units: NDArray[np.int64],
    alpha: float,
) -> xarray.Dataset:
    """Return ratios of means of each class.

    The interval of a ratio is the ratio plus and minus the t quantile times the jackknife's
    standard error over the units. A class is tested by Welch's t-test of the misfit of its units
    against that of all others, one-sided, adjusted for the number of classes. A class of fewer than
    3 units has no interval and no p-value.

    Parameters
    ----------
    name : str
        Name of the dimension: "class", "token" or "position".
    labels : (n,) array
        Class of each sample.
    values : mapping of name to pair of (n,) float64 arrays
        Numerator and denominator of each sample; the denominators are 1 for a mean.
    misfit : (n,) float64 array
        Misfit of each sample.
    units : (n,) int64 array
        Independent unit of each sample: its group, or its own number.
    alpha : float
        Level of the tests; intervals cover with 1 - alpha.

    Returns
    -------
    xarray.Dataset
        Over (name,): ``n_samples``; the ratio of each of the values, with ``_low`` and ``_high``;
        ``misfit``, ``p_value``, ``stands_out``.

    References
    ----------
    Welch 1947, The generalization of Student's problem when several different population variances
    are involved. Tukey 1958, Bias and confidence in not quite large samples.

    Examples
    --------
    >>> labels = np.repeat(["cat", "dog"], 20)
    >>> misfit = np.sin(np.arange(40.0)) + 3 * (labels == "dog")
    >>> table = class_means("class", labels, {}, misfit, np.arange(40), 0.05)
    >>> table["stands_out"].sel({"class": "dog"}).item()
    True
    """
    import xarray
    from scipy.stats import false_discovery_control

    classes, codes = np.unique(labels, return_inverse=True)
    intervals = {key: np.full((len(classes), 3), np.nan) for key in values}
    tests = np.full((len(classes), 2), np.nan)
    for code in range(len(classes)):
        members = codes == code
        n_units = len(np.unique(units[members]))
        for key, (above, below) in values.items():
            intervals[key][code] = _interval(
                above[members], below[members], units[members], n_units, alpha
            )
        tests[code, 0] = misfit[members].mean()
        if n_units < FEWEST_UNITS:
            continue
        inside = _unit_means(misfit[members], units[members])
        outside = _unit_means(misfit[~members], units[~members])
        if len(outside) >= FEWEST_UNITS and np.isfinite(misfit).all():
            tests[code, 1] = _larger(inside, outside)
    tested = np.isfinite(tests[:, 1])
    if tested.any():
        tests[tested, 1] = false_discovery_control(tests[tested, 1])
    variables: dict[str, Any] = {"n_samples": (name, np.bincount(codes))}
    for key, columns in intervals.items():
        for ending, column in zip(("", "_low", "_high"), columns.T, strict=True):
            variables[key + ending] = (name, column)
    variables |= {
        "misfit": (name, tests[:, 0]),
        "p_value": (name, tests[:, 1]),
        "stands_out": (name, tests[:, 1] <= alpha),
    }
    return xarray.Dataset(variables, coords={name: classes}, attrs={"alpha": alpha})


def _interval(
    above: Floats, below: Floats, units: NDArray[np.int64], n_units: int, alpha: float
) -> tuple[float, float, float]:
    """Return the ratio of two sums and its interval, NaN for too few units."""
    from scipy.stats import t

    ratio = float(above.sum() / below.sum())
    if n_units < FEWEST_UNITS:
        return ratio, np.nan, np.nan
    half = float(t.isf(alpha / 2, n_units - 1)) * _jackknife_error(above, below, units)
    return ratio, ratio - half, ratio + half


def _larger(inside: Floats, outside: Floats) -> float:
    """Return the p-value of Welch's test of a larger mean inside than outside."""
    from scipy.stats import t, ttest_ind

    spreads = [np.ptp(inside), np.ptp(outside)]
    is_exact = [spread <= SAME * max(1.0, np.abs(inside).max()) for spread in spreads]
    difference = inside.mean() - outside.mean()
    if all(is_exact):
        # What differs by rounding does not differ.
        return float(difference <= SAME)
    if any(is_exact):
        # The test against an exact mean, since scipy warns of lost precision.
        values = outside if is_exact[0] else inside
        error = values.std(ddof=1) / np.sqrt(len(values))
        return float(t.sf(difference / error, len(values) - 1))
    return float(ttest_ind(inside, outside, equal_var=False, alternative="greater").pvalue)


def _unit_means(values: Floats, units: NDArray[np.int64]) -> Floats:
    codes = np.unique(units, return_inverse=True)[1]
    return np.bincount(codes, values) / np.bincount(codes)


def _jackknife_error(above: Floats, below: Floats, units: NDArray[np.int64]) -> float:
    """Return the jackknife's standard error of a ratio, one unit left out at a time."""
    codes = np.unique(units, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, above), np.bincount(codes, below)
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    g = len(sums)
    return float(np.sqrt((g - 1) / g * np.sum((without - without.mean()) ** 2)))
