"""Crossnobis distances: squared distances between conditions, free of the bias of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike, as_samples, to_numpy
from isorep._utils.validation import check_name
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import rows_of

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Noise = Literal["identity", "diagonal", "shrinkage"]

NOISELESS = 1e-20
"""Share of the squared deviations below which what differs between repeats is rounding."""

BUDGET = 2**32
"""Largest number of bytes of the covariances."""

COVARIANCES = 5
"""Matrices of the size of the residual covariance that are held at a time."""


def crossnobis_distances(
    x: ArrayLike,
    conditions: ArrayLike,
    repeats: ArrayLike | None = None,
    *,
    noise: Noise = "shrinkage",
) -> xarray.DataArray:
    """Return the cross-validated squared Mahalanobis distances between conditions.

    The distance of conditions i and j is the mean over pairs of different repeats r and s of
    ``(x_ir - x_jr)^T P (x_is - x_js) / p``, where P is the noise precision. The noise of two
    repeats is independent, so the distance is unbiased: it is 0 on average, and may be negative,
    if the conditions do not differ.

    Parameters
    ----------
    x : (n, p) array
        One observation of a condition in each row.
    conditions : (n,) array-like
        Condition of each row.
    repeats : (n,) array-like, optional
        Repeat (run, session) of each row, between which noise is independent. Several rows of one
        condition in one repeat are averaged. By default the first row of each condition is of the
        first repeat, the second row of the second, and so on. If repeats of a condition are
        missing, a distance uses the repeats that both of its conditions have.
    noise : {"identity", "diagonal", "shrinkage"}
        Noise precision: "identity" for squared Euclidean distances, "diagonal" for units of each
        feature's noise, "shrinkage" for the inverse of the residuals' covariance, shrunk towards
        its diagonal (Schaefer and Strimmer 2005). The residuals are the deviations from the means
        of the conditions; if there are few, their units of noise are too small and distances too
        large. A representation without residuals, such as a model's, has identity.

    Returns
    -------
    xarray.DataArray
        Distances over ``condition`` and ``other_condition``, symmetric, with 0 on the diagonal.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite real (n, p) array, there are fewer than 2 conditions, two conditions
        have fewer than 2 repeats in common, a feature that differs between conditions has no noise,
        or the covariance of so many features needs more than 4 GiB.

    References
    ----------
    Walther et al. 2016, Reliability of dissimilarity measures for multi-voxel pattern analysis.
    The numbers are those of rsatoolbox's ``calc_rdm(method="crossnobis")``, with the precision of
    ``prec_from_unbalanced``.

    Examples
    --------
    Conditions 0 and 1 are the same; condition 2 differs by 3 in one of two features:

    >>> import numpy as np, isorep
    >>> conditions = np.tile([0, 1, 2], 500)
    >>> noise = np.random.default_rng(0).standard_normal((1500, 2))
    >>> x = np.c_[3 * (conditions == 2), np.zeros(1500)] + noise
    >>> isorep.measures.crossnobis_distances(x, conditions, noise="identity").values.round(1) + 0
    array([[0. , 0. , 4.7],
           [0. , 0. , 4.5],
           [4.7, 4.5, 0. ]])
    """
    import xarray

    check_name("noise", noise, get_args(Noise))
    values, _ = as_samples(rows_of(x, "x")[0], "x")
    samples = to_numpy(values)
    structure = SampleStructure.from_labels(conditions, n=len(samples))
    names = to_numpy(conditions)[[rows[0] for rows in structure.members]]
    numbers = _numbers(repeats, structure.groups, len(samples))
    return xarray.DataArray(
        distances(samples, structure.groups, numbers, noise, "x"),
        coords={"condition": names, "other_condition": names},
        dims=("condition", "other_condition"),
        name="crossnobis",
        attrs={"noise": noise},
    )


def _numbers(repeats: Any, conditions: Integers, n: int) -> Integers:
    """Return the number of each row's repeat."""
    if repeats is None:
        return occurrences(conditions)
    return SampleStructure.from_labels(repeats, n=n).groups


