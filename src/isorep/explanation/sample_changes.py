"""Sample changes: the share of each sample that the other side does not predict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.folds import assign_folds
from isorep.core.overlap import Overlap
from isorep.explanation.held_out_pairs import Floats, coordinates
from isorep.explanation.outlying_samples import scores_against_bulk
from isorep.explanation.quadratic_scores import quadratic_scores
from isorep.explanation.ridge_fold import RidgeFold

ROUNDS = 5
"""Largest number of times that the regressions are fitted without the samples that stand out."""

NEGLIGIBLE = 1e-4
"""Change of every sample that is expected in any case, so that rounding is no change."""


class SampleChanges(NamedTuple):
    """How much each sample changed, and whether more than the others.

    Attributes
    ----------
    values : (n,) float64 array
        Share of the sample that the other side does not predict: the squared residual over the mean
        squared distance of the samples from their mean, averaged over the two sides.
    sizes : (n,) float64 array
        Squared distance of the sample from the mean of all samples, in the same unit; 1 on average.
    z_scores : (n,) float64 array
        The change, in standard deviations above that of most samples.
    p_values : (n,) float64 array
        Probability of at least this change for most samples, adjusted for their number (Holm). 1
        for samples that lost no larger share of their size than all samples together: they changed
        more only because they are larger.
    """

    values: Floats
    sizes: Floats
    z_scores: Floats
    p_values: Floats


def sample_changes(overlap: Overlap, *, folds: int, alpha: float, seed: int) -> SampleChanges:
    """Return the share of each sample that the other side does not predict.

    Ridge regressions predict each side from the other, on samples held out. The mean change of all
    samples is the share of the variance that the other side does not predict: 0 if only the basis
    differs, and about 1 for unrelated sides. Few samples make it larger, for all samples alike.

    The change is a sum of squares of residuals, and has a known law if they are normal and, but for
    their leverages, of one covariance. Its normal scores are compared with those of most samples.
    Samples that stand out are left out of the regressions and the covariance, and both are repeated
    until no more change.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`; folds follow its groups and order.
    folds : int
        Number of folds.
    alpha : float
        Level at which a sample stands out.
    seed : int
        Random seed of the folds.

    Examples
    --------
    >>> import isorep
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 3))
    >>> y = x[:, ::-1] + 0.1 * rng.standard_normal((200, 3))
    >>> y[7] = -3 * y[7]
    >>> changes = sample_changes(isorep.overlap(x, y), folds=5, alpha=0.05, seed=0)
    >>> np.flatnonzero(changes.p_values <= 0.05), bool(np.median(changes.values) < 0.02)
    (array([7]), True)
    """
    sides = [coordinates(side, whiten=False) for side in (overlap.x, overlap.y)]
    n = overlap.n_samples
    fold_of = assign_folds(n, folds, overlap.structure, seed)
    sizes = sum(np.sum(side**2, axis=1) / np.mean(np.sum(side**2, axis=1)) for side in sides) / 2
    fitted = np.ones(n, dtype=bool)
    for _ in range(ROUNDS):
        residuals, scaled = _residuals(sides[0], sides[1], fold_of, fitted)
        values = np.sum(residuals**2, axis=1)
        variances = np.linalg.svd(scaled[fitted], compute_uv=False) ** 2 / fitted.sum()
        scores = scores_against_bulk(
            quadratic_scores(np.sum(scaled**2, axis=1), variances + NEGLIGIBLE / len(variances))
        )
        larger = values > sizes * values.sum() / n
        p_values = np.where(larger, scores.p_values, 1.0)
        bulk = p_values > alpha
        if bulk.sum() < n / 2 or np.array_equal(bulk, fitted):
            break
        fitted = bulk
    return SampleChanges(values, sizes, scores.z_scores, p_values)


def _residuals(
    x: Floats, y: Floats, fold_of: NDArray[np.int64], fitted: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return held-out residuals of both sides, (n, p + q), whose squares add up to the change.

    Also return them over ``sqrt(1 + h)``, with the leverage h of the sample: the error of the
    regression, which has no part in the change, makes the residual of a large sample larger.
    """
    residuals, scaled = [], []
    with one_thread():
        for side, other in ((x, y), (y, x)):
            scale = np.sqrt(2 * np.mean(np.sum(side**2, axis=1)))
            of_side, leverages = np.empty_like(side), np.empty(len(side))
            for fold in np.unique(fold_of):
                check_stopped()
                held = fold_of == fold
                ridge = RidgeFold.from_rows(other, fitted & ~held, held)
                predicted, actual = ridge.predictions(side)
                of_side[held] = (actual - predicted) / scale
                leverages[held] = ridge.leverages()
            residuals.append(of_side)
            scaled.append(of_side / np.sqrt(1 + leverages)[:, None])
    return np.hstack(residuals), np.hstack(scaled)
