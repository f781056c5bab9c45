"""Neuron predictions: how well each neuron is predicted from the other side, held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.folds import assign_folds
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap
from isorep.core.principal_axes import GRAM_TOLERANCE
from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.held_out_pairs import Floats, coordinates
from isorep.explanation.ridge_fold import RidgeFold

if TYPE_CHECKING:
    import xarray

NULL_SCORES = 5000
"""Scores of unrelated neurons that are enough for a p-value."""

FEWEST_PERMUTATIONS = 39
"""Fewest permutations, however many neurons there are."""


class _HeldOut(NamedTuple):
    correlations: Floats
    r_squared: Floats


def _held_out(folds: list[RidgeFold], y: Floats) -> _HeldOut:
    """Return the correlation and R^2 of the held-out predictions of each neuron, (q,)."""
    products, squares, norms, errors = np.zeros((4, y.shape[1]))
    for fold in folds:
        predicted, actual = fold.predictions(y)
        products += np.sum(predicted * actual, axis=0)
        squares += np.sum(predicted**2, axis=0)
        norms += np.sum(actual**2, axis=0)
        errors += np.sum((actual - predicted) ** 2, axis=0)
    both = np.sqrt(squares * norms)
    correlations = products / np.where(both > 0, both, 1.0)
    return _HeldOut(correlations, 1 - errors / np.where(norms > 0, norms, 1.0))


def predicted_neurons(
    pair: ExplainedPair, *, folds: int, n_permutations: int, alpha: float, seed: int
) -> tuple[xarray.Dataset, xarray.Dataset]:
    """Return how well each neuron of x is predicted from y, and each neuron of y from x.

    Predictions are ridge regressions from all neurons of the other side, on samples that were not
    fitted; the penalty of each neuron is chosen within the training samples. The null distribution
    is that of all neurons after permutations of the rows, and p-values are adjusted for the number
    of neurons (Benjamini and Hochberg). Partners are matched one to one, by the largest sum of
    absolute correlations; a partner is tested against the best of all partners after permutations.

    Returns
    -------
    pair of xarray.Dataset
        Over (x_neuron,) and (y_neuron,): ``r_squared`` and ``correlation`` of the held-out
        prediction; ``p_value``; ``predicted``, whether it is above noise; ``partner``, the neuron
        of the other side ("" or -1 without one); ``partner_correlation``, signed;
        ``partner_p_value``; ``has_partner``. Dead neurons have NaN and no partner.

    References
    ----------
    Golub, Heath and Wahba 1979, Generalized cross-validation as a method for choosing a good ridge
    parameter. Benjamini and Hochberg 1995, Controlling the false discovery rate.
    """
    overlap = pair.overlap
    n = overlap.n_samples
    fold_of = assign_folds(n, folds, overlap.structure, seed)
    sides = {
        "x": (overlap.x, pair.x_neurons, overlap.y, pair.y_neurons),
        "y": (overlap.y, pair.y_neurons, overlap.x, pair.x_neurons),
    }
    matches = _partners(overlap, n_permutations, seed)
    tables = []
    for name, (side, names, other, other_names) in sides.items():
        neurons, alive = _standardised(side)
        predictors = coordinates(other, whiten=False)
        prepared = [
            RidgeFold.from_rows(predictors, fold_of != fold, fold_of == fold)
            for fold in range(folds)
        ]
        scores = _held_out(prepared, neurons)
        null = _null(prepared, neurons, overlap, n_permutations, seed)
        p_values = _adjusted(scores.correlations, null)
        partner, partner_r, partner_p = matches[name]
        tables.append(
            _table(
                name,
                names,
                other_names,
                alive,
                {
                    "r_squared": scores.r_squared,
                    "correlation": scores.correlations,
                    "p_value": p_values,
                },
                (partner, partner_r, partner_p),
                alpha,
            )
        )
    return tables[0], tables[1]


def _table(
    name: str,
    names: NDArray[Any],
    other_names: NDArray[Any],
    alive: NDArray[np.bool_],
    scores: dict[str, Floats],
    match: tuple[NDArray[np.int64], Floats, Floats],
    alpha: float,
) -> xarray.Dataset:
    import xarray

    dim = f"{name}_neuron"
    partner, partner_r, partner_p = match
    missing = -1 if other_names.dtype.kind in "iu" else ""
    partner_names = np.where(partner >= 0, other_names[np.maximum(partner, 0)], missing)
    variables: dict[str, Any] = {}
    for key, values in scores.items():
        column = np.full(len(names), np.nan)
        column[alive] = values
        variables[key] = (dim, column)
    variables["predicted"] = (dim, variables["p_value"][1] <= alpha)
    variables["partner"] = (dim, partner_names)
    variables["partner_correlation"] = (dim, partner_r)
    variables["partner_p_value"] = (dim, partner_p)
    variables["has_partner"] = (dim, partner_p <= alpha)
    return xarray.Dataset(variables, coords={dim: names}, attrs={"alpha": alpha})


def _standardised(side: Any) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the neurons that are not dead, over their standard deviation, (n, <= p)."""
    loadings = to_numpy(side.loadings / side.singular_values[0])
    norms = np.linalg.norm(loadings, axis=0)
    alive = norms > GRAM_TOLERANCE
    scale = np.sqrt(side.n_samples - 1)
    return np.asarray(to_numpy(side.q) @ (loadings[:, alive] / norms[alive]) * scale), alive


