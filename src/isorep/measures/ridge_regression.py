"""Ridge regression: how well x predicts each neuron of y on samples held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import isfinite
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep.core.basis import Basis
from isorep.core.folds import whitened
from isorep.core.overlap import Overlap
from isorep.core.overlap_stack import OverlapStack
from isorep.measures.base import PREDICTION, MeasureValue
from isorep.measures.held_out_scores import (
    FOLDS,
    Average,
    Folds,
    HeldOutScores,
    Regression,
    Score,
    neurons_of,
    score_range,
)
from isorep.measures.measure_function import measure
from isorep.representations.sample_structure import common_structure

PENALTIES = (*(10.0**power for power in range(4, -6, -1)), 0.0)
"""Penalties that inner folds compare by default."""

Penalty = float | tuple[float, ...] | Literal["cv"]


def _penalties(penalty: Any) -> list[float]:
    """Return the penalties to choose from, the largest first."""
    values = PENALTIES if penalty == "cv" else penalty
    values = values if isinstance(values, tuple) else (values,)
    try:
        valid = len(values) > 0 and all(isfinite(value) and value >= 0 for value in values)
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(
            "penalty must be a number of at least 0, several to choose from, or 'cv', got "
            f"{penalty!r}"
        )
    return sorted({float(value) for value in values}, reverse=True)


class _Ridge(Regression[float]):
    """Ridge regressions from some samples of x."""

    def __init__(self, x: Array) -> None:
        self._basis = Basis.from_array(x, name="x in the samples fitted")
        self._squares = (self._basis.singular_values / self._basis.singular_values[0]) ** 2

    def _shrinkage(self, penalty: float) -> Array:
        """Return the factor of each direction's coefficients, (r,)."""
        mean = array_namespace(self._squares).mean(self._squares)
        shrinkage: Array = self._squares / (self._squares + penalty * mean)
        return shrinkage

    def predictions(self, y: Array, x: Array, strengths: Sequence[float]) -> Iterator[Array]:
        mean = array_namespace(y).mean(y, axis=0)
        coefficients = self._basis.q.T @ (y - mean)
        coordinates = whitened(self._basis, x)
        for penalty in strengths:
            yield mean + (coordinates * self._shrinkage(penalty)) @ coefficients

    def errors(
        self, y: Array, x: Array, held_out: Array, weights: Array, strengths: Sequence[float]
    ) -> NDArray[np.float64]:
        xp = array_namespace(y)
        mean = xp.mean(y, axis=0)
        coefficients, coordinates = self._basis.q.T @ (y - mean), whitened(self._basis, x)
        targets = held_out - mean
        # A quadratic form of the factors: its small matrices are the same for all penalties.
        weighted = coefficients * weights
        linear = xp.sum((coordinates.T @ targets) * weighted, axis=1)
        square = (coordinates.T @ coordinates) * (weighted @ coefficients.T)
        factors = xp.stack([self._shrinkage(penalty) for penalty in strengths])
        errors = xp.sum(targets**2 * weights) + xp.sum(
            factors * (factors @ square - 2 * linear), axis=1
        )
        return to_numpy(xp.clip(errors, 0.0, None))  # only rounding makes them negative


def ridge_scores(
    overlap: Overlap, *, penalty: Penalty, folds: int, score: Score, seed: int
) -> HeldOutScores[float]:
    """Return the scores of y's neurons by `ridge_regression`."""
    penalties = _penalties(penalty)
    prepared = Folds(overlap.x, overlap.structure, folds, seed, _Ridge, nested=len(penalties) > 1)
    return prepared.scores(neurons_of(overlap.y), penalties, score)


def _of_stack(
    stack: OverlapStack, penalty: Penalty, folds: int, score: Score, average: Average, seed: int
) -> Array:
    structure = common_structure(stack.x.structure, stack.y.structure)
    penalties, y = _penalties(penalty), neurons_of(stack.y)
    prepared = Folds(stack.x, structure, folds, seed, _Ridge, nested=len(penalties) > 1)
    xp = array_namespace(y)
    take = partial(xp.asarray, device=device(y))
    values = [
        prepared.scores(xp.take(y, take(order), axis=0), penalties, score).average(average)
        for order in stack.orders
    ]
    similarities: Array = xp.asarray(values, dtype=y.dtype, device=device(y))
    return similarities


@measure(
    formula="median over neurons of r(y_j, prediction of y_j), in samples held out",
    description="how well ridge regression from x predicts each neuron of y, held out",
    reference="Hoerl and Kennard 1970; Schrimpf et al. 2018 (median over neurons)",
    invariance="linear",
    emphasis="equal",
    requires="samples",
    similarity_range=(-1.0, 1.0),
    holds_out_rule=lambda **_: True,
    direction_rule=lambda **_: PREDICTION,
    range_rule=score_range,
    stack_rule=_of_stack,
)
def ridge_regression(
    overlap: Overlap,
    *,
    penalty: Penalty = "cv",
    folds: int = FOLDS,
    score: Score = "pearson",
    average: Average = "median",
    seed: int = 0,
) -> MeasureValue:
    """Ridge regression (encoding): how well x predicts the neurons of y on samples held out.

    Each fold is held out in turn, and samples of one group are held out together. The penalty is
    chosen by inner folds of the other samples, one for all neurons: the penalty with the smallest
    sum of squared errors, each neuron in units of its variance. The score of a neuron is its mean
    over the folds; `isorep.inference.encoding` returns the scores of all neurons and folds.

    A penalty of 1 is the mean squared singular value of the fitted samples of x, so it does not
    depend on units or n: scikit-learn's ``Ridge(alpha=penalty * mean(s**2))``.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows. The neurons of y are predicted from x.
    penalty : float, tuple of float, or "cv"
        Ridge penalty, or penalties to choose from. "cv" chooses from 0 and 1e-5, 1e-4,
        ... 1e4.
    folds : int
        Number of folds, and of inner folds (fewer if there are fewer groups).
    score : {"pearson", "r2"}
        Score of a neuron in a fold: the correlation of prediction and response, or R^2.
    average : {"median", "mean"}
        Average over the neurons; Brain-Score takes the median. Neurons that are constant do not
        count.
    seed : int
        Random seed of the folds.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of x, and to units and order of y's
        neurons; not symmetric; in [-1, 1], or (-inf, 1] with ``score="r2"``. If y is a linear map
        of x, the similarity is 1.

    Raises
    ------
    ValueError
        If a penalty is negative or not a number, a fold holds out fewer than 3 samples, or a fold
        is fitted on one group and a penalty must be chosen.

    References
    ----------
    Hoerl and Kennard 1970, Ridge regression: biased estimation for nonorthogonal problems. Schrimpf
    et al. 2018, Brain-Score: which artificial neural network for object recognition is most
    brain-like?

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 30))
    >>> y = x[:, :5] + rng.standard_normal((200, 5))  # half of each neuron's variance is noise
    >>> round(isorep.measures.ridge_regression(x, y).similarity, 1)  # at most sqrt(1 / 2)
    0.6
    >>> abs(isorep.measures.ridge_regression(x, rng.standard_normal((200, 5))).similarity) < 0.1
    True
    """
    scores = ridge_scores(overlap, penalty=penalty, folds=folds, score=score, seed=seed)
    return MeasureValue(scores.average(average), overlap)
