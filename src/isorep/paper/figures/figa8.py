"""Figure A8: figure 6 by cosine and Euclidean distance.

Set-up. The networks of figure 6.

What is computed. The distance of each layer at each epoch to its final state, as in figure 6, by
cosine and by Euclidean distance (over the norm of the final state, since layers differ in size).

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.common_convergence import bottom_up, by_model
from isorep.paper.data.text import Corpus
from isorep.paper.figures.fig6 import SETUPS, SetUp
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.models.language_model import TrainedLanguageModel

__all__ = ["SETUPS", "SetUp", "claims", "compute", "draw"]

CONTROLS = {"cosine": "cosine", "euclidean": "Euclidean"}


# --- What is computed ----------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the distances over (network, epoch, layer); see `fig6.compute`.

    PWCCA is there too, for what "noisier" is relative to.
    """
    return by_model(trained, corpora, ["pwcca", *CONTROLS], device=device)


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A8's claims."""
    return [
        *(
            Claim(
                "A8",
                f"By {title} distance too, layers converge bottom-up",
                f"{title} distance of a layer to its final state minus that of the layer below, "
                "mean over the epochs of training, as a part of the mean over layers",
                "difference",
                tuple(
                    found
                    for name, table in result.items()
                    for found in bottom_up(table, measure, name)
                ),
                "cosine and Euclidean distance also see what is common to all tokens, the mean of "
                "each neuron, which settles in an order of its own",
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
                    contrast(name, backwards(table, measure) - backwards(table, "pwcca"))
                    for name, table in result.items()
                ),
                "a training this short, with one checkpoint an epoch, goes straight to its end by "
                "any distance",
            )
            for measure, title in CONTROLS.items()
        ),
    ]


def backwards(table: xarray.Dataset, measure: str) -> NDArray[np.float64]:
    """Return the share of a curve's ups and downs that are ups, mean over layers, (networks,).

    0 for a distance that only falls, 0.5 for one that ends where it began.
    """
    moves = table[f"{measure}_distance"].transpose("network", "layer", "epoch").diff("epoch")
    share = moves.clip(min=0).sum("epoch") / abs(moves).sum("epoch")
    found: NDArray[np.float64] = share.mean("layer").to_numpy()
    return found


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a column for each model, and a row for each distance."""
    from isorep.paper.analysis.curves import caption, layer_curves, panels

    figure, axes = panels(list(result), rows=len(CONTROLS))
    for row, (measure, title) in zip(axes, CONTROLS.items(), strict=True):
        for ax, table in zip(row, result.values(), strict=True):
            layer_curves(ax, table[f"{measure}_distance"], legend=measure == "cosine")
            ax.set_ylim(bottom=0)
        row[0].set_ylabel(f"{title} distance\nto the final state")
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
    some = next(iter(result.values()))
    caption(
        figure,
        f"mean and standard deviation over {some.sizes['network']} networks",
        "Euclidean distance over the norm of the final state",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure
