"""Class means: how much the samples of each class, token or position differ between two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.explanation.held_out_pairs import Floats

if TYPE_CHECKING:
    import xarray

FEWEST_UNITS = 3
"""Fewest independent samples or groups of a class that is compared with the others."""


def class_means(
    name: str,
    labels: NDArray[Any],
    contributions: Floats,
    misfit: Floats,
    units: NDArray[np.int64],
    alpha: float,
) -> xarray.Dataset:
    """Return the mean contribution and misfit of each class.

    The interval of a class is the mean contribution plus and minus the t quantile times the
    jackknife's standard error over the units. A class is tested by Welch's t-test of the misfit of
    its units against that of all others, one-sided, adjusted for the number of classes. A class of
    fewer than 3 units has no interval and no p-value.

    Parameters
    ----------
    name : str
        Name of the dimension: "class", "token" or "position".
    labels : (n,) array
        Class of each sample.
    contributions, misfit : (n,) float64 array
        Of each sample.
    units : (n,) int64 array
        Independent unit of each sample: its group, or its own number.
    alpha : float
        Level of the tests; intervals cover with 1 - alpha.

    Returns
    -------
    xarray.Dataset
        Over (name,): ``n_samples``, ``contribution``, ``contribution_low``, ``contribution_high``,
        ``misfit``, ``p_value``, ``stands_out``.

    References
    ----------
    Welch 1947, The generalization of Student's problem when several different population variances
    are involved. Tukey 1958, Bias and confidence in not quite large samples.

    Examples
    --------
    >>> labels = np.repeat(["cat", "dog"], 20)
    >>> misfit = np.sin(np.arange(40.0)) + 3 * (labels == "dog")
    >>> table = class_means("class", labels, misfit / 100, misfit, np.arange(40), 0.05)
    >>> table["stands_out"].sel({"class": "dog"}).item()
    True
    """
    import xarray
    from scipy.stats import false_discovery_control, t, ttest_ind

    classes, codes = np.unique(labels, return_inverse=True)
    values = np.full((len(classes), 5), np.nan)
    for code in range(len(classes)):
        members = codes == code
        values[code, :2] = contributions[members].mean(), misfit[members].mean()
        n_units = len(np.unique(units[members]))
        if n_units < FEWEST_UNITS:
            continue
        half = t.isf(alpha / 2, n_units - 1) * _jackknife_error(
            contributions[members], units[members]
        )
        values[code, 2:4] = values[code, 0] - half, values[code, 0] + half
        inside = _unit_means(misfit[members], units[members])
        outside = _unit_means(misfit[~members], units[~members])
        if len(outside) >= FEWEST_UNITS and np.isfinite(misfit).all():
            test = ttest_ind(inside, outside, equal_var=False, alternative="greater")
            values[code, 4] = test.pvalue
    tested = np.isfinite(values[:, 4])
    if tested.any():
        values[tested, 4] = false_discovery_control(values[tested, 4])
    contribution, mean_misfit, low, high, p_values = values.T
    variables: dict[str, Any] = {
        "n_samples": (name, np.bincount(codes)),
        "contribution": (name, contribution),
        "contribution_low": (name, low),
        "contribution_high": (name, high),
        "misfit": (name, mean_misfit),
        "p_value": (name, p_values),
        "stands_out": (name, p_values <= alpha),
    }
    return xarray.Dataset(variables, coords={name: classes}, attrs={"alpha": alpha})


def _unit_means(values: Floats, units: NDArray[np.int64]) -> Floats:
    codes = np.unique(units, return_inverse=True)[1]
    return np.bincount(codes, values) / np.bincount(codes)


def _jackknife_error(values: Floats, units: NDArray[np.int64]) -> float:
    """Return the jackknife's standard error of the mean, one unit left out at a time."""
    codes = np.unique(units, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, values), np.bincount(codes)
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    g = len(sums)
    return float(np.sqrt((g - 1) / g * np.sum((without - without.mean()) ** 2)))
