"""Linear regression: the share of y's variance that x predicts."""

from __future__ import annotations

from math import inf

from array_api_compat import array_namespace

from isorep.core.folds import fitted_basis, unit_scores, whitened
from isorep.core.folds import folds as split
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText
from isorep.measures import chance_levels
from isorep.measures.base import PREDICTION, MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.sample_size_warnings import FEW_SAMPLES


def _held_out(overlap: Overlap, n_folds: int, seed: int) -> float:
    xp = array_namespace(overlap.matrix)
    # In coordinates of y's principal components the residuals have the same norm and fewer columns.
    predictors, targets = unit_scores(overlap.x), unit_scores(overlap.y)
    squared_errors = 0.0
    for fitted, held_out in split(overlap, n_folds, seed):
        basis, fitted_targets = fitted_basis(predictors, fitted), xp.take(targets, fitted, axis=0)
        coefficients = basis.q.T @ fitted_targets
        predictions = whitened(basis, xp.take(predictors, held_out, axis=0)) @ coefficients
        predictions = predictions + xp.mean(fitted_targets, axis=0)
        errors = xp.take(targets, held_out, axis=0) - predictions
        squared_errors += float(xp.sum(errors**2))
    return 1 - squared_errors / float(xp.sum(targets**2))


def _few_samples(overlap: Overlap) -> tuple[str, ...]:
    n, rank = overlap.n_samples, overlap.x.rank
    if n >= FEW_SAMPLES * rank:
        return ()
    # E ||M||_F^2 = rx ry / (n - 1) for independent data, evenly over y's directions.
    return (
        WarningText(
            "few-samples",
            f"{n} samples are few for a fit of {rank} directions of x: unrelated data would show "
            f"an R^2 of {rank / (n - 1):.2f}",
            "take more samples, or hold some out (folds=10)",
        ),
    )


def _chance(overlap: Overlap, folds: int | None, seed: int) -> float | None:
    return chance_levels.explained_variance(overlap) if folds is None else None


@measure(
    formula="||M diag(sy)||_F^2 / ||sy||^2",
    description="R^2 of y's features predicted linearly from x's (in sample by default)",
    holds_out_rule=lambda folds, **_: folds is not None,
    reference="Kornblith et al. 2019, table 1 (R^2_LR)",
    invariance="linear",
    any_axes=True,
    chance_rule=_chance,
    direction_rule=lambda **_: PREDICTION,
    range_rule=lambda folds, **_: (0.0 if folds is None else -inf, 1.0),
)
def linear_regression(overlap: Overlap, *, folds: int | None = None, seed: int = 0) -> MeasureValue:
    """Linear predictivity: the share of y's variance that a least-squares fit from x explains.

    ``R^2 = 1 - min_B ||Yc - Xc B||_F^2 / ||Yc||_F^2 = ||M diag(sy)||_F^2 / ||sy||^2``, over all
    features of y at once, so each feature counts by its variance. In sample, R^2 grows with every
    feature of x, related or not, and the score warns if samples are few. With `folds`, R^2 is
    computed on samples that the fit has not seen, and unrelated data score 0 or less; samples of
    one group are held out together.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows. y is predicted from x.
    folds : int, optional
        Number of folds, each held out in turn: ``R^2 = 1 - sum of squared errors / ||Yc||_F^2``
        over all samples, with Yc centred by the mean of all. By default no sample is held out.
    seed : int
        Random seed of the folds and of the correction.

    Returns
    -------
    Score
        Invariant to every invertible linear map of x, and to rotation, reflection and isotropic
        scaling of y; not symmetric; in [0, 1]. With `folds` it is in (-inf, 1].

    Raises
    ------
    ValueError
        If `folds` is not an integer from 2 to n.

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited, table 1, where x and y are swapped.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> y = x[:, :1]
    >>> y_from_x, x_from_y = (isorep.measures.linear_regression(*z) for z in ((x, y), (y, x)))
    >>> round(y_from_x.similarity, 9), round(x_from_y.similarity, 1)
    (1.0, 0.2)
    >>> unrelated = np.random.default_rng(1).standard_normal((200, 3))
    >>> isorep.measures.linear_regression(x, unrelated, folds=5).similarity < 0
    True
    """
    if folds is not None:
        return MeasureValue(_held_out(overlap, folds, seed), overlap)
    explained = float(array_namespace(overlap.y_from_x).sum(overlap.y_from_x**2))
    r2 = explained / overlap.y.axes.squared_norm
    return MeasureValue(r2, overlap, warnings=_few_samples(overlap))
