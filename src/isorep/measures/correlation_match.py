"""Mean correlation of neurons with their matched partners, absolute or signed."""

from __future__ import annotations

import numpy as np

from isorep.core.kernel import Matrix
from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.matching import correlations
from isorep.measures.measure_function import measure


def _matches(overlap: Overlap, signed: bool) -> Matrix:
    values = correlations(overlap)
    return values if signed else np.abs(values)


def _range(*, signed: bool) -> tuple[float, float]:
    return (-1.0 if signed else 0.0), 1.0


@measure(
    formula="max_P mean_i |corr(x_i, y_P(i))|, P one-to-one",
    description="mean absolute correlation of neurons, matched one to one",
    reference="Li et al. 2016; Klabunde et al. 2025",
    invariance="signed",
    emphasis="equal",
    range_rule=_range,
)
def hard_correlation(overlap: Overlap, *, signed: bool = False) -> MeasureValue:
    """Mean absolute correlation of neurons that are matched one to one.

    ``max_P 1/m sum_i |corr(x_i, y_P(i))|`` over one-to-one matchings P of the narrower side's m
    neurons with as many neurons of the wider side; other neurons do not count. Absolute values let
    a neuron match its negative. Dead neurons do not count, as in `soft_matching`.

    Parameters
    ----------
    signed : bool
        Whether to match by the correlations themselves, as the code of Klabunde et al. does. For
        equal widths, this is `soft_matching`.

    Returns
    -------
    Score
        Invariant to another order of the neurons, and to an offset and a factor for each, of either
        sign, or positive with `signed`; 1 also if one side is part of the other. Symmetric; in
        [0, 1], or in [-1, 1] with `signed`.

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
    from scipy.optimize import linear_sum_assignment

    matches = _matches(overlap, signed)
    matched = matches[linear_sum_assignment(matches, maximize=True)]
    return MeasureValue(float(matched.mean()), overlap)


@measure(
    formula="mean_i max_j |corr(x_i, y_j)|",
    description="mean absolute correlation of each neuron of x with its best partner in y",
    reference="Li et al. 2016; Klabunde et al. 2025",
    invariance="signed",
    emphasis="equal",
    direction_rule=lambda **_: "neurons of x matched in y",
    range_rule=_range,
)
def soft_correlation(overlap: Overlap, *, signed: bool = False) -> MeasureValue:
    """Mean absolute correlation of each neuron of x with its best partner in y.

    ``1/p sum_i max_j |corr(x_i, y_j)|`` over the p neurons of x. Several neurons of x may share a
    partner, and neurons of y may have none, so the measure is not symmetric: it says how much of x
    is in y. Dead neurons do not count, as in `soft_matching`. If samples are few, the best of many
    partners correlates by chance.

    Parameters
    ----------
    signed : bool
        Whether the best partner is that of the largest correlation itself, as in the code of
        Klabunde et al.

    Returns
    -------
    Score
        Invariant to another order of the neurons, and to an offset and a factor for each, of either
        sign, or positive with `signed`; 1 if y contains all neurons of x. Not symmetric; in [0, 1],
        or in [-1, 1] with `signed`.

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
    return MeasureValue(float(_matches(overlap, signed).max(axis=1).mean()), overlap)