def occurrences(conditions: Integers) -> Integers:
    """Return for each row how many rows before it have its condition.

    Examples
    --------
    >>> occurrences(np.array([0, 1, 0, 0, 1])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(conditions, kind="stable")
    sizes = np.bincount(conditions)
    numbers = np.empty_like(conditions)
    numbers[order] = np.arange(len(conditions)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return numbers


def distances(
    samples: Floats, conditions: Integers, repeats: Integers, noise: Noise, name: str
) -> Floats:
    """Return the distances of the conditions, (c, c); see `crossnobis_distances`.

    Parameters
    ----------
    samples : (n, p) array
    conditions, repeats : (n,) arrays
        Number of each row's condition and repeat, from 0.
    noise
        Noise precision.
    name : str
        Name of the samples in errors.
    """
    n_conditions, n_repeats = int(conditions.max()) + 1, int(repeats.max()) + 1
    if n_conditions < 2:
        raise ValueError(f"expected at least 2 conditions of {name}, got {n_conditions}")
    whitened = _whitened(samples, conditions, noise, name)
    counts = np.zeros((n_repeats, n_conditions))
    np.add.at(counts, (repeats, conditions), 1)
    patterns = np.zeros((n_repeats, n_conditions, samples.shape[1]))
    np.add.at(patterns, (repeats, conditions), whitened)
    patterns /= np.maximum(counts, 1)[..., None]
    present = counts > 0
    result = np.zeros((n_conditions, n_conditions))
    for i in range(n_conditions - 1):
        both = present[:, i + 1 :] & present[:, [i]]
        common = both.sum(axis=0)
        if common.min() < 2:
            j = i + 1 + int(common.argmin())
            raise ValueError(
                f"conditions {i} and {j} of {name} (in the order of their first rows) have "
                f"{common.min()} repeats in common, but crossnobis distances need at least 2: "
                "leave out conditions that lack repeats, or number the repeats alike in all "
                "conditions"
            )
        differences = (patterns[:, [i]] - patterns[:, i + 1 :]) * both[..., None]
        totals = np.sum(differences.sum(axis=0) ** 2, axis=-1)
        same = np.sum(differences**2, axis=(0, 2))
        result[i, i + 1 :] = (totals - same) / (common * (common - 1)) / samples.shape[1]
    return np.asarray(result + result.T)


def _whitened(samples: Floats, conditions: Integers, noise: Noise, name: str) -> Floats:
    """Return the samples in coordinates in which the noise precision is the identity."""
    centred: Floats = samples - samples.mean(axis=0)
    if noise == "identity":
        return centred
    counts = np.bincount(conditions)
    means = np.zeros((len(counts), samples.shape[1]))
    np.add.at(means, conditions, centred)
    residuals = centred - (means / counts[:, None])[conditions]
    degrees = len(samples) - len(counts)
    total, left = np.sum(centred**2, axis=0), np.sum(residuals**2, axis=0)
    if left.sum() <= NOISELESS * total.sum():
        return centred
    varies = total > NOISELESS * total.sum()
    noiseless = varies & (left <= NOISELESS * total)
    if noiseless.any():
        raise ValueError(
            f"feature {noiseless.argmax()} of {name} (and {noiseless.sum() - 1} more) differs "
            "between conditions but not between their repeats, so its noise is 0: leave out such "
            "features, or pass noise='identity'"
        )
    whitened: Floats = np.zeros_like(centred)
    if noise == "diagonal":
        whitened[:, varies] = centred[:, varies] / np.sqrt(left[varies] / degrees)
        return whitened
    needed = 8 * COVARIANCES * int(varies.sum()) ** 2
    if needed > BUDGET:
        raise ValueError(
            f"the noise covariance of {varies.sum()} features of {name} needs about "
            f"{needed / 2**30:.0f} GiB and may take {BUDGET / 2**30:.0f} GiB: pass "
            "noise='diagonal', or take fewer features"
        )
    covariance = _shrunk(residuals[:, varies], degrees)
    # x^T C^-1 x = |L^-1 x|^2 with C = L L^T.
    from scipy.linalg import solve_triangular

    root = np.linalg.cholesky(covariance)
    whitened[:, varies] = solve_triangular(root, centred[:, varies].T, lower=True).T
    return whitened


def _shrunk(residuals: Floats, degrees: int) -> Floats:
    """Return the covariance of residuals, (p, p), shrunk towards its diagonal.

    The weight of the diagonal is the sum of the variances of the correlations over the sum of their
    squares. As in rsatoolbox, the correlations are mean products of n residuals over n - 1, and
    their variances are in units of the degrees of freedom.
    """
    n = len(residuals)
    covariance = residuals.T @ residuals / degrees
    deviations = np.sqrt(np.diagonal(covariance))
    scaled = residuals / deviations
    correlations = scaled.T @ scaled / (n - 1)
    squares = (scaled**2).T @ scaled**2 / (n - 1)
    variances = n / degrees**2 * (squares - correlations**2)
    apart = ~np.eye(len(covariance), dtype=bool)
    norm = np.sum(correlations[apart] ** 2)
    weight = min(max(np.sum(variances[apart]) / norm, 0.0), 1.0) if norm > 0 else 1.0
    covariance[apart] *= 1 - weight
    return np.asarray(covariance)
