"""Multiple correlation: the law of the only canonical correlation, if a side has one direction."""

from __future__ import annotations

import numpy as np

from isorep.random_matrix.bartlett_factor import Floats

LEAST = 0.02
"""Squares that 98 % of unrelated data exceed count as the 2 % quantile."""

GREATEST = 1 - 1e-6
"""Greatest square for which sums are computed. Nearer to 1, the law depends on
``(1 - r^2) / (1 - rho^2)`` alone."""

SCORES = 5.0
"""Greatest normal score of the correlations that are returned."""

NEGLIGIBLE = 1e-9
"""Terms of a sum that are nearer to 0 or 1 are taken for 0 or 1."""

N_TERMS = 500
"""Number of terms of a sum."""


def populations_of_scores(square: float, n_samples: float, rank: int) -> tuple[Floats, Floats]:
    """Return population correlations, and how probable smaller squares than the sample's are.

    With N = n - 1, the squared sample correlation of one direction and q others has the law

    ``P(r^2 <= s^2) = sum_k P(K = k) I(s^2; q / 2 + k, (N - q) / 2)``,

    where I is the regularised incomplete beta function, and K is negative binomial with size N / 2
    and probability 1 - rho^2.

    Parameters
    ----------
    square : float
        Squared correlation s^2 of the sample.
    n_samples : float
        Number of samples n.
    rank : int
        Rank q of the other side, below N.

    Returns
    -------
    correlations : (g,) float64 array
        Population correlations, ascending, from 0 or one of score `SCORES`.
    scores : (g,) float64 array
        Normal scores of the probabilities that a sample of each population has a square up to the
        given one; descending.

    References
    ----------
    Fisher 1928, The general sampling distribution of the multiple correlation coefficient.

    Examples
    --------
    >>> rho, scores = populations_of_scores(0.5, 100, 10)
    >>> print(np.interp(0, -scores, rho).round(2))  # the sample's correlation is 0.71
    0.67
    """
    from scipy.special import betainc, gammaln, ndtr, ndtri, xlogy

    half, rest = (n_samples - 1) / 2, (n_samples - 1 - rank) / 2
    square = max(square, square_of_unrelated(LEAST, n_samples, rank))
    scale = min(1.0, (1 - square) / (1 - GREATEST))
    square = min(square, GREATEST)

    doublings = 2.0 ** np.arange(60)
    shares = betainc(rank / 2 + doublings, rest, square)
    start = max(doublings[shares > 1 - NEGLIGIBLE], default=0.0)
    end = doublings[shares < NEGLIGIBLE][0]
    stride = max(1, int((end - start) / N_TERMS))
    k = np.arange(start, end + stride, stride)
    shares = betainc(rank / 2 + k, rest, square)
    log_choices = gammaln(half + k) - gammaln(k + 1) - gammaln(half)

    def probability(angles: Floats) -> Floats:
        squares, rests = np.tanh(angles)[:, None] ** 2, np.cosh(angles)[:, None] ** -2.0
        mass = np.exp(log_choices + xlogy(k, squares) + half * np.log(rests))
        terms = stride * mass @ shares
        return terms + betainc(half, k[0], rests[:, 0]) if k[0] > 0 else terms

    unrelated = min(float(ndtri(shares[0])) if k[0] == 0 else SCORES, SCORES)
    scores = np.arange(unrelated, -SCORES - 0.5, -0.5)
    low, high = np.zeros(len(scores)), np.full(len(scores), 18.0)
    for _ in range(40):
        middle = (low + high) / 2
        smaller = probability(middle) > ndtr(scores)
        low, high = np.where(smaller, middle, low), np.where(smaller, high, middle)
    correlations = np.sqrt(1 - scale * np.cosh(low) ** -2.0)
    if unrelated < SCORES and scale == 1.0:
        correlations[0] = 0.0  # rounding of the probability would move it by some 1e-8
    return correlations, scores


def square_of_unrelated(probability: float, n_samples: float, rank: int) -> float:
    """Return the squared correlation that unrelated data exceed with probability 1 - p."""
    from scipy.special import betaincinv

    return float(betaincinv(rank / 2, (n_samples - 1 - rank) / 2, probability))


def probability_of_unrelated(square: float, n_samples: float, rank: int) -> float:
    """Return the probability that unrelated data have at most a squared correlation."""
    from scipy.special import betainc

    return float(betainc(rank / 2, (n_samples - 1 - rank) / 2, square))
