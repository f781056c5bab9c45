"""Correlation match: mean absolute correlation of neurons with their partners."""

from __future__ import annotations

from typing import Any

import numpy as np

from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.matching import correlations


def _compute_hard(overlap: Overlap) -> MeasureValue:
    from scipy.optimize import linear_sum_assignment

    found = np.abs(correlations(overlap))
    return MeasureValue(float(found[linear_sum_assignment(found, maximize=True)].mean()), overlap)


def _compute_soft(overlap: Overlap) -> MeasureValue:
    return MeasureValue(float(np.abs(correlations(overlap)).max(axis=1).mean()), overlap)


HARD_CORRELATION = Measure(
    name="hard_correlation",
    formula="max_P mean_i |corr(x_i, y_P(i))|, P one-to-one",
    description="mean absolute correlation of neurons, matched one to one",
    reference="Li et al. 2016; Klabunde et al. 2025",
    function=_compute_hard,
    invariance="signed",
)

SOFT_CORRELATION = Measure(
    name="soft_correlation",
    formula="mean_i max_j |corr(x_i, y_j)|",
    description="mean absolute correlation of each neuron of x with its best partner in y",
    reference="Li et al. 2016; Klabunde et al. 2025",
    function=_compute_soft,
    invariance="signed",
    direction_rule=lambda **_: "neurons of x matched in y",
)


def hard_correlation(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Mean absolute correlation of neurons that are matched one to one.

    ``max_P 1/m sum_i |corr(x_i, y_P(i))|`` over one-to-one matchings P of the narrower side's m
    neurons with as many of the wider side's; the others do not count. The absolute value, so that a
    neuron matches its negative; where signs matter, `soft_matching` of equal widths is the same
    with signed correlations. Dead neurons are left out, as in `soft_matching`.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to another order of the neurons, and to an offset and a factor, of either sign, of
        each; 1 also where one side is part of the other. Symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Li, Yosinski, Clune, Lipson and Hopcroft 2016, Convergent learning: do different neural networks
    learn the same representations? Klabunde, Schumacher, Strohmaier and Lemmerich 2025,
    Similarity of neural network models.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> turned = x[:, [2, 0, 3, 1]] * [1.0, -2.0, 3.0, -4.0] + 5
    >>> round(isorep.measures.hard_correlation(x, turned).similarity, 9)
    1.0
    """
    return HARD_CORRELATION.between(x, y, solver=solver)


def soft_correlation(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Mean absolute correlation of each neuron of x with its best partner in y.

    ``1/a sum_i max_j |corr(x_i, y_j)|`` over x's a neurons. Several may share a partner, and
    neurons of y may have none, so it is not symmetric: it says how much of x is found in y. Dead
    neurons are left out, as in `soft_matching`. With few samples the best of many partners
    correlates by chance.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to another order of the neurons, and to an offset and a factor, of either sign, of
        each; 1 wherever all of x's neurons are in y. Not symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Li, Yosinski, Clune, Lipson and Hopcroft 2016, Convergent learning: do different neural networks
    learn the same representations? Klabunde, Schumacher, Strohmaier and Lemmerich 2025,
    Similarity of neural network models.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> soft_correlation = isorep.measures.soft_correlation
    >>> round(soft_correlation(x[:, :2], x).similarity, 9)
    1.0
    >>> soft_correlation(x, x[:, :2]).similarity < 0.6
    True
    """
    return SOFT_CORRELATION.between(x, y, solver=solver)
