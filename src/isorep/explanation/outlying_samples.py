"""Outlying samples: samples whose two sides fit each other worse than those of the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep.explanation.held_out_pairs import Floats

TRIM = 2.0
"""Standard deviations from the centre up to which samples estimate the bulk."""

ROUNDS = 20
"""Largest number of times that the fit is repeated without the outlying samples."""

FEWEST_DEGREES = 10
"""Smallest number of degrees of freedom of the residuals, beyond the shared pairs."""

ROUNDING = 1e-10
"""Share of unexplained variance below which a residual is rounding."""

LARGEST_SCORE = 37.0
"""Normal score beyond which probabilities are 0 in float64."""


class Misfit(NamedTuple):
    """How badly the two sides of each sample fit each other.

    Attributes
    ----------
    z_scores : (n,) float64 array
        Misfit, in standard deviations of the bulk of the samples; NaN if there are too few samples
        or no shared pair.
    p_values : (n,) float64 array
        Probability of at least this misfit for a sample of the bulk, adjusted for the number of
        samples (Holm): the probability that any sample of the bulk is below alpha is alpha.
    """

    z_scores: Floats
    p_values: Floats

    def bulk(self, alpha: float) -> NDArray[np.bool_]:
        """Return which samples do not stand out, (n,); all of them if none could be tested."""
        return ~(self.p_values <= alpha)


def misfit_of_samples(x: Floats, y: Floats, alpha: float, rounding: Floats | float = 0.0) -> Misfit:
    """Return how badly the two sides of each sample fit each other, in the shared pairs.

    The scores of y are regressed on those of x and the other way round. The squared residual of a
    sample over the residuals' covariance, both from fits without the sample, has an F law for
    normal noise of equal size, which gives a normal score; the misfit is the mean of the two
    scores. Scores are compared with those of the bulk: the samples within two standard deviations
    of the centre (the empirical null of Efron 2004). Samples that stand out are left out and the
    regressions repeated, until no more change, so that many changed samples do not hide each other.
    In a pair in which rounding explains most residuals, such residuals count as 0: samples of large
    values are rounded more than others.

    Parameters
    ----------
    x, y : (n, k) float64 arrays
        Scores of the samples in the k shared pairs of directions.
    alpha : float
        Level at which a sample stands out.
    rounding : (k,) float64 array or float
        Share of the variance of each pair that the rounding of the data may have made.

    References
    ----------
    Caroni and Prescott 1992, Sequential application of Wilks's multivariate outlier test. Efron
    2004, Large-scale simultaneous hypothesis testing: the choice of a null hypothesis. Holm 1979, A
    simple sequentially rejective multiple test procedure.
    """
    n, k = x.shape
    if k == 0 or n < 2 * k + 1 + FEWEST_DEGREES:
        nan = np.full(n, np.nan)
        return Misfit(nan, nan)
    fitted = np.ones(n, dtype=bool)
    for _ in range(ROUNDS):
        sides = [_normal_scores(u, v, fitted, rounding) for u, v in ((x, y), (y, x))]
        result = scores_against_bulk((sides[0] + sides[1]) / 2)
        inside = result.bulk(alpha)
        if inside.sum() < max(n / 2, 2 * k + 1 + FEWEST_DEGREES) or np.array_equal(inside, fitted):
            break
        fitted = inside
    return result


def _normal_scores(
    u: Floats, v: Floats, fitted: NDArray[np.bool_], rounding: Floats | float = 0.0
) -> Floats:
    """Return the normal scores of the residuals of v regressed on u.

    For a fitted sample with residual e, leverage h, covariance S of nu degrees of freedom and ``t =
    e^T S^-1 e / (1 - h)``, the value without the sample is ``t (nu - 1) / (nu - t)``; for another
    sample it is ``e^T S^-1 e / (1 + h)``.
    """
    from scipy.stats import f, norm

    k = v.shape[1]
    design = np.column_stack([np.ones(len(u)), u])
    q, r = np.linalg.qr(design[fitted])
    inverse = np.linalg.pinv(r)
    residuals = v - design @ (inverse @ (q.T @ v[fitted]))
    variances = np.var(v[fitted], axis=0)
    rounded = np.sqrt((ROUNDING + rounding) * variances)
    is_rounding = np.abs(residuals) <= rounded
    # Residuals of a pair with noise of its own are left as they are.
    residuals[is_rounding & (np.mean(is_rounding[fitted], axis=0) > 0.5)] = 0.0
    leverages = np.sum((design @ inverse) ** 2, axis=1)
    dof = int(fitted.sum()) - design.shape[1]
    covariance = residuals[fitted].T @ residuals[fitted] / dof
    covariance += ROUNDING * np.diag(variances)
    squares = np.sum(residuals * np.linalg.solve(covariance, residuals.T).T, axis=1)
    t = np.minimum(squares / np.maximum(1 - leverages, ROUNDING), dof * (1 - ROUNDING))
    without = np.where(fitted, t * (dof - 1) / (dof - t), squares / (1 + leverages))
    # Of a fitted sample the covariance without it has one degree of freedom less.
    nu = np.where(fitted, dof - 1, dof)
    ratios = without * (nu - k + 1) / (k * nu)
    tail = f.sf(ratios, k, nu - k + 1)
    scores = np.where(tail < 0.5, norm.isf(tail), norm.ppf(f.cdf(ratios, k, nu - k + 1)))
    return np.asarray(np.clip(scores, -LARGEST_SCORE, LARGEST_SCORE))


def scores_against_bulk(scores: Floats) -> Misfit:
    """Return how far normal scores of spread 1 or more are above the bulk of the scores, (n,).

    The bulk are the scores within two standard deviations of the centre. If they have a spread
    below 1, it is taken to be 1.
    """
    from scipy.stats import norm, t

    lower, centre, upper = np.quantile(scores, [0.25, 0.5, 0.75])
    spread = (upper - lower) / (2 * norm.ppf(0.75))
    inside = 2 * norm.cdf(TRIM) - 1
    # A normal variable cut at +-TRIM has this share of its standard deviation.
    share = np.sqrt(1 - 2 * TRIM * norm.pdf(TRIM) / inside)
    bulk = np.ones(len(scores), dtype=bool)
    for _ in range(ROUNDS):
        bulk = np.abs(scores - centre) <= TRIM * spread
        # The F law gives a spread of at most 1; noise with longer tails has more.
        centre, spread = scores[bulk].mean(), max(scores[bulk].std() / share, 1.0)
    z_scores = (scores - centre) / spread
    # The bulk's spread is an estimate, with about a third of the information of all samples.
    p_values = t.sf(z_scores / np.sqrt(1 + 1 / bulk.sum()), bulk.sum() / 3)
    return Misfit(z_scores, _adjusted(np.asarray(p_values)))


def _adjusted(p_values: Floats) -> Floats:
    """Return p-values adjusted for their number, by Holm's step-down procedure."""
    order = np.argsort(p_values)
    steps = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
