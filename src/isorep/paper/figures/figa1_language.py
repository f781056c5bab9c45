"""Figure A1, language models: training curves of figure 1's networks.

Set-up. The networks of figure 1.

Computed. The perplexity on the evaluation text and on the beginning of the training text at each
epoch, both in evaluation mode.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.language_tables import describe
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.stability import LONG
from isorep.paper.analysis.subspaces import first_at_least
from isorep.paper.figures.drawing import curves, network_caption, panels
from isorep.paper.figures.fig1_language import LEARNED, share_learned
from isorep.paper.figures.fig6 import COUNTERPARTS

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.data.text import Corpus
    from isorep.paper.training.trained_language_model import TrainedLanguageModel

PUBLISHED = {
    "Penn Treebank, 3 layers": "0.50",
    "WikiText-2, 3 layers": "0.53",
    "WikiText-2, 5 layers": "0.53",
}
"""Remaining share of the training at the paper's t0: epoch 250 of 500, and 350 of 750."""

CURVES = {"train_perplexity": "training text", "valid_perplexity": "evaluation text"}


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the two perplexities over (network, epoch).

    The training has recorded them, so the texts and the device are not used.
    """
    import xarray

    return {
        name: xarray.Dataset(
            {
                curve: (
                    ("network", "epoch"),
                    np.array([getattr(network, curve) for network in networks]),
                )
                for curve in CURVES
            },
            coords={
                "network": [network.seed for network in networks],
                "epoch": list(networks[0].recipe.evaluated),
            },
            attrs=describe(networks[0]),
        )
        for name, networks in trained.items()
    }


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A1's claim; each network gives one value."""
    judged = []
    for name, table in result.items():
        epochs = table["epoch"].to_numpy()
        learned = [share_learned(curve) for curve in table["valid_perplexity"].to_numpy()]
        remaining = [1 - epochs[first_at_least(share, LEARNED)] / epochs[-1] for share in learned]
        judged.append(
            Claim(
                "A1",
                f"{name}: performance is almost final long before the end of training",
                f"remaining share of the training at the first epoch with {LEARNED:.0%} of the "
                "whole decrease of the evaluation text's log perplexity",
                "difference",
                (contrast("remaining share of training", remaining),),
                "the training is so short that it ends while the perplexity still falls",
                margin=LONG,
                paper=PUBLISHED.get(COUNTERPARTS.get(name, name), ""),
            )
        )
    return judged


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a panel for each model."""
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = panels(list(result))
    for ax, table in zip(axes[0], result.values(), strict=True):
        # The untrained network's perplexity is the size of the vocabulary.
        trained = table.isel(epoch=slice(1, None))
        curves(ax, trained["epoch"], {title: trained[curve] for curve, title in CURVES.items()})
        ax.set_yscale("log")
        # Four labels a decade: ten would overlap, and one is too few.
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 3, 5)), minor_locator=NullLocator())
        ax.yaxis.set_major_formatter("{x:.0f}")
        ax.set_xlabel("epoch")
    axes[0, 0].set_ylabel("perplexity")
    network_caption(figure, result)
    return figure
