"""Figure 1, image networks (1a, d): part of a representation settles, part of it is noise.

Set-up. One layer of networks that are trained far beyond the epoch at which their performance has
converged.

Computed. The sorted canonical correlations of the layer at each epoch with its final state (1a).
Of the layer's canonical variates at an early epoch with the layer at half time, the most correlated
(S) and the least correlated (B) form two representations. Their mean CCA distances to the layer at
every later epoch (1d). S and B are chosen on one half of the images and compared on the other.

Claims. See `claims`. Figure A1 shows the training curves of the same networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep._utils.parallel import one_thread
from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.stability import MANY, SETTLED, stability_claims
from isorep.paper.analysis.subspaces import coefficients, drift, first_at_least, halves, split
from isorep.paper.data.image_data import ImageData
from isorep.paper.data.images import ImageSource
from isorep.paper.figures.drawing import curves, letter, tidy
from isorep.paper.training.recipe import (
    SMALL_CONVNET,
    ConvNetPlan,
    Recipe,
    ResNetPlan,
    Wanted,
    network_seed,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

Floats = NDArray[np.float64]

CONVERGED = 0.98
"""Share of the best test accuracy from which performance counts as converged."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The networks, and the epochs of the subspaces.

    Attributes
    ----------
    networks : int
        Number of networks; the paper has one.
    layer : str
        Name of the layer.
    epochs : tuple of int
        Epochs at which the layer is captured, from the first to the last. Half time is the first
        that is at least half of the last.
    early : int
        The early epoch, one of `epochs`.
    variates : int
        Number of directions in each of S and B; the paper has 100.
    images, plan, recipe
        Images, architecture and training.
    compared : int
        Largest number of training images to compare on.
    seed : int
        Random seed.
    """

    networks: int = 5
    layer: str = "conv6"
    epochs: tuple[int, ...] = (0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 20, 24, 28, 32, 36, 40)
    early: int = 2
    variates: int = 16
    images: ImageSource = field(default_factory=ImageSource)
    plan: ConvNetPlan | ResNetPlan = field(default_factory=ConvNetPlan)
    recipe: Recipe = field(default_factory=lambda: Recipe(target_loss=0.0, max_epochs=40))
    compared: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs[-1] != self.recipe.max_epochs or list(self.epochs) != sorted(self.epochs):
            raise ValueError(
                f"epochs must ascend to the last epoch of the training, {self.recipe.max_epochs}; "
                f"got {self.epochs}"
            )
        if self.early not in self.epochs or not 0 < self.early < self.half:
            raise ValueError(f"early must be one of the epochs before half time, got {self.early}")

    @property
    def half(self) -> int:
        """Epoch of half time."""
        return next(epoch for epoch in self.epochs if epoch >= self.epochs[-1] / 2)


SETUPS = {
    "laptop": SetUp(
        early=3,
        variates=8,
        images=ImageSource("mnist1d", n_train=4_000, n_test=2_000),
        plan=ConvNetPlan(widths=(16, 16, 32, 32, 64, 64), strides=(1, 2, 1, 2, 1, 1), axes=1),
        recipe=Recipe(batch_size=64, target_loss=0.0, max_epochs=40),
    ),
    "digits": SetUp(),
    "small": SetUp(
        layer="conv8",
        images=ImageSource("cifar10", n_train=3_000, n_test=2_000),
        plan=SMALL_CONVNET,
        variates=20,
    ),
    # 80,000 steps with batches of 128 are 205 epochs. The paper states neither the residual network
    # nor other details of its training.
    "paper": SetUp(
        networks=1,
        layer="block15",
        epochs=(0, 1, 2, 5, 10, *range(15, 206, 10)),
        early=5,
        variates=32,
        images=ImageSource("cifar10", n_train=50_000),
        plan=ResNetPlan(),
        recipe=Recipe(target_loss=0.0, max_epochs=205, batch_size=128),
    ),
}


# --- Computation ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a run, over networks and epochs.

    Attributes
    ----------
    setup : SetUp
    data : ImageData
        Training and test images.
    trained : dict of name to Trained
        The networks.
    correlations : (networks, epochs, directions) array
        Canonical correlations with the final state, descending.
    stable, unstable : (networks, epochs) arrays
        Mean CCA distance of S and of B to the layer; NaN before the early epoch.
    """

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]
    correlations: Floats
    stable: Floats
    unstable: Floats


def wanted(setup: SetUp) -> dict[str, Wanted]:
    """Return the networks to train."""
    return {
        f"network-{i + 1}": Wanted(
            setup.plan,
            setup.recipe,
            network_seed(setup.seed, 1, i),
            keep=setup.epochs,
        )
        for i in range(setup.networks)
    }


