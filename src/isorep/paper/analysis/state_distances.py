"""State distances: the states of recurrent layers at each step or epoch against the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep

if TYPE_CHECKING:
    import xarray

    from isorep.paper.analysis.rnn_states import Steps
    from isorep.paper.training.trained_language_model import TrainedLanguageModel

STEP_MEASURES = {"cca": "mean CCA", "cosine": "cosine", "euclidean": "Euclidean"}
"""Measures of figures A2 to A4, with their titles."""


def to_last_step(states: Steps) -> xarray.Dataset:
    """Return ``<measure>_distance`` over (step, layer) to the states at the last step.

    The Euclidean distance is relative to the norm of the states at the last step, because layers
    differ in size.
    """
    table = isorep.trajectory(states, measures=list(STEP_MEASURES), progress=False)
    *_, last = states.values()
    return _relative(table[[f"{name}_distance" for name in STEP_MEASURES]], last)


def to_final_state(
    trained: TrainedLanguageModel,
    tokens: NDArray[np.int64],
    measures: Sequence[str],
    *,
    device: str | None = None,
) -> xarray.Dataset:
    """Return the distance of each layer to its final state, over a text.

    Parameters
    ----------
    trained : TrainedLanguageModel
        Network with checkpoints.
    tokens : (tokens,) int64 array
        Text.
    measures : sequence of str
        Names in `isorep.MEASURES`.
    device : str, optional
        Device to run the network on.

    Returns
    -------
    xarray.Dataset
        ``<measure>_distance`` over (epoch, layer). The Euclidean distance is relative to the norm
        of the final state, because layers differ in size.
    """
    import xarray

    from isorep.paper.analysis.rnn_states import over_text

    final = over_text(trained.at(trained.recipe.epochs), tokens, device=device)
    # One epoch at a time: at the paper's scale, all epochs together take over a hundred gigabytes.
    epochs = [
        isorep.trajectory(
            {epoch: over_text(trained.at(epoch), tokens, device=device)},
            reference=final,
            measures=list(measures),
            progress=False,
        )[[f"{name}_distance" for name in measures]]
        for epoch in trained.checkpoints
    ]
    table = xarray.concat(epochs, "step").rename(step="epoch")
    return _relative(table, final)


def _relative(table: xarray.Dataset, reference: Mapping[str, Any]) -> xarray.Dataset:
    """Divide Euclidean distances by the norm of the reference, layer by layer."""
    import xarray

    if "euclidean_distance" in table:
        norms = [np.linalg.norm(array.astype(np.float64)) for array in reference.values()]
        table["euclidean_distance"] /= xarray.DataArray(norms, dims="layer")
    return table
