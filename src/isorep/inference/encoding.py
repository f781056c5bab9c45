"""Encoding: how well x predicts each neuron of y, fold by fold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from isorep._utils.arrays import ArrayLike
from isorep._utils.validation import check_name
from isorep.core.basis import Basis, Solver
from isorep.core.overlap import overlap
from isorep.core.warning_text import issue
from isorep.measures.base import MeasureValue
from isorep.measures.data_warnings import data_warnings
from isorep.measures.held_out_scores import HeldOutScores
from isorep.measures.measure_spec import Spec
from isorep.measures.pls_regression import pls_scores
from isorep.measures.registry import measure_named
from isorep.measures.ridge_regression import ridge_scores
from isorep.representations.missing_values import NanPolicy

if TYPE_CHECKING:
    import xarray

_REGRESSIONS: dict[str, tuple[Callable[..., HeldOutScores[Any]], str]] = {
    "ridge_regression": (ridge_scores, "penalty"),
    "pls_regression": (pls_scores, "n_components"),
}
"""The scores of each regression, and the option that inner folds choose."""


def encoding(
    x: ArrayLike | Basis,
    y: ArrayLike | Basis,
    measure: Spec = "ridge_regression",
    *,
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
    **options: Any,
) -> xarray.Dataset:
    """Predict each neuron of y from x, and score the predictions of samples held out.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows. The neurons of y are predicted from x.
    measure : str or mapping
        "ridge_regression" or "pls_regression", alone or with options, such as
        "ridge_regression(folds=10, score=r2)".
    groups, order : (n,) array-like, optional
        Group and time of each sample, if samples depend on each other; see `isorep.overlap`.
        Samples of one group are held out together.
    seed : int
        Random seed of the folds.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `isorep.Basis.from_array`.
    nan_policy : {"raise", "omit"}
        Whether rows with NaN raise an error or are left out; see `isorep.overlap`.
    **options
        Options of the measure.

    Returns
    -------
    xarray.Dataset
        ``score`` of each neuron, the mean over folds; ``fold_score``, over fold and neuron;
        ``penalty`` or ``n_components`` that the inner folds chose, and ``n_held_out``, the number
        of samples, of each fold. A neuron that is constant in a fold has no score there (NaN).
        ``attrs["similarity"]`` is the number that the measure gives, and ``attrs["warnings"]``
        lists reasons to read it with care.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap` and the measure; also if the measure is another one.

    References
    ----------
    Schrimpf et al. 2018, Brain-Score: which artificial neural network for object recognition is
    most brain-like?

    Examples
    --------
    Two neurons that x drives, one less noisy than the other, and one that it does not drive:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 10))
    >>> y = np.c_[x[:, 0], x[:, 1], np.zeros(300)] + rng.standard_normal((300, 3)) * [0.3, 1, 1]
    >>> result = isorep.inference.encoding(x, y)
    >>> result["score"].values.round(1)
    array([ 1. ,  0.7, -0.1])
    >>> result["fold_score"].sizes
    Frozen({'fold': 5, 'neuron': 3})
    """
    import xarray

    row = measure_named(measure).with_options(**options)
    check_name("measure of encoding", row.name, _REGRESSIONS)
    compute, chosen = _REGRESSIONS[row.name]
    coupled = overlap(x, y, groups=groups, order=order, solver=solver, nan_policy=nan_policy)
    values = row.with_options(**row.seeded({}, seed)).options
    average = values.pop("average")
    scores = compute(coupled, **values)
    similarity = row.clipped(scores.average(average))
    warnings = issue(data_warnings(row, coupled, MeasureValue(similarity, coupled)), stacklevel=2)
    return xarray.Dataset(
        {
            "score": ("neuron", scores.neurons),
            "fold_score": (("fold", "neuron"), scores.values),
            chosen: ("fold", list(scores.strengths)),
            "n_held_out": ("fold", list(scores.n_held_out)),
        },
        coords={"fold": range(len(scores.values)), "neuron": range(scores.values.shape[1])},
        attrs={
            "measure": row.label,
            "direction": row.direction,
            "score": values["score"],
            "similarity": similarity,
            "options": json.dumps(row.options),
            "n_samples": coupled.n_samples,
            "n_omitted": coupled.n_omitted,
            "warnings": list(warnings),
        },
    )
