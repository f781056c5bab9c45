"""Quadratic scores: normal scores of sums of squares of normal variables."""

from __future__ import annotations

import numpy as np

from isorep.explanation.held_out_pairs import Floats

STEPS = 60
"""Bisections of the saddlepoint's bracket."""

CENTRE = 1e-3
"""Standardised saddlepoint below which the score is interpolated: its formula is 0 / 0 at 0."""


def quadratic_scores(values: Floats, variances: Floats) -> Floats:
    """Return normal scores of values of ``sum_i v_i z_i^2``, for standard normal z_i.

    The score has the normal tail probability that the value has, by the saddlepoint approximation,
    which is accurate far out in the tail.

    Parameters
    ----------
    values : (n,) float64 array
        Positive values.
    variances : (r,) float64 array
        The positive v_i.

    References
    ----------
    Kuonen 1999, Saddlepoint approximations for distributions of quadratic forms in normal
    variables.

    Examples
    --------
    >>> from scipy.stats import chi2, norm
    >>> scores = quadratic_scores(np.array([1.0, 3.0, 30.0]), np.ones(3))
    >>> np.abs(scores - norm.isf(chi2.sf([1.0, 3.0, 30.0], 3))).max() < 0.02
    np.True_
    """
    v = np.asarray(variances / variances.sum())
    c = np.maximum(np.asarray(values / variances.sum()), 1e-12)
    # The slope of the cumulant function, sum v / (1 - 2 s v), equals c at the saddlepoint s. The
    # slope is at least v_max / (1 - 2 s v_max), and for s < 0 at most r / (-2 s), which brackets s.
    high = (1 - v.max() / np.maximum(c, 1)) / (2 * v.max())
    low = -len(v) / (2 * c)
    for _ in range(STEPS):
        middle = (low + high) / 2
        slope = np.sum(v / (1 - 2 * middle[:, None] * v), axis=1)
        low, high = np.where(slope < c, middle, low), np.where(slope < c, high, middle)
    s = (low + high) / 2
    # Where s is near 0, the score is that of a slightly larger s, less the difference.
    curvature = np.sqrt(2 * np.sum(v**2))
    near = np.abs(s) * curvature < CENTRE
    s = np.where(near, CENTRE / curvature, s)
    terms = 1 - 2 * s[:, None] * v
    slope = np.sum(v / terms, axis=1)
    cumulant = -0.5 * np.sum(np.log(terms), axis=1)
    w = np.sign(s) * np.sqrt(np.maximum(2 * (s * slope - cumulant), 1e-300))
    u = s * np.sqrt(2 * np.sum((v / terms) ** 2, axis=1))
    scores = w + np.log(u / w) / w
    return np.asarray(scores - np.where(near, (slope - c) / curvature, 0.0))
