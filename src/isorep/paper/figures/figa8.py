"""Figure A8: figure 6 by cosine and Euclidean distance.

Set-up. The networks of figure 6.

Computed. The distance of each layer at each epoch to its final state, as in figure 6, by cosine and
Euclidean distance (relative to the norm of the final state, because layers differ in size).

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis import replicates
from isorep.paper.analysis.claims import MARGIN, Claim, Contrast
from isorep.paper.analysis.lag import bottom_up
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import layer_curves, network_caption, panels
from isorep.paper.figures.fig6 import LATENESS, SetUp, distances

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel

CONTROLS = {"cosine": "cosine", "euclidean": "Euclidean"}


# --- Computation ---------------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    setup: SetUp,
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the distances over (network, epoch, layer); see `fig6.compute`.

    They include PWCCA, with which the claims compare the noise.
    """
    return distances(trained, corpora, setup, ["pwcca", *CONTROLS], device)


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A8's claims."""
    return [
        *(
            Claim(
                "A8",
                f"{name}: early layers converge before later ones by {title} distance too",
                f"{LATENESS}; that of each layer of the upper half minus that of each layer of the "
                f"lower half, by {title} distance",
                "difference",
                bottom_up(table, measure),
                "cosine and Euclidean distance also depend on the mean of each neuron over all "
                "tokens, and that of the last layer settles early, with the frequencies of tokens",
            )
            for measure, title in CONTROLS.items()
            for name, table in result.items()
        ),
        *(
            Claim(
                "A8",
                f"{name}: {title} distance is noisier than PWCCA",
                "share of the movement from checkpoint to checkpoint that goes away from the final "
                f"state, mean over layers, by {title} distance minus by PWCCA",
                "difference",
                (_noise(table, measure, title),),
                "a training this short moves straight to the final state by any distance",
            )
            for measure, title in CONTROLS.items()
            for name, table in result.items()
        ),
    ]


def _noise(table: xarray.Dataset, measure: str, title: str) -> Contrast:
    shares = backwards(table, measure), backwards(table, "pwcca")
    noise = replicates.contrast(f"{title} - PWCCA", shares[0] - shares[1])
    return replace(noise, at_floor=max(share.mean() for share in shares) < MARGIN)


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
        row[0].set_ylim(bottom=0)  # of the whole row, so only after all its curves
        row[0].set_ylabel(f"{title} distance\nto the final state")
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
    network_caption(figure, result, "Euclidean distance over the norm of the final state")
    return figure
