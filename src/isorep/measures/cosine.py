"""Cosine between two activation matrices: a control that knows nothing of changes of basis."""

from __future__ import annotations

from typing import Any

from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.neurons import cosine_similarity, means_product


def _compute(overlap: Overlap) -> MeasureValue:
    return MeasureValue(cosine_similarity(overlap), overlap)


def _chance_level(overlap: Overlap) -> float:
    # Of samples paired at random only the means agree, exactly.
    return means_product(overlap)


COSINE = Measure(
    name="cosine",
    formula="<X, Y>_F / (||X||_F ||Y||_F), not centred",
    description="cosine of the activations as they are, neuron j against neuron j (a control)",
    reference="Morcos et al. 2018, figures A2, A3, A5, A6 and A8",
    function=_compute,
    invariance="scaling",
    similarity_range=(-1.0, 1.0),
    chance_rule=_chance_level,
)


def cosine(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Cosine between the two activation matrices as they are: neuron j against neuron j.

    ``similarity = sum_ij X_ij Y_ij / (||X||_F ||Y||_F)``, neither side centred, and ``distance = 1
    - similarity``. A control: it takes the neurons of two networks for the same because they have
    the same number, so a permutation of them looks like a difference. Activations that are never
    negative have a similarity well above 0 whatever they represent.

    Parameters
    ----------
    x, y : (n, p) arrays, or Basis
        The same n samples in rows, the same p neurons in columns.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`, whose rank rule drops what is rounding.

    Returns
    -------
    Score
        Invariant to positive multiples of either side and to nothing else; symmetric; similarity in
        [-1, 1], distance in [0, 2].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when the two sides have different numbers of features.

    References
    ----------
    Morcos, Raghu and Bengio 2018, appendix.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    >>> round(isorep.measures.cosine(x, -3 * x).similarity, 9)
    -1.0
    >>> round(isorep.measures.cosine(x, x[:, ::-1]).similarity, 9)
    0.0
    """
    return COSINE.between(x, y, solver=solver)
