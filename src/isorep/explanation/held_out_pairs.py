"""Held-out pairs: pairs of directions fitted on training samples, and their held-out scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.linalg import svd
from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.basis import Basis
from isorep.core.folds import assign_folds
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOutPairs:
    """Scores of pairs of directions on samples that did not fit them.

    Attributes
    ----------
    x_scores, y_scores : (n, c) float64 array
        Scores of the samples held out, standardised by the training samples.
    correlations : (c,) float64 array
        Correlation of the held-out scores of each pair.
    p_values : (c,) float64 array
        Probability of at least this correlation in any pair if the sides are unrelated.
    noise_edge : float
        Correlation that some pair of unrelated sides exceeds with probability alpha.
    """

    x_scores: Floats
    y_scores: Floats
    correlations: Floats
    p_values: Floats
    noise_edge: float


def coordinates(basis: Basis, whiten: bool) -> Floats:
    """Return the samples in principal components, whitened or over the largest one, (n, r)."""
    q = to_numpy(basis.q)
    if whiten:
        return np.asarray(q * np.sqrt(basis.n_samples - 1))
    return np.asarray(q * to_numpy(basis.singular_values / basis.singular_values[0]))


def held_out_pairs(
    overlap: Overlap, *, whiten: bool, folds: int, n_permutations: int, alpha: float, seed: int
) -> HeldOutPairs:
    """Fit pairs of directions on all folds but one, and score the samples held out.

    The pairs are the singular pairs of the training samples' cross-covariance: canonical pairs if
    `whiten`, else the pairs of covariance that CKA and Procrustes sum over. Whitening is that of
    all samples, which does not use how the two sides are paired. So after a permutation of the
    rows of y, which starts the same fit anew, held-out correlations are noise. A p-value compares
    the correlation of a pair with the largest one of each permutation, so it is adjusted for the
    number of pairs (Westfall and Young 1993).

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`; permutations and folds follow its groups and order.
    whiten : bool
        Whether the directions of a side count alike.
    folds, n_permutations : int
        Numbers of folds and of permutations.
    alpha : float
        Level of `HeldOutPairs.noise_edge`.
    seed : int
        Random seed of folds and permutations.

    References
    ----------
    Westfall and Young 1993, Resampling-based multiple testing.
    """
    x, y = (coordinates(side, whiten) for side in (overlap.x, overlap.y))
    n = overlap.n_samples
    members = rows_of_folds(overlap, folds, seed)
    orders = Orders(overlap.structure or n, n_permutations, seed)
    with one_thread():
        x_scores, y_scores = scores_of_pairs(x, y, members)
        correlations = correlations_of_pairs(x_scores, y_scores)
        largest = []
        for (order,) in orders.batches(1):
            check_stopped()
            largest.append(correlations_of_pairs(*scores_of_pairs(x, y[order], members)).max())
    reached = 1 + np.sum(np.array(largest)[:, None] >= correlations, axis=0)
    return HeldOutPairs(
        x_scores=x_scores,
        y_scores=y_scores,
        correlations=correlations,
        p_values=reached / (n_permutations + 1),
        noise_edge=float(np.quantile(largest, 1 - alpha)),
    )


def rows_of_folds(overlap: Overlap, folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Return the samples of each fold."""
    fold_of = assign_folds(overlap.n_samples, folds, overlap.structure, seed)
    return [np.flatnonzero(fold_of == fold) for fold in range(folds)]


def scores_of_pairs(
    x: Floats, y: Floats, members: list[NDArray[np.int64]]
) -> tuple[Floats, Floats]:
    """Return the standardised scores of each fold's samples, fitted on the other folds."""
    n, c = len(x), min(x.shape[1], y.shape[1])
    x_scores, y_scores = np.zeros((2, n, c))
    totals = x.T @ y, x.T @ x, y.T @ y
    for rows in members:
        held_x, held_y = x[rows], y[rows]
        m = n - len(rows)
        x_mean = (x.sum(axis=0) - held_x.sum(axis=0)) / m
        y_mean = (y.sum(axis=0) - held_y.sum(axis=0)) / m
        cross = totals[0] - held_x.T @ held_y - m * np.outer(x_mean, y_mean)
        u, _, vt = map(to_numpy, svd(np, cross))
        x_gram = totals[1] - held_x.T @ held_x - m * np.outer(x_mean, x_mean)
        y_gram = totals[2] - held_y.T @ held_y - m * np.outer(y_mean, y_mean)
        x_scores[rows] = _standardised((held_x - x_mean) @ u, x_gram, u, m)
        y_scores[rows] = _standardised((held_y - y_mean) @ vt.T, y_gram, vt.T, m)
    return x_scores, y_scores


def _standardised(scores: Floats, gram: Floats, directions: Floats, m: int) -> Floats:
    """Return scores over the standard deviation of the m training samples in each direction."""
    variances = np.einsum("ij,ij->j", directions, gram @ directions) / (m - 1)
    # A direction in which the training samples do not vary has no scale.
    varies = variances > 1e-12 * max(variances.max(), 1e-300)
    return np.asarray(scores / np.sqrt(np.where(varies, variances, 1.0)) * varies)


def correlations_of_pairs(x_scores: Floats, y_scores: Floats) -> Floats:
    """Return the correlation of the scores of each pair."""
    products = np.sum(x_scores * y_scores, axis=0)
    norms = np.linalg.norm(x_scores, axis=0) * np.linalg.norm(y_scores, axis=0)
    return np.asarray(np.clip(products / np.where(norms > 0, norms, 1.0), -1.0, 1.0))
