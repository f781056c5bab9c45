"""Cosine between two activation matrices: a control that ignores changes of basis."""

from __future__ import annotations

from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.neurons import cosine_similarity, means_product


@measure(
    formula="<X, Y>_F / (||X||_F ||Y||_F), not centred",
    description="cosine of the raw activations, neuron j with neuron j (a control)",
    reference="Morcos et al. 2018, figures A2, A3, A5, A6 and A8",
    invariance="scaling",
    similarity_range=(-1.0, 1.0),
    # Samples paired at random agree only in their means.
    chance_rule=means_product,
)
def cosine(overlap: Overlap) -> MeasureValue:
    """Cosine between the two raw activation matrices: neuron j with neuron j.

    ``similarity = sum_ij X_ij Y_ij / (||X||_F ||Y||_F)``, neither side centred, and ``distance = 1
    - similarity``. A control: it compares neurons with the same index, so a permutation of the
    neurons looks like a difference. Activations that are never negative have a similarity well
    above 0, whatever they represent.

    Returns
    -------
    Score
        Invariant only to positive multiples of either side; symmetric; similarity in [-1, 1],
        distance in [0, 2].

    Raises
    ------
    ValueError
        If the two sides have different numbers of features.

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
    return MeasureValue(cosine_similarity(overlap), overlap)
