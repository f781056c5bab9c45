"""Figure A8: figure 6 by cosine and Euclidean distance.

Set-up. The networks of figure 6.

Computed. The distance of each layer at each epoch to its final state, as in figure 6, by cosine and
Euclidean distance (relative to the norm of the final state, because layers differ in size).

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis import replicates
from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.lag import bottom_up
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import layer_curves, network_caption, panels
from isorep.paper.figures.fig6 import distances

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel

CONTROLS = {"cosine": "cosine", "euclidean": "Euclidean"}


# --- Computation ---------------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the distances over (network, epoch, layer); see `fig6.compute`.

    They include PWCCA, with which the claims compare the noise.
    """
    return distances(trained, corpora, ["pwcca", *CONTROLS], device)


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A8's claims."""
    return [
        *(
            Claim(
                "A8",
                f"Layers converge bottom-up by {title} distance too",
                f"{title} distance of a layer to its final state minus that of the layer below, "
                "mean over the epochs of training, as a share of the mean over layers",
                "difference",
                tuple(
                    contrast
                    for name, table in result.items()
                    for contrast in bottom_up(table, measure, name)
                ),
                "cosine and Euclidean distance also depend on the mean of each neuron over all "
                "tokens, which settles in a different order",
            )
            for measure, title in CONTROLS.items()
        ),
        *(
            Claim(
                "A8",
                f"{title} distance is noisier than PWCCA",
                "share of the movement from epoch to epoch that goes away from the final state, "
                f"mean over layers, by {title} distance minus by PWCCA",
                "difference",
                tuple(
                    replicates.contrast(name, backwards(table, measure) - backwards(table, "pwcca"))
                    for name, table in result.items()
                ),
                "a training this short, with one checkpoint an epoch, moves straight to the final "
                "state by any distance",
            )
            for measure, title in CONTROLS.items()
        ),
    ]


def backwards(table: xarray.Dataset, measure: str) -> NDArray[np.float64]:
    """Return the share of a curve's movement that goes up, mean over layers, (networks,).

    It is 0 if the distance only falls, and 0.5 if its last value equals its first.
    """
    moves = table[f"{measure}_distance"].transpose("network", "layer", "epoch").diff("epoch")
    share = moves.clip(min=0).sum("epoch") / abs(moves).sum("epoch")
    mean: NDArray[np.float64] = share.mean("layer").to_numpy()
    return mean


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a column for each model, and a row for each distance."""
    figure, axes = panels(list(result), rows=len(CONTROLS))
    for row, (measure, title) in zip(axes, CONTROLS.items(), strict=True):
        for ax, table in zip(row, result.values(), strict=True):
            layer_curves(ax, table[f"{measure}_distance"], legend=measure == "cosine")
            ax.set_ylim(bottom=0)
        row[0].set_ylabel(f"{title} distance\nto the final state")
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
    network_caption(figure, result, "Euclidean distance over the norm of the final state")
    return figure
