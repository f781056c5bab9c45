"""Unrolled: the states of LSTM layers at each of several steps against the last (A3 and A4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import isorep

if TYPE_CHECKING:
    import xarray

    from isorep.paper.analysis.rnn_states import Steps

MEASURES = {"cca": "mean CCA", "cosine": "cosine", "euclidean": "Euclidean"}


def to_last_step(states: Steps) -> xarray.Dataset:
    """Return ``<measure>_distance`` over (step, layer) to the states at the last step.

    The Euclidean distance is over the norm of the states at the last step, since layers differ in
    size.
    """
    import xarray

    found = isorep.trajectory(states, measures=list(MEASURES), progress=False)
    *_, last = states.values()
    norms = [np.linalg.norm(array.astype(np.float64)) for array in last.values()]
    found["euclidean_distance"] /= xarray.DataArray(norms, dims="layer")
    return found[[f"{name}_distance" for name in MEASURES]]
