"""Figure A1: training curves of figure 1's networks.

Set-up. Figure 1's image networks.

What is computed. Their loss and accuracy on training and test images, over training.

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.subspaces import first_at_least
from isorep.paper.data.image_data import ImageData
from isorep.paper.figures import fig1
from isorep.paper.figures.fig1 import CONVERGED, SETUPS, SetUp
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

__all__ = ["SETUPS", "Result", "SetUp", "claims", "compute", "draw", "facts", "rows"]

CURVES = {"train": "training images", "test": "test images"}


@dataclass(frozen=True, eq=False)
class Result:
    """Figure 1's networks."""

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]

    def curve(self, quantity: str) -> NDArray[np.float64]:
        """Return a quantity such as "test_loss", (networks, epochs)."""
        return np.array(
            [[getattr(epoch, quantity) for epoch in one.history] for one in self.trained.values()]
        )


def compute(setup: SetUp, run: Run) -> Result:
    """Train figure 1's networks."""
    data = run.images(setup.images, setup.seed)
    return Result(setup, data, run.networks(fig1.wanted(setup), data))


def claims(result: Result) -> list[Claim]:
    """Judge figure A1's claim; each network gives one value."""
    accuracy = result.curve("test_accuracy")
    left = [
        1 - first_at_least(curve, CONVERGED * curve.max()) / (len(curve) - 1) for curve in accuracy
    ]
    return [
        Claim(
            "A1",
            "Performance converges early in training",
            f"share of training left when accuracy on test images first reaches {CONVERGED:.0%} of "
            "its best",
            "difference",
            (contrast("share of training left", left),),
            "too short a training",
            margin=0.5,
        )
    ]


def draw(result: Result) -> Figure:
    """Draw accuracy and loss over epochs."""
    from matplotlib.figure import Figure

    from isorep.paper.analysis.curves import curves

    figure = Figure(figsize=(9.5, 4.1), layout="constrained")
    for ax, quantity in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        found = {words: result.curve(f"{name}_{quantity}") for name, words in CURVES.items()}
        if quantity == "loss":  # of a logarithm, mean and standard deviation have a meaning
            found = {words: np.log10(curve) for words, curve in found.items()}
        epochs = np.arange(next(iter(found.values())).shape[1])
        curves(ax, epochs, found, legend=quantity == "accuracy")
        ax.set(xlabel="epoch", ylabel="log10 of the loss" if quantity == "loss" else quantity)
        ax.grid(axis="y", color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if quantity == "accuracy":
            ax.set_ylim(0, 1)
    figure.supxlabel(
        f"{result.data.name}; mean and standard deviation over {result.setup.networks} networks",
        fontsize="small",
    )
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Give a row for each network and epoch."""
    for name, one in result.trained.items():
        for epoch, numbers in enumerate(one.history):
            yield {"network": name, "epoch": epoch, **numbers._asdict()}


def facts(result: Result) -> dict[str, Any]:
    """Say what was trained on what, and how far it came."""
    return {
        "data": result.data.name,
        "train_images": len(result.data.train_images),
        "test_images": len(result.data.test_images),
        "networks": {name: one.facts() for name, one in result.trained.items()},
    }
