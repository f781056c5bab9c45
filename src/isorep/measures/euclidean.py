"""Euclidean distance between two activation matrices: a control, like cosine."""

from __future__ import annotations

from math import sqrt

from array_api_compat import array_namespace

from isorep.core.overlap import Overlap
from isorep.measures.base import Distance, MeasureValue, distance_of_reciprocal
from isorep.measures.measure_function import measure
from isorep.measures.neurons import cosine_similarity, norm

CANCELLED = 1e-3
"""Squared distance, relative to the larger squared norm, below which inner products lose too many
digits: their error is about 1e-15 of that squared norm."""


def _residual(overlap: Overlap, unit: float) -> float:
    """Return the distance in `unit`s as a sum of squares, over the samples if they are known."""
    x, y = overlap.x, overlap.y
    xp = array_namespace(overlap.matrix)
    if not overlap.knows_samples:
        # X - Y = Qx (Rx - M Ry) - E Ry, and the means, with Qy = Qx M + E.
        inside = (x.loadings - overlap.matrix @ y.loadings) / unit
        outside = float(xp.sum((overlap.residual_gram @ y.loadings) * y.loadings)) / unit**2
        means = overlap.n_samples * xp.sum(((x.mean - y.mean) / unit) ** 2)
        return sqrt(float(xp.sum(inside**2) + means) + max(outside, 0.0))
    difference = x.combine(x.loadings / unit) - y.combine(y.loadings / unit)
    difference = difference + (x.mean - y.mean) / unit
    return float(xp.sqrt(xp.sum(difference**2)))


@measure(
    title="Euclidean",
    formula="1 / (1 + ||X - Y||_F), not centred",
    description="Euclidean distance of the raw activations, neuron j with neuron j (a control)",
    reference="Morcos et al. 2018, figures A2, A3, A5, A6 and A8",
    invariance="none",
    metric=True,
    distance=Distance("||X - Y||_F", "units of the features", distance_of_reciprocal),
)
def euclidean(overlap: Overlap) -> MeasureValue:
    """Euclidean distance between the two raw activation matrices.

    ``distance = sqrt(sum_ij (X_ij - Y_ij)^2)``, neither side centred, in the units of the features;
    ``similarity = 1 / (1 + distance)``, useful only for ranking. A control: it compares neurons
    with the same index, and it grows with the number of samples and neurons and with the size of
    the activations.

    Returns
    -------
    Score
        Invariant to nothing; symmetric; distance in [0, inf), similarity in [0, 1]. The relative
        error of the distance is about 1e-12, or its absolute error 1e-14 of the larger norm if that
        is more, in addition to what the rank rule of `isorep.Basis.from_array` drops; identical
        inputs have distance 0. From moments, without samples, the absolute error is 1e-8 of the
        larger norm.

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
    >>> score = isorep.measures.euclidean(x, x + [[0.0, 3.0], [0.0, 0.0], [4.0, 0.0]])
    >>> round(score.distance, 9), round(score.similarity, 9)
    (5.0, 0.166666667)
    """
    cosine = cosine_similarity(overlap)
    x_norm, y_norm = norm(overlap.x), norm(overlap.y)
    unit = max(x_norm, y_norm)
    a, b = x_norm / unit, y_norm / unit
    square = (a - b) ** 2 + 2 * a * b * (1 - cosine)
    distance = unit * (sqrt(square) if square > CANCELLED else _residual(overlap, unit))
    return MeasureValue(1 / (1 + distance), overlap, distance=distance)
