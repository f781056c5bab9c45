"""Ridge maps: the features of each side predicted from those of the other."""

from __future__ import annotations

from math import isfinite
from typing import Literal

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.alignment.linear_maps import Floats, LinearMaps
from isorep.core.folds import fitted_basis, folds, unit_scores, whitened
from isorep.core.overlap import Overlap

Penalty = float | Literal["cv"]

PENALTIES = (0.0, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)
"""Penalties that cross-validation compares."""

FOLDS = 5
"""Number of folds of cross-validation."""


def ridge_maps(overlap: Overlap, penalty: Penalty, seed: int) -> tuple[LinearMaps, float, float]:
    """Return the maps of least squared error with a penalty, and the penalties of both.

    ``forward = V diag(s / (s^2 + penalty mean(s^2))) U^T (y - mean)`` for ``x - mean = U diag(s)
    V^T``, and `backward` with the sides swapped.

    Parameters
    ----------
    overlap : Overlap
        An overlap that knows its samples, if `penalty` is "cv".
    penalty : float or "cv"
        Ridge penalty as a multiple of the mean squared singular value; "cv" chooses one for each
        direction by the squared error of held-out samples.
    seed : int
        Random seed of the folds.

    Raises
    ------
    ValueError
        If the penalty is negative or no number.
    """
    if penalty != "cv" and not _is_penalty(penalty):
        raise ValueError(f"penalty must be a number of at least 0, or 'cv', got {penalty!r}")
    back = overlap.swap()
    forward_penalty, backward_penalty = (
        _choose_penalty(way, seed) if penalty == "cv" else float(penalty) for way in (overlap, back)
    )
    maps = LinearMaps(ridge_map(overlap, forward_penalty), ridge_map(back, backward_penalty))
    return maps, forward_penalty, backward_penalty


def _is_penalty(penalty: object) -> bool:
    number = isinstance(penalty, float | int) and not isinstance(penalty, bool)
    return number and isfinite(penalty) and penalty >= 0  # type: ignore[arg-type, operator]


def ridge_map(overlap: Overlap, penalty: float) -> Floats:
    """Return the matrix, (p, q), that predicts y's centred features from x's; see `ridge_maps`."""
    shrinkage = _shrinkage(to_numpy(overlap.x.singular_values), penalty)
    matrix = shrinkage[:, None] * to_numpy(overlap.matrix)
    product: Floats = to_numpy(overlap.x.whitening) @ matrix @ to_numpy(overlap.y.loadings)
    return product


def _choose_penalty(overlap: Overlap, seed: int) -> float:
    predictors, targets = (to_numpy(unit_scores(side)) for side in (overlap.x, overlap.y))
    errors = np.zeros(len(PENALTIES))
    for fitted, held_out in folds(overlap, FOLDS, seed):
        rows, others = to_numpy(fitted), to_numpy(held_out)
        basis = fitted_basis(predictors, rows)
        mean = targets[rows].mean(axis=0)
        coefficients = to_numpy(basis.q).T @ (targets[rows] - mean)
        samples = to_numpy(whitened(basis, predictors[others]))
        for i, penalty in enumerate(PENALTIES):
            shrinkage = _shrinkage(to_numpy(basis.singular_values), penalty)
            predictions = mean + (samples * shrinkage) @ coefficients
            errors[i] += np.sum((targets[others] - predictions) ** 2)
    # Errors that differ by rounding are equal; the smallest penalty of these is chosen.
    return next(p for p, e in zip(PENALTIES, errors, strict=True) if e <= errors.min() * (1 + 1e-9))


def _shrinkage(singular_values: Floats, penalty: float) -> Floats:
    squares = (singular_values / singular_values[0]) ** 2
    shrinkage: Floats = squares / (squares + penalty * squares.mean())
    return shrinkage