def compute(setup: SetUp, run: Run) -> Result:
    """Train the networks, and compare the layer at all epochs."""
    data = run.images(setup.images, setup.seed)
    trained = run.networks(wanted(setup), data)
    correlations, distances = [], []
    for network in trained.values():
        states = states_of(setup, run, data, network)
        with one_thread(), run.console.status("comparing epochs"):
            chosen, judged = halves(states)
            parts = split(
                chosen, setup.layer, setup.early, setup.half, setup.variates, judged=judged
            )
            later = {epoch: state for epoch, state in judged.items() if epoch >= setup.early}
            earlier = np.full(len(states) - len(later), np.nan)
            correlations.append(coefficients(states, setup.layer))
            distances.append(
                [np.concatenate([earlier, drift(part, later, setup.layer)]) for part in parts]
            )
    # The final states of the networks can differ in rank.
    directions = max(table.shape[1] for table in correlations)
    padded = [
        np.pad(table, ((0, 0), (0, directions - table.shape[1])), constant_values=np.nan)
        for table in correlations
    ]
    stable, unstable = np.array(distances).transpose(1, 0, 2)
    return Result(setup, data, trained, np.array(padded), stable, unstable)


def states_of(
    setup: SetUp, run: Run, data: ImageData, network: Trained
) -> dict[int, Mapping[str, Any]]:
    """Capture the layer of a network at every epoch."""
    networks = {str(epoch): network.at(epoch) for epoch in setup.epochs}
    captured = run.capture(networks, data.train_images[: setup.compared], [setup.layer])
    return {int(epoch): layers for epoch, layers in captured.items()}


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Result) -> list[Claim]:
    """Judge figure 1's claims; each network gives one value."""
    setup = result.setup
    epochs = np.array(setup.epochs)
    unsettled = []
    for network, table in zip(result.trained.values(), result.correlations, strict=True):
        accuracy = np.array([epoch.test_accuracy for epoch in network.history])
        converged = first_at_least(accuracy, CONVERGED * accuracy.max())
        row = table[int(np.searchsorted(epochs, converged))]
        unsettled.append(float(np.mean(row[~np.isnan(row)] < SETTLED)))
    return [
        Claim(
            "1a",
            "Performance reaches its final level when many coefficients have not",
            f"share of canonical correlations with the final state under {SETTLED:g} when accuracy "
            f"on test data first reaches {CONVERGED:.0%} of its best",
            "difference",
            (contrast("share of coefficients that have not settled", unsettled),),
            margin=MANY,
        ),
        *stability_claims(
            "1d", "", epochs, setup.early, setup.half, result.stable, result.unstable
        ),
    ]


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw the coefficients (a), and the subspaces (d)."""
    from matplotlib.figure import Figure

    setup = result.setup
    figure = Figure(figsize=(10.5, 4.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    mean = np.nanmean(result.correlations, axis=0)
    isorep.plot.spectrum(dict(zip(setup.epochs, mean, strict=True)), title="epoch", ax=left)
    left.set(
        xlabel=f"direction of {setup.layer}, sorted",
        ylabel="canonical correlation with the final state",
    )
    later = np.array(setup.epochs) >= setup.early
    curves(
        right,
        np.array(setup.epochs)[later],
        {
            f"S, {setup.variates} most correlated": result.stable[:, later],
            f"B, {setup.variates} least correlated": result.unstable[:, later],
        },
    )
    right.axvline(setup.half, color="0.7", linestyle=":", linewidth=1, zorder=0)
    right.set(
        xlabel=f"epoch (S and B: epoch {setup.early}; dotted: half time)",
        ylabel=f"mean CCA distance to {setup.layer}",
        ylim=(0, 1),
    )
    tidy(right)
    letter(left, "a")
    letter(right, "d")
    figure.supxlabel(
        f"{result.data.name}, training data; mean over {setup.networks} networks",
        fontsize="small",
    )
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each network, epoch and number: a correlation, or a distance of S or B."""
    for name, table, stable, unstable in zip(
        result.trained, result.correlations, result.stable, result.unstable, strict=True
    ):
        for row, epoch in enumerate(result.setup.epochs):
            numbers = [("correlation", i + 1, value) for i, value in enumerate(table[row])]
            numbers += [("S distance", 0, stable[row]), ("B distance", 0, unstable[row])]
            for quantity, direction, value in numbers:
                if not np.isnan(value):
                    yield {
                        "network": name,
                        "epoch": epoch,
                        "quantity": quantity,
                        "direction": direction or "",
                        "value": float(value),
                    }


def facts(result: Result) -> dict[str, Any]:
    """Return the data and the trained networks."""
    return {
        **result.data.facts(),
        "half_time": result.setup.half,
        "networks": {name: network.facts() for name, network in result.trained.items()},
    }
