"""Soft matching: the best transport of one side's neurons onto the other's."""

from __future__ import annotations

from math import lcm, sqrt
from typing import Any

import numpy as np

from isorep.core.basis import Solver
from isorep.core.kernel import Matrix
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Distance, Measure, MeasureValue
from isorep.measures.matching import correlations

COPIES = 2048
"""Width of the assignment, a common multiple of both, up to which it beats a linear program."""


def _compute(overlap: Overlap) -> MeasureValue:
    return MeasureValue(transported(correlations(overlap)), overlap)


def transported(gains: Matrix) -> float:
    """Return ``max_P sum_ij P_ij gains_ij`` over P >= 0 of rows 1 / a and columns 1 / b."""
    a, b = gains.shape
    width = lcm(a, b)
    if width > COPIES:
        return _by_linear_program(gains)
    from scipy.optimize import linear_sum_assignment

    # In units of 1 / width all masses are whole, and so is some best transport.
    copies = np.repeat(np.repeat(gains, width // a, axis=0), width // b, axis=1)
    return float(copies[linear_sum_assignment(copies, maximize=True)].mean())


def _by_linear_program(gains: Matrix) -> float:
    from scipy.optimize import linprog
    from scipy.sparse import identity, kron, vstack

    a, b = gains.shape
    sums = vstack(
        [kron(identity(a), np.ones((1, b))), kron(np.ones((1, a)), identity(b))], format="csr"
    )
    masses = np.concatenate([np.full(a, 1 / a), np.full(b, 1 / b)])
    found = linprog(-gains.ravel(), A_eq=sums, b_eq=masses, method="highs")
    if found.fun is None:
        raise ValueError(f"no best transport of {a} neurons onto {b} was found: {found.message}")
    return -float(found.fun)


def _of_similarity(similarity: float) -> float:
    return sqrt(2 - 2 * similarity)


SOFT_MATCHING = Measure(
    name="soft_matching",
    formula="max_P sum_ij P_ij corr(x_i, y_j), P >= 0 of rows 1/a and columns 1/b",
    description="mean correlation under the best transport of x's neurons onto y's",
    reference="Khosla and Williams 2024",
    function=_compute,
    invariance="neurons",
    metric=True,
    similarity_range=(-1.0, 1.0),
    distance=Distance("sqrt(2 - 2 similarity)", "1", _of_similarity),
)


def soft_matching(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Mean correlation of neurons under the best transport of one side's onto the other's.

    ``max_P sum_ij P_ij corr(x_i, y_j)`` over couplings P, non-negative with rows that sum to 1 / a
    and columns that sum to 1 / b: permutations where a = b, and where not, matchings that may split
    a neuron. ``distance = sqrt(2 - 2 similarity)`` is the 2-Wasserstein distance between the two
    sets of neurons, centred and scaled to unit norm, each neuron of equal mass; a metric for all
    widths.

    A dead neuron (constant, or with a norm under 1e-7 of the largest singular value) has no tuning
    to match: it is left out, and the others share its mass.

    Exact. With m the least common multiple of a and b, an assignment of m copies up to m = 2,048
    (half a second); otherwise a linear program in a b variables (a second for 257 by 251, 8 s for
    512 by 509).

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to another order of the neurons, and to an offset and a positive factor of each;
        symmetric; similarity in [-1, 1], distance in [0, 2]. Rounding of 1e-16 in a similarity near
        1 is 1e-8 in the distance.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

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
    return SOFT_MATCHING.between(x, y, solver=solver)
