"""Linear regression: how much of one side's variance the other predicts."""

from __future__ import annotations

from math import inf
from typing import Any

from array_api_compat import array_namespace

from isorep.core.basis import Solver
from isorep.core.folds import folds as split
from isorep.core.folds import whitened
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures import chance_levels
from isorep.measures.base import FEW_SAMPLES, Measure, MeasureValue


def _compute(overlap: Overlap, folds: int | None = None, seed: int = 0) -> MeasureValue:
    if folds is not None:
        return MeasureValue(_held_out(overlap, folds, seed), overlap)
    xp = array_namespace(overlap.matrix)
    sy = overlap.y.singular_values / overlap.y.singular_values[0]
    explained = xp.sum((overlap.matrix * sy) ** 2)
    return MeasureValue(float(explained / xp.sum(sy**2)), overlap, warnings=_few_samples(overlap))


def _held_out(overlap: Overlap, n_folds: int, seed: int) -> float:
    x, y = overlap.x, overlap.y
    xp = array_namespace(overlap.matrix)
    # Residuals have the same norm in coordinates of y's principal components, which are fewer.
    predictors, targets = x.samples, y.scores / y.singular_values[0]
    missed = 0.0
    for fitted, held_out in split(overlap.matrix, overlap.n_samples, n_folds, seed):
        basis, known = x.take(fitted), xp.take(targets, fitted, axis=0)
        coefficients = basis.q.T @ known
        found = whitened(basis, xp.take(predictors, held_out, axis=0)) @ coefficients
        found = found + xp.mean(known, axis=0)
        missed += float(xp.sum((xp.take(targets, held_out, axis=0) - found) ** 2))
    return 1 - missed / float(xp.sum(targets**2))


def _few_samples(overlap: Overlap) -> tuple[str, ...]:
    n, rank = overlap.n_samples, overlap.x.rank
    if n >= FEW_SAMPLES * rank:
        return ()
    # E ||M||_F^2 = rx ry / (n - 1) for independent data, evenly over y's directions.
    return (
        f"{n} samples are few for {rank} directions of x to fit with: unrelated data would show an "
        f"R^2 of {rank / (n - 1):.2f}; take more samples, or hold some out (folds=10)",
    )


def _chance_level(overlap: Overlap, folds: int | None = None, seed: int = 0) -> float | None:
    return chance_levels.explained_variance(overlap) if folds is None else None


LINEAR_REGRESSION = Measure(
    name="linear_regression",
    formula="||M diag(sy)||_F^2 / ||sy||^2",
    description="R^2 of y's features predicted linearly from x's, in sample",
    holds_out_rule=lambda folds=None, **_: folds is not None,
    reference="Kornblith et al. 2019, table 1 (R^2_LR)",
    function=_compute,
    invariance="linear",
    chance_rule=_chance_level,
    direction_rule=lambda **_: "y predicted from x",
    range_rule=lambda folds, **_: (0.0 if folds is None else -inf, 1.0),
)


def linear_regression(
    x: Any,
    y: Any,
    *,
    folds: int | None = None,
    seed: int = 0,
    correct: bool = False,
    solver: Solver = "auto",
) -> Score:
    """Linear predictivity: the share of y's variance that a least-squares fit from x explains.

    ``R^2 = 1 - min_B ||Yc - Xc B||_F^2 / ||Yc||_F^2 = ||M diag(sy)||_F^2 / ||sy||^2``, over all
    features of y at once, so that each counts by its variance. In sample it grows with every
    feature of x, related or not: it warns where samples are few. With `folds` the fit never sees
    the samples that it is judged by, and unrelated data score 0 or less.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows. y is predicted from x.
    folds : int, optional
        Parts into which the samples are cut, each held out in turn: ``R^2 = 1 - sum of squared
        errors / ||Yc||_F^2`` over all samples, Yc centred by the mean of all. By default, none.
    seed : int
        Of the shuffle before the cut.
    correct : bool
        Correct for finite-sample bias; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to every invertible linear map of x, and to rotation, reflection and isotropic
        scaling of y; not symmetric; in [0, 1]. With `folds` it may be negative without end, and is
        never clipped.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when `folds` is not an integer from 2 to n.

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited, table 1, where x and y are exchanged.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> y = x[:, :1]
    >>> forth, back = (isorep.measures.linear_regression(*sides) for sides in ((x, y), (y, x)))
    >>> round(forth.similarity, 9), round(back.similarity, 1)
    (1.0, 0.2)
    >>> unrelated = np.random.default_rng(1).standard_normal((200, 3))
    >>> isorep.measures.linear_regression(x, unrelated, folds=5).similarity < 0
    True
    """
    return LINEAR_REGRESSION.between(x, y, solver=solver, correct=correct, folds=folds, seed=seed)
