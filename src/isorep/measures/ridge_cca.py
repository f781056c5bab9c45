"""Ridge CCA: canonical correlations with a penalty on directions of little variance."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.linalg import svd
from isorep.core.basis import Basis
from isorep.core.folds import fitted_basis, folds, unit_scores, whitened
from isorep.core.overlap import Overlap, couple
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure

Penalty = float | tuple[float, float] | Literal["cv"]

PENALTIES = (0.0, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)
"""Penalties that cross-validation compares."""

FOLDS = 5
"""Number of folds of cross-validation."""


def _sides(penalty: Any) -> tuple[float, float]:
    try:
        x_penalty, y_penalty = penalty if isinstance(penalty, tuple) else (penalty, penalty)
        valid = all(isfinite(value) and value >= 0 for value in (x_penalty, y_penalty))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "penalty must be a number of at least 0, a pair of them (x, y), or 'cv', "
            f"got {penalty!r}"
        )
    return x_penalty, y_penalty


def _shrinkage(basis: Basis, penalty: float) -> Array:
    """Return ``sqrt(s^2 / (s^2 + penalty * mean(s^2)))``, (r,)."""
    xp = array_namespace(basis.singular_values)
    squares = (basis.singular_values / basis.singular_values[0]) ** 2
    shrinkage: Array = xp.sqrt(squares / (squares + penalty * xp.mean(squares)))
    return shrinkage


def choose_penalty(overlap: Overlap, seed: int = 0) -> float:
    """Return the penalty, the same for both sides, whose held-out variates correlate best.

    The samples are shuffled and assigned to 5 folds. Directions fitted on four folds are applied to
    the fifth; the correlations of its pairs of variates, about the means of the four folds, are
    averaged over pairs and folds. Of equally good penalties, the smallest is chosen.

    Parameters
    ----------
    overlap : Overlap
        An overlap that knows its samples.
    seed : int
        Random seed of the folds.

    Returns
    -------
    float
        0 or 0.001, 0.01, ... 100 times the mean variance.

    Raises
    ------
    ValueError
        If there are fewer than 10 samples, two per fold.
    """
    if overlap.n_samples < 2 * FOLDS:
        raise ValueError(
            f"penalty='cv' needs at least {2 * FOLDS} samples, got {overlap.n_samples}; pass the "
            "penalty as a number"
        )
    xp = array_namespace(overlap.matrix)
    x, y = unit_scores(overlap.x), unit_scores(overlap.y)
    totals = [0.0] * len(PENALTIES)
    for fitted, held_out in folds(overlap, FOLDS, seed):
        part = couple(fitted_basis(x, fitted), fitted_basis(y, fitted))
        x_white = whitened(part.x, xp.take(x, held_out, axis=0))
        y_white = whitened(part.y, xp.take(y, held_out, axis=0))
        for i, penalty in enumerate(PENALTIES):
            dx, dy = _shrinkage(part.x, penalty), _shrinkage(part.y, penalty)
            u, _, wt = svd(xp, dx[:, None] * part.matrix * dy)
            totals[i] += _mean_correlation((x_white * dx) @ u, (y_white * dy) @ wt.T)
    # Totals that differ by rounding are equal.
    best = max(totals)
    return next(p for p, total in zip(PENALTIES, totals, strict=True) if total >= best - 1e-9)


def _mean_correlation(x: Array, y: Array) -> float:
    xp = array_namespace(x)
    norms = xp.sqrt(xp.sum(x**2, axis=0) * xp.sum(y**2, axis=0))
    products = xp.sum(x * y, axis=0)
    # A variate that is 0 on all held-out samples has correlation 0.
    return float(xp.mean(products / xp.where(norms > 0, norms, xp.ones_like(norms))))


def _direction(penalty: Penalty, **_: Any) -> str:
    x_penalty, y_penalty = (0.0, 0.0) if penalty == "cv" else _sides(penalty)
    if x_penalty == y_penalty:
        return ""
    return f"penalty {x_penalty:g} for x, {y_penalty:g} for y"


@measure(
    title="ridge CCA",
    formula="||diag(dx) M diag(dy)||_* / sum(dx dy), d = sqrt(s^2 / (s^2 + penalty mean(s^2)))",
    description="penalised canonical correlations, as a share of their maximum for the two spectra",
    direction_rule=_direction,
    holds_out_rule=lambda penalty, **_: penalty == "cv",
    reference="Vinod 1976",
    invariance="orthogonal",
)
def ridge_cca(overlap: Overlap, *, penalty: Penalty = 1.0, seed: int = 0) -> MeasureValue:
    """Ridge CCA: canonical correlations in which directions of little variance count less.

    A multiple of the identity is added to the covariance of each side before whitening. The
    penalised correlations are the singular values sigma of ``diag(dx) M diag(dy)`` with ``d =
    sqrt(s^2 / (s^2 + penalty mean(s^2)))``. A direction with much variance keeps its correlation; a
    direction with little variance loses it gradually, whereas `svcca` cuts it off. Even a
    representation and itself then have sigma below 1, so the sum is divided by its maximum for the
    two spectra:

    ``similarity = sum(sigma) / sum_i dx_i dy_i``

    over the c = min(rx, ry) greatest of each. At penalty 0 it is `cca`.

    Parameters
    ----------
    penalty : float, pair of float, or "cv"
        Ridge penalty as a multiple of the mean variance of the side's principal components, so that
        it does not depend on units or n; a pair gives the penalties of x and y. With the default, a
        component of mean variance has d^2 = 1/2. "cv" chooses 0 or 0.001, 0.01, ... 100 for both
        sides by the correlation of held-out samples in 5 folds; ``choose_penalty`` of this module
        returns the choice.
    seed : int
        Random seed of the folds of "cv" and of the correction.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric (with
        equal penalties); in [0, 1]. It warns of few samples only at penalty 0, although a small
        penalty leaves most of the bias.

    Raises
    ------
    ValueError
        If a penalty is negative or not a number, or "cv" has fewer than 10 samples.

    References
    ----------
    Vinod 1976, Canonical ridge and econometrics of joint production.

    Examples
    --------
    Two strong shared dimensions and 20 weak ones that are not shared:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 2))
    >>> x, y = (np.hstack([shared, 0.1 * rng.standard_normal((500, 20))]) for _ in range(2))
    >>> for penalty in (0, 1, 10):
    ...     print(round(isorep.measures.ridge_cca(x, y, penalty=penalty).similarity, 2))
    0.24
    0.57
    0.86
    """
    chosen = {"penalty": choose_penalty(overlap, seed)} if penalty == "cv" else {}
    x_penalty, y_penalty = _sides(chosen.get("penalty", penalty))
    xp = array_namespace(overlap.matrix)
    dx, dy = _shrinkage(overlap.x, x_penalty), _shrinkage(overlap.y, y_penalty)
    c = min(overlap.x.rank, overlap.y.rank)
    correlations = svd(xp, dx[:, None] * overlap.matrix * dy)[1]
    similarity = float(xp.sum(correlations) / xp.sum(dx[:c] * dy[:c]))
    whitened = x_penalty == y_penalty == 0
    return MeasureValue(similarity, overlap, whitened=whitened, chosen=chosen)
