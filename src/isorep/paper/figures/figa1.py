"""Figure A1: training curves of figure 1's networks.

Set-up. Figure 1's image networks.

Computed. The loss and the accuracy on training and test images at each epoch.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.stability import LONG
from isorep.paper.analysis.subspaces import first_at_least
from isorep.paper.data.image_data import ImageData
from isorep.paper.figures import fig1
from isorep.paper.figures.drawing import curves, tidy
from isorep.paper.figures.fig1 import CONVERGED, SetUp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

CURVES = {"train": "training data", "test": "test data"}


@dataclass(frozen=True, eq=False)
class Result:
    """Figure 1's networks."""

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]

    def curve(self, quantity: str) -> NDArray[np.float64]:
        """Return the values of a quantity such as "test_loss", (networks, epochs)."""
        return np.array(
            [
                [getattr(epoch, quantity) for epoch in network.history]
                for network in self.trained.values()
            ]
        )


def compute(setup: SetUp, run: Run) -> Result:
    """Train figure 1's networks."""
    data = run.images(setup.images, setup.seed)
    return Result(setup, data, run.networks(fig1.wanted(setup), data))


def claims(result: Result) -> list[Claim]:
    """Judge figure A1's claim; each network gives one value."""
    accuracy = result.curve("test_accuracy")
    remaining = [
        1 - first_at_least(curve, CONVERGED * curve.max()) / (len(curve) - 1) for curve in accuracy
    ]
    return [
        Claim(
            "A1",
            "Performance is almost final long before the end of training",
            "remaining share of the training when accuracy on test data first reaches "
            f"{CONVERGED:.0%} of its best",
            "difference",
            (contrast("remaining share of training", remaining),),
            "the training is too short",
            margin=LONG,
            paper="0.44",
        )
    ]


def draw(result: Result) -> Figure:
    """Draw accuracy and loss over epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.1), layout="constrained")
    for ax, quantity in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        values = {words: result.curve(f"{name}_{quantity}") for name, words in CURVES.items()}
        if quantity == "loss":  # mean and standard deviation are meaningful for the logarithm
            values = {words: np.log10(curve) for words, curve in values.items()}
        epochs = np.arange(next(iter(values.values())).shape[1])
        curves(ax, epochs, values, legend=quantity == "accuracy")
        ax.set(xlabel="epoch", ylabel="log10 of the loss" if quantity == "loss" else quantity)
        tidy(ax)
        if quantity == "accuracy":
            ax.set_ylim(0, 1)
    figure.supxlabel(
        f"{result.data.name}; mean and standard deviation over {result.setup.networks} networks",
        fontsize="small",
    )
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each network and epoch."""
    for name, network in result.trained.items():
        for epoch, numbers in enumerate(network.history):
            yield {"network": name, "epoch": epoch, **numbers._asdict()}


def facts(result: Result) -> dict[str, Any]:
    """Return the data and the trained networks."""
    return {
        **result.data.facts(),
        "networks": {name: network.facts() for name, network in result.trained.items()},
    }
