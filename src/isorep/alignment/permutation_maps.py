"""Permutation maps: each neuron of one side to one neuron of the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isorep.alignment.linear_maps import LinearMaps
from isorep.core.overlap import Overlap
from isorep.measures.matching import covariances


def permutation_maps(overlap: Overlap) -> tuple[LinearMaps, NDArray[np.int64]]:
    """Return the maps that reorder neurons, and the pairs of x and y, (min(p, q), 2).

    The pairs maximise the sum of covariances, as `isorep.measures.permutation`. They are in the
    order of y's neurons. A neuron without a partner is mapped to 0.
    """
    from scipy.optimize import linear_sum_assignment

    x_neurons, y_neurons = linear_sum_assignment(covariances(overlap)[0], maximize=True)
    pairs = np.column_stack([x_neurons, y_neurons])[np.argsort(y_neurons)]
    forward = np.zeros((overlap.x.n_features, overlap.y.n_features))
    forward[pairs[:, 0], pairs[:, 1]] = 1.0
    return LinearMaps(forward, forward.T), pairs
