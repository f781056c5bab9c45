"""Held-out scores: how well each neuron of y is predicted on samples that no fit has seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep._utils.validation import as_integer
from isorep.core.basis import Basis
from isorep.core.folds import assign_folds, rows_like, unit_scores
from isorep.representations.sample_structure import SampleStructure

Score = Literal["pearson", "r2"]
Average = Literal["median", "mean"]

FOLDS = 5
"""Default number of folds."""

FEWEST_HELD_OUT = 3
"""Samples that a fold must hold out: the correlation of two is always 1 or -1."""

CONSTANT = 1e-20
"""Share of a neuron's squared deviations below which it, or its prediction, is constant in a fold;
a constant prediction has correlation 0."""

ROUNDING = 1e-28
"""Share of all neurons' squared deviations below which a neuron's are rounding."""

TIE = 1e-9
"""Relative difference of inner errors below which two strengths of regularisation are equal."""

Strength = TypeVar("Strength")
"""What regularises a regression: a penalty or a number of components."""


class Regression(ABC, Generic[Strength]):
    """Regressions from some samples of x, for any y and strength of regularisation.

    Parameters
    ----------
    x : (m, r) array
        The samples that are fitted.
    """

    @abstractmethod
    def __init__(self, x: Array) -> None: ...

    @abstractmethod
    def predictions(self, y: Array, x: Array, strengths: Sequence[Strength]) -> Iterator[Array]:
        """Yield the predictions for other samples of x, for each strength.

        Parameters
        ----------
        y : (m, q) array
            The neurons in the samples that are fitted.
        x : (h, r) array
            The samples held out.
        strengths
            Strengths in descending order of regularisation.
        """

    def errors(
        self, y: Array, x: Array, held_out: Array, weights: Array, strengths: Sequence[Strength]
    ) -> NDArray[np.float64]:
        """Return the sum of the weighted squared errors for each strength.

        Parameters
        ----------
        y, x, strengths
            As of `predictions`.
        held_out : (h, q) array
            The neurons in the samples held out.
        weights : (q,) array
            Weight of each neuron.
        """
        xp = array_namespace(y)
        return np.array(
            [
                float(xp.sum((held_out - predictions) ** 2 * weights))
                for predictions in self.predictions(y, x, strengths)
            ]
        )


@dataclass(frozen=True)
class HeldOutScores(Generic[Strength]):
    """Scores of the neurons of y on samples that were held out.

    Attributes
    ----------
    values : (folds, q) float64 array
        Score of each neuron in each fold; NaN where the neuron is constant in the fold.
    strengths : tuple
        Penalty or number of components of each fold.
    n_held_out : tuple of int
        Samples held out in each fold.
    """

    values: NDArray[np.float64]
    strengths: tuple[Strength, ...]
    n_held_out: tuple[int, ...]

    @property
    def neurons(self) -> NDArray[np.float64]:
        """Score of each neuron, (q,): the mean over the folds where it varies, or NaN."""
        known = ~np.isnan(self.values)
        sums = np.where(known, self.values, 0.0).sum(axis=0)
        counts = known.sum(axis=0)
        means: NDArray[np.float64] = np.divide(
            sums, counts, out=np.full(len(sums), np.nan), where=counts > 0
        )
        return means

    def average(self, average: Average) -> float:
        """Return the median or mean over the neurons that vary.

        Raises
        ------
        ValueError
            If no neuron varies in the samples held out.
        """
        neurons = self.neurons[~np.isnan(self.neurons)]
        if not len(neurons):
            raise ValueError(
                "every neuron of y is constant in the samples held out of each fold: pass fewer "
                "folds, or more samples"
            )
        return float(np.median(neurons) if average == "median" else np.mean(neurons))


def score_range(score: Score, **_: Any) -> tuple[float, float]:
    """Return the least and the greatest score."""
    return (-1.0, 1.0) if score == "pearson" else (-inf, 1.0)


class Folds(Generic[Strength]):
    """Folds of the samples of x, each with the regressions fitted outside it.

    What depends on x alone is computed once, so that many orders of y share it.

    Parameters
    ----------
    x : Basis
        The predictors.
    structure : SampleStructure or None
        Which samples depend on each other; they are held out together.
    n_folds : int
        Number of folds.
    seed : int
        Random seed of the folds.
    regression : type of Regression
        The regression.
    nested : bool
        Whether to prepare inner folds, which choose a strength from the fitted samples alone.

    Raises
    ------
    ValueError
        If a fold holds out fewer than 3 samples, or inner folds lack groups.
    """

    def __init__(
        self,
        x: Basis,
        structure: SampleStructure | None,
        n_folds: int,
        seed: int,
        regression: type[Regression[Strength]],
        nested: bool,
    ) -> None:
        n_folds = as_integer(n_folds, "folds")
        scores = unit_scores(x)
        fold_of = assign_folds(x.n_samples, n_folds, structure, seed)
        smallest = int(np.bincount(fold_of).min())
        if smallest < FEWEST_HELD_OUT:
            raise ValueError(
                f"each fold must hold out at least {FEWEST_HELD_OUT} samples, but one of "
                f"{n_folds} folds of {x.n_samples} samples holds out {smallest}: pass fewer folds"
            )
        self._folds = [
            _Fold(
                scores, np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold), regression
            )
            for fold in range(n_folds)
        ]
        if nested:
            for fold in self._folds:
                fold.nest(scores, structure, n_folds, seed, regression)

    def scores(
        self, y: Array, strengths: Sequence[Strength], score: Score
    ) -> HeldOutScores[Strength]:
        """Return the scores of y, (n, q), with the best of some strengths in each fold.

        Parameters
        ----------
        y : (n, q) array
            The neurons to predict.
        strengths
            Strengths in descending order of regularisation. Of equally good ones the first is
            chosen.
        score : {"pearson", "r2"}
        """
        xp = array_namespace(y)
        deviations = y - xp.mean(y, axis=0)
        least = CONSTANT * xp.sum(deviations**2, axis=0) + ROUNDING * xp.sum(deviations**2)
        values, chosen = [], []
        for fold in self._folds:
            strength = strengths[0] if len(strengths) == 1 else fold.best(y, strengths, least)
            predictions = fold.predictions(y, strength)
            held_out = xp.take(y, rows_like(y, fold.held_out), axis=0)
            values.append(to_numpy(_scores(held_out, predictions, score, least)))
            chosen.append(strength)
        sizes = tuple(len(fold.held_out) for fold in self._folds)
        return HeldOutScores(np.array(values), tuple(chosen), sizes)


class _Fold(Generic[Strength]):
    """Samples held out, and the regression prepared on the samples fitted."""

    def __init__(
        self,
        scores: Array,
        fitted: NDArray[np.int64],
        held_out: NDArray[np.int64],
        regression: type[Regression[Strength]],
    ) -> None:
        xp = array_namespace(scores)
        self.fitted, self.held_out = fitted, held_out
        self.inner: list[_Fold[Strength]] = []
        self._x = xp.take(scores, rows_like(scores, held_out), axis=0)
        self._regression = regression(xp.take(scores, rows_like(scores, fitted), axis=0))

    def nest(
        self,
        scores: Array,
        structure: SampleStructure | None,
        n_folds: int,
        seed: int,
        regression: type[Regression[Strength]],
    ) -> None:
        """Prepare inner folds of the fitted samples."""
        inner = None if structure is None else structure.take(self.fitted)
        units = len(self.fitted) if inner is None else len(np.unique(inner.units(n_folds)))
        if units < 2:
            raise ValueError(
                "the samples fitted in a fold are one group, so that none can be held out to "
                "choose the strength of regularisation: pass more folds or groups, or fix the "
                "penalty or the number of components"
            )
        fold_of = assign_folds(len(self.fitted), min(n_folds, units), inner, seed)
        self.inner = [
            _Fold(scores, self.fitted[fold_of != fold], self.fitted[fold_of == fold], regression)
            for fold in range(int(fold_of.max()) + 1)
        ]

    def predictions(self, y: Array, strength: Strength) -> Array:
        """Return the predictions of the samples held out, (h, q)."""
        fitted = array_namespace(y).take(y, rows_like(y, self.fitted), axis=0)
        predictions: Array
        (predictions,) = self._regression.predictions(fitted, self._x, [strength])
        return predictions

    def errors(
        self, y: Array, weights: Array, strengths: Sequence[Strength]
    ) -> NDArray[np.float64]:
        """Return the sum of weighted squared errors in the samples held out, for each strength."""
        xp = array_namespace(y)
        fitted, held_out = (
            xp.take(y, rows_like(y, rows), axis=0) for rows in (self.fitted, self.held_out)
        )
        return self._regression.errors(fitted, self._x, held_out, weights, strengths)

    def best(self, y: Array, strengths: Sequence[Strength], least: Array) -> Strength:
        """Return the strength with the smallest error in the inner folds.

        Squared errors are summed over samples, and over neurons in units of their variance.
        """
        xp = array_namespace(y)
        fitted = xp.take(y, rows_like(y, self.fitted), axis=0)
        squares = xp.sum((fitted - xp.mean(fitted, axis=0)) ** 2, axis=0)
        varies = squares > least
        weights = xp.where(
            varies, 1 / xp.where(varies, squares, xp.ones_like(squares)), 0 * squares
        )
        errors = sum(
            (fold.errors(y, weights, strengths) for fold in self.inner), np.zeros(len(strengths))
        )
        return strengths[int(np.flatnonzero(errors <= errors.min() * (1 + TIE))[0])]


def _scores(y: Array, predictions: Array, score: Score, least: Array) -> Array:
    """Return the score of each neuron, (q,); NaN where it is constant."""
    xp = array_namespace(y)
    centred = y - xp.mean(y, axis=0)
    squares = xp.sum(centred**2, axis=0)
    varies = squares > least
    squares = xp.where(varies, squares, xp.ones_like(squares))
    if score == "r2":
        values = 1 - xp.sum((y - predictions) ** 2, axis=0) / squares
    else:
        guesses = predictions - xp.mean(predictions, axis=0)
        sizes = xp.sum(guesses**2, axis=0)
        informs = sizes > CONSTANT * squares
        sizes = xp.where(informs, sizes, xp.ones_like(sizes))
        values = xp.sum(centred * guesses, axis=0) / xp.sqrt(squares) / xp.sqrt(sizes)
        values = xp.where(informs, values, xp.zeros_like(values))
    result: Array = xp.where(varies, values, xp.full_like(values, xp.nan))
    return result


def neurons_of(y: Basis) -> Array:
    """Return the centred neurons of y, (n, q), in units that neither overflow nor vanish."""
    neurons: Array = y.combine(y.loadings / y.singular_values[0])
    return neurons
