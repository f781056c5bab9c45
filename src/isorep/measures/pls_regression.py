"""PLS regression: how well a few components of x predict each neuron of y on samples held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.linalg import svd
from isorep._utils.validation import as_integer
from isorep.core.overlap import Overlap
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

MOST_COMPONENTS = 25
"""Greatest number of components that inner folds compare by default, that of Brain-Score."""

EXHAUSTED = 1e-10
"""Share of x's largest singular value below which what is left of x is rounding."""

Components = int | tuple[int, ...] | Literal["cv"]


def _numbers(n_components: Any) -> list[int]:
    """Return the numbers of components to choose from, the smallest first."""
    values = range(1, MOST_COMPONENTS + 1) if n_components == "cv" else n_components
    values = tuple(values) if isinstance(values, tuple | range) else (values,)
    numbers = sorted({as_integer(value, "n_components") for value in values})
    if not numbers or numbers[0] < 1:
        raise ValueError(
            "n_components must be an integer of at least 1, several to choose from, or 'cv', got "
            f"{n_components!r}"
        )
    return numbers


class _PLS(Regression[int]):
    """PLS regressions from some samples of x."""

    def __init__(self, x: Array) -> None:
        xp = array_namespace(x)
        self._mean = xp.mean(x, axis=0)
        self._x = x - self._mean
        self._size = float(xp.linalg.vector_norm(self._x))

    def predictions(self, y: Array, x: Array, strengths: Sequence[int]) -> Iterator[Array]:
        xp = array_namespace(y)
        mean = xp.mean(y, axis=0)
        y, rest, held_out = y - mean, self._x, x - self._mean
        predictions = xp.zeros_like(held_out[:, :1]) @ xp.zeros_like(y[:1, :]) + mean
        done = 0
        for number in strengths:
            while done < number:
                done += 1
                weights = svd(xp, rest.T @ y)[0][:, :1]
                component = rest @ weights
                square = float(xp.sum(component**2))
                if square <= (EXHAUSTED * self._size) ** 2:
                    done = max(
                        strengths
                    )  # x has no further components, so none changes predictions
                    break
                x_loadings, y_loadings = (side.T @ component / square for side in (rest, y))
                predicted = held_out @ weights
                predictions = predictions + predicted @ y_loadings.T
                rest = rest - component @ x_loadings.T
                held_out = held_out - predicted @ x_loadings.T
            yield predictions


def pls_scores(
    overlap: Overlap, *, n_components: Components, folds: int, score: Score, seed: int
) -> HeldOutScores[int]:
    """Return the scores of y's neurons by `pls_regression`."""
    numbers = _numbers(n_components)
    prepared = Folds(overlap.x, overlap.structure, folds, seed, _PLS, nested=len(numbers) > 1)
    return prepared.scores(neurons_of(overlap.y), numbers, score)


@measure(
    title="PLS regression",
    formula="median over neurons of r(y_j, prediction of y_j), in samples held out",
    description="how well a few components of x, by PLS, predict each neuron of y, held out",
    reference="Wold 1975; Yamins et al. 2014; Schrimpf et al. 2018",
    invariance="linear",
    emphasis="equal",
    requires="samples",
    similarity_range=(-1.0, 1.0),
    holds_out_rule=lambda **_: True,
    direction_rule=lambda **_: PREDICTION,
    range_rule=score_range,
)
def pls_regression(
    overlap: Overlap,
    *,
    n_components: Components = "cv",
    folds: int = FOLDS,
    score: Score = "pearson",
    average: Average = "median",
    seed: int = 0,
) -> MeasureValue:
    """PLS regression (encoding): how well a few components of x predict the neurons of y.

    Each component is the direction of x with the largest covariance with y, and y is regressed on
    the components. Each fold is held out in turn, and samples of one group are held out together.
    Inner folds of the other samples choose the number of components, the same for all neurons, as
    the penalty of `ridge_regression`. The score of a neuron is its mean over the folds;
    `isorep.inference.encoding` returns the scores of all neurons and folds.

    It equals scikit-learn's ``PLSRegression(n_components, scale=False)``, iterated to convergence.
    Neurons of y count by their variance in the choice of components: scale them if their units
    differ. Brain-Score takes 25 components.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows. The neurons of y are predicted from x.
    n_components : int, tuple of int, or "cv"
        Number of components, or numbers to choose from. "cv" chooses from 1 to 25. Components
        beyond the rank of x add nothing.
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
        Invariant to rotation, reflection and isotropic scaling of x; not symmetric; in [-1, 1], or
        (-inf, 1] with ``score="r2"``. If y is a linear map of x, and there are as many components
        as directions of x, the similarity is 1.

    Raises
    ------
    TypeError, ValueError
        If a number of components is not an integer of at least 1, a fold holds out fewer than 3
        samples, or a fold is fitted on one group and the number must be chosen.

    References
    ----------
    Wold 1975, Soft modelling by latent variables. Yamins et al. 2014, Performance-optimized
    hierarchical models predict neural responses in higher visual cortex. Schrimpf et al. 2018,
    Brain-Score: which artificial neural network for object recognition is most brain-like?

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 30))
    >>> y = x[:, :5] + rng.standard_normal((200, 5))  # half of each neuron's variance is noise
    >>> round(isorep.measures.pls_regression(x, y).similarity, 1)  # at most sqrt(1 / 2)
    0.6
    """
    scores = pls_scores(overlap, n_components=n_components, folds=folds, score=score, seed=seed)
    return MeasureValue(scores.average(average), overlap)
