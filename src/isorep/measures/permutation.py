"""Permutation: cosine after the best one-to-one matching of neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import ANGLE, Measure, MeasureValue
from isorep.measures.matching import covariances


def _compute(overlap: Overlap) -> MeasureValue:
    from scipy.optimize import linear_sum_assignment

    products, x_norms, y_norms = covariances(overlap)
    # Of unequal widths, neurons left over on the wider side meet zeros.
    matched = products[linear_sum_assignment(products, maximize=True)].sum()
    return MeasureValue(
        float(matched / (np.linalg.norm(x_norms) * np.linalg.norm(y_norms))), overlap
    )


PERMUTATION = Measure(
    name="permutation",
    formula="max_P <Xc, Yc P>_F / (||Xc||_F ||Yc||_F), P a permutation",
    description="cosine after the best one-to-one matching of neurons; the distance is its angle",
    reference="Williams et al. 2021, equation 5 with the group of permutations",
    function=_compute,
    invariance="permutation",
    similarity_range=(-1.0, 1.0),
    distance=ANGLE,
)


def permutation(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Cosine between the two representations after the best one-to-one matching of neurons.

    ``max_P <Xc, Yc P>_F / (||Xc||_F ||Yc||_F)`` over permutations P of y's neurons, both sides
    centred; the narrower one is padded with neurons that are zero. As `procrustes`, with
    permutations for rotations: high only where single neurons correspond. Every neuron of the
    narrower side is matched, though its best partner left be a negative one; a dead neuron is a
    zero to match with. Found exactly, in time that grows as the cube of the width (0.1 s for 1,000
    neurons).

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to another order of the neurons, translation and isotropic scaling of either side;
        symmetric; similarity in [-1, 1], distance in [0, pi] radians. The distance is a metric
        among representations of one width; among several widths it is not, since how many zeros a
        side is given depends on the other.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Williams, Kunz, Kornblith and Linderman 2021, Generalized shape metrics on neural
    representations.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> round(isorep.measures.permutation(x, 3 * x[:, [2, 0, 3, 1]] + 5).similarity, 9)
    1.0
    >>> rotated = x @ np.linalg.qr(np.ones((4, 4)) + np.eye(4))[0]
    >>> isorep.measures.permutation(x, rotated).similarity < 0.9
    True
    """
    return PERMUTATION.between(x, y, solver=solver)