def _null(
    prepared: list[RidgeFold], neurons: Floats, overlap: Overlap, n_permutations: int, seed: int
) -> Floats:
    """Return the held-out correlations of all neurons after permutations of their rows."""
    enough = max(FEWEST_PERMUTATIONS, -(-NULL_SCORES // neurons.shape[1]))
    orders = Orders(overlap.structure or len(neurons), min(n_permutations, enough), seed)
    scores = []
    with one_thread():
        for (order,) in orders.batches(1):
            check_stopped()
            scores.append(_held_out(prepared, neurons[order]).correlations)
    return np.concatenate(scores)


def _adjusted(values: Floats, null: Floats) -> Floats:
    """Return the p-values of some values among those of a null, adjusted for their number."""
    from scipy.stats import false_discovery_control

    reached = len(null) - np.searchsorted(np.sort(null), values, side="left")
    return np.asarray(false_discovery_control((1 + reached) / (1 + len(null))))


def _partners(
    overlap: Overlap, n_permutations: int, seed: int
) -> dict[str, tuple[NDArray[np.int64], Floats, Floats]]:
    """Return for each side the partner of each neuron, their correlation and its p-value."""
    from scipy.optimize import linear_sum_assignment

    (x, x_alive), (y, y_alive) = _standardised(overlap.x), _standardised(overlap.y)
    n = overlap.n_samples
    correlations = x.T @ y / (n - 1)
    x_matched, y_matched = linear_sum_assignment(np.abs(correlations), maximize=True)
    matched = correlations[x_matched, y_matched]
    orders = Orders(overlap.structure or n, min(n_permutations, FEWEST_PERMUTATIONS), seed)
    nulls: dict[str, list[Floats]] = {"x": [], "y": []}
    with one_thread():
        for (order,) in orders.batches(1):
            check_stopped()
            sizes = np.abs(x.T @ y[order] / (n - 1))
            nulls["x"].append(sizes.max(axis=1))
            nulls["y"].append(sizes.max(axis=0))
    result = {}
    for name, alive, members, others, other_alive in (
        ("x", x_alive, x_matched, y_matched, y_alive),
        ("y", y_alive, y_matched, x_matched, x_alive),
    ):
        rows = np.flatnonzero(alive)[members]
        partner = np.full(len(alive), -1)
        partner_r, partner_p = np.full((2, len(alive)), np.nan)
        partner[rows] = np.flatnonzero(other_alive)[others]
        partner_r[rows] = matched
        partner_p[rows] = _adjusted(np.abs(matched), np.concatenate(nulls[name]))
        result[name] = (partner, partner_r, partner_p)
    return result
