"""Soft matching: mean correlation under the best transport of neurons."""

from __future__ import annotations

from math import lcm, sqrt

import numpy as np

from isorep.core.kernel import Matrix
from isorep.core.overlap import Overlap
from isorep.measures.base import Distance, MeasureValue
from isorep.measures.matching import correlations
from isorep.measures.measure_function import measure

COPIES = 2048
"""Width of the assignment, a common multiple of both widths, up to which it is faster than a linear
program."""


def transported(gains: Matrix) -> float:
    """Return ``max_P sum_ij P_ij gains_ij`` over P >= 0 with row sums 1/p and column sums 1/q."""
    p, q = gains.shape
    width = lcm(p, q)
    if width > COPIES:
        return _by_linear_program(gains)
    from scipy.optimize import linear_sum_assignment

    # In units of 1 / width all masses are integers, and so is one of the best transports.
    copies = np.repeat(np.repeat(gains, width // p, axis=0), width // q, axis=1)
    return float(copies[linear_sum_assignment(copies, maximize=True)].mean())


def _by_linear_program(gains: Matrix) -> float:
    from scipy.optimize import linprog
    from scipy.sparse import identity, kron, vstack

    p, q = gains.shape
    sums = vstack(
        [kron(identity(p), np.ones((1, q))), kron(np.ones((1, p)), identity(q))], format="csr"
    )
    masses = np.concatenate([np.full(p, 1 / p), np.full(q, 1 / q)])
    result = linprog(-gains.ravel(), A_eq=sums, b_eq=masses, method="highs")
    if result.fun is None:
        raise ValueError(f"no best transport of {p} neurons onto {q} was found: {result.message}")
    return -float(result.fun)


def _transport_distance(similarity: float) -> float:
    return sqrt(2 - 2 * similarity)


@measure(
    formula="max_P sum_ij P_ij corr(x_i, y_j), P >= 0 with row sums 1/p and column sums 1/q",
    description="mean correlation under the best transport of x's neurons onto y's",
    reference="Khosla and Williams 2024",
    invariance="neurons",
    emphasis="equal",
    metric=True,
    similarity_range=(-1.0, 1.0),
    distance=Distance("sqrt(2 - 2 similarity)", "1", _transport_distance),
)
def soft_matching(overlap: Overlap) -> MeasureValue:
    """Mean correlation of neurons under the best transport of one side's onto the other's.

    ``max_P sum_ij P_ij corr(x_i, y_j)`` over couplings P, non-negative with row sums 1 / p and
    column sums 1 / q: permutations if p = q, otherwise matchings that may split a neuron.
    ``distance = sqrt(2 - 2 similarity)`` is the 2-Wasserstein distance between the two sets of
    neurons, centred and scaled to unit norm, with equal mass for each neuron; a metric for all
    widths.

    A dead neuron (constant, or with a norm below 1e-7 of the largest singular value) does not
    count, and the other neurons share its mass.

    The optimum is exact. With m the least common multiple of p and q, it is an assignment of m
    copies up to m = 2,048 (half a second), otherwise a linear program in p q variables (a second
    for 257 by 251, 8 s for 512 by 509).

    Returns
    -------
    Score
        Invariant to another order of the neurons, and to an offset and a positive factor for each;
        symmetric; similarity in [-1, 1], distance in [0, 2]. A rounding error of 1e-16 in a
        similarity near 1 is an error of 1e-8 in the distance.

    References
    ----------
    Khosla and Williams 2024, Soft matching distance: a metric on neural representations that
    captures single-neuron tuning.

    Examples
    --------
    Two neurons in another order, and one of them alone:

    >>> import numpy as np, isorep
    >>> x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(isorep.measures.soft_matching(x, 7 * x[:, ::-1] + 1).similarity, 9)
    1.0
    >>> round(isorep.measures.soft_matching(x, x[:, :1]).similarity, 9)
    0.5
    """
    return MeasureValue(transported(correlations(overlap)), overlap)
