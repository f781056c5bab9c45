"""Figure A1, language models: how well figure 1's networks do over training.

Set-up. The networks of figure 1.

What is computed. The perplexity on the evaluation text and on the beginning of the training text at
the end of each epoch, both in evaluation mode.

What is claimed. Nothing; the curves go with figure 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isorep.paper.convergence import describe

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.language_model import TrainedLanguageModel

CURVES = {"train_perplexity": "training text", "valid_perplexity": "evaluation text"}


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the two perplexities over (network, epoch)."""
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


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a panel for each model."""
    from isorep.paper.curves import caption, curves, panels

    figure, axes = panels(list(result))
    for ax, table in zip(axes[0], result.values(), strict=True):
        # The untrained network's perplexity, the size of the vocabulary, would flatten the rest.
        seen = table.isel(epoch=slice(1, None))
        curves(ax, seen["epoch"], {title: seen[curve] for curve, title in CURVES.items()})
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:.0f}")
        ax.yaxis.set_minor_formatter("{x:.0f}")
        ax.set_xlabel("epoch")
    axes[0, 0].set_ylabel("perplexity")
    some = next(iter(result.values()))
    caption(
        figure,
        f"mean and standard deviation over {some.sizes['network']} networks",
        *dict.fromkeys(table.attrs["note"] for table in result.values()),
    )
    return figure
