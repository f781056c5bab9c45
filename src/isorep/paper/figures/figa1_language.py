"""Figure A1, language models: how well figure 1's networks do over training.

Set-up. The networks of figure 1.

What is computed. The perplexity on the evaluation text and on the beginning of the training text at
the end of each epoch, both in evaluation mode.

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.common_convergence import describe
from isorep.paper.analysis.subspaces import first_at_least
from isorep.paper.figures.fig1_language import LEARNED, SETUPS, SetUp, way_down
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.data.text import Corpus
    from isorep.paper.models.language_model import TrainedLanguageModel

__all__ = ["SETUPS", "SetUp", "claims", "compute", "draw"]

CURVES = {"train_perplexity": "training text", "valid_perplexity": "evaluation text"}


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the two perplexities over (network, epoch).

    They were noted in training: neither the texts nor a device is needed again.
    """
    import xarray

    return {
        name: xarray.Dataset(
            {
                curve: (("network", "epoch"), np.array([getattr(one, curve) for one in networks]))
                for curve in CURVES
            },
            coords={
                "network": [one.seed for one in networks],
                "epoch": np.arange(networks[0].recipe.epochs + 1),
            },
            attrs=describe(networks[0]),
        )
        for name, networks in trained.items()
    }


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A1's claim; each network gives one value."""
    judged = []
    for name, table in result.items():
        ways = [way_down(curve) for curve in table["valid_perplexity"].to_numpy()]
        left = [1 - first_at_least(way, LEARNED) / (len(way) - 1) for way in ways]
        judged.append(
            Claim(
                "A1",
                f"{name}: performance converges early in training",
                f"share of training left when the log perplexity of the evaluation text first has "
                f"{LEARNED:.0%} of its way down behind it",
                "difference",
                (contrast(f"{name}: share of training left", left),),
                "training this short ends while the perplexity still falls",
                margin=0.5,
            )
        )
    return judged


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a panel for each model."""
    from matplotlib.ticker import LogLocator, NullLocator

    from isorep.paper.analysis.curves import caption, curves, panels

    figure, axes = panels(list(result))
    for ax, table in zip(axes[0], result.values(), strict=True):
        # The untrained network's perplexity, the size of the vocabulary, would flatten the rest.
        seen = table.isel(epoch=slice(1, None))
        curves(ax, seen["epoch"], {title: seen[curve] for curve, title in CURVES.items()})
        ax.set_yscale("log")
        # Every tick of a decade would be too many to label, and a power of ten alone too few.
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 3, 5)), minor_locator=NullLocator())
        ax.yaxis.set_major_formatter("{x:.0f}")
        ax.set_xlabel("epoch")
    axes[0, 0].set_ylabel("perplexity")
    some = next(iter(result.values()))
    caption(
        figure,
        f"mean and standard deviation over {some.sizes['network']} networks",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure
