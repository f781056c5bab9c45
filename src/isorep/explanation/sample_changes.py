"""Sample changes: the share of each sample that the other side does not predict."""

from __future__ import annotations

import numpy as np

from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.folds import assign_folds
from isorep.core.overlap import Overlap
from isorep.explanation.held_out_pairs import Floats, coordinates
from isorep.explanation.ridge_fold import RidgeFold


def sample_changes(overlap: Overlap, *, folds: int, seed: int) -> Floats:
    """Return the share of each sample that the other side does not predict, (n,).

    Ridge regressions predict each side from the other, on samples held out. The change of a sample
    is its squared residual over the mean squared distance of the samples from their mean, averaged
    over the two sides. So the mean over all samples is the share of the variance that the other
    side does not predict: 0 if only the basis differs, and about 1 for unrelated sides. Few samples
    make it larger, for all samples alike.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`; folds follow its groups and order.
    folds : int
        Number of folds.
    seed : int
        Random seed of the folds.

    Examples
    --------
    >>> import isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 3))
    >>> y = x[:, ::-1].copy()
    >>> y[7] = -y[7]
    >>> changes = sample_changes(isorep.overlap(x, y), folds=5, seed=0)
    >>> int(changes.argmax()), bool(np.median(changes) < 0.01)
    (7, True)
    """
    sides = [coordinates(side, whiten=False) for side in (overlap.x, overlap.y)]
    fold_of = assign_folds(overlap.n_samples, folds, overlap.structure, seed)
    changes = np.zeros(overlap.n_samples)
    with one_thread():
        for side, other in (sides, sides[::-1]):
            scale = 2 * np.mean(np.sum(side**2, axis=1))
            for fold in range(folds):
                check_stopped()
                ridge = RidgeFold.from_rows(other, fold_of == fold)
                predicted, actual = ridge.predictions(side)
                changes[ridge.held] += np.sum((actual - predicted) ** 2, axis=1) / scale
    return changes
