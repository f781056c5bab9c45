"""Figure 3: networks that generalize are more alike than networks that memorize.

Set-up. Some networks learn the true labels, and as many learn one fixed random labelling of the
same images, all to near-zero training loss. Apart from that, they differ only in their seeds.

Computed. The PWCCA distance between every ordered pair of networks at every layer, on the training
images, with each filter averaged over its positions: within the generalizing networks, within the
memorizing networks, and between the groups ("inter"). The paper's caption says that directions of
low variance were dropped first; this is done in the table beside the figure.

Claims. See `claims`. Figures A5 and A9 compare the same networks by other measures, figure A10 on
test images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import isorep
from isorep._utils.parallel import one_thread
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.control import Control
from isorep.paper.analysis.distances import Distances, all_pairs
from isorep.paper.analysis.group_contrasts import INTER, TITLES, gap, level
from isorep.paper.analysis.thresholding import LEAST, thresholded
from isorep.paper.data.image_data import ImageData
from isorep.paper.data.images import ImageSource
from isorep.paper.training.recipe import (
    PAPER_CONVNET,
    PAPER_RECIPE,
    ConvNetPlan,
    Recipe,
    Wanted,
    network_seed,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

GENERALIZING, MEMORIZING = "generalizing", "memorizing"
MOST_NETWORKS = 10
"""With more networks, the exact tests (C(2n, n) permutations) would take longer than training."""


PUBLISHED = {
    GENERALIZING: (0.06, 0.13, 0.28, 0.36, 0.45, 0.42, 0.42, 0.00),
    MEMORIZING: (0.06, 0.15, 0.34, 0.49, 0.60, 0.61, 0.61, 0.00),
    INTER: (0.06, 0.14, 0.34, 0.47, 0.59, 0.61, 0.63, 0.36),
}
"""Mean distances in the paper's figure, read off, at its layers `PUBLISHED_AT` and the softmax."""

PUBLISHED_AT = (1, 3, 5, 7, 8, 9, 10)
"""Convolutions of `PUBLISHED`, of the paper's eleven."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The networks, and the images to compare them on.

    Attributes
    ----------
    networks : int
        Number of networks on each labelling.
    seed : int
        Random seed of the split, the random labelling and every network.
    images, plan, recipe
        Images, architecture and training.
    compared : int
        Largest number of images to compare on.
    """

    networks: int = 5
    seed: int = 0
    images: ImageSource = field(default_factory=ImageSource)
    plan: ConvNetPlan = field(default_factory=ConvNetPlan)
    recipe: Recipe = field(default_factory=Recipe)
    compared: int = 50_000

    def __post_init__(self) -> None:
        if not 2 <= self.networks <= MOST_NETWORKS:
            raise ValueError(
                f"networks must be from 2 to {MOST_NETWORKS}, got {self.networks}. One network "
                f"has no pair, and with more than {MOST_NETWORKS} the exact tests take too long"
            )
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if len(self.plan.widths) < 3:
            raise ValueError(
                f"plan must have at least 3 convolutions, so that early and late layers differ; "
                f"got {len(self.plan.widths)}"
            )


SETUPS = {
    "laptop": SetUp(
        images=ImageSource("mnist1d", n_train=4_000, n_test=2_000, classes=2),
        plan=ConvNetPlan(
            widths=(32, 32, 32, 32, 64, 64, 128, 256), strides=(1, 2, 1, 2, 1, 2, 1, 1), axes=1
        ),
        recipe=Recipe(batch_size=64, target_loss=0.05),
    ),
    "digits": SetUp(),
    "small": SetUp(
        images=ImageSource("cifar10", n_train=3_000, n_test=2_000),
        plan=ConvNetPlan(
            widths=(16, 16, 32, 32, 64, 64, 128, 256), strides=(2, 1, 2, 1, 2, 1, 2, 1)
        ),
        recipe=Recipe(target_loss=0.05, max_epochs=60),
    ),
    "paper": SetUp(
        images=ImageSource("cifar10", n_train=50_000), plan=PAPER_CONVNET, recipe=PAPER_RECIPE
    ),
}


# --- Computation ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a run.

    Attributes
    ----------
    setup : SetUp
    data : ImageData
        Training and test images.
    trained : dict of name to Trained
        The networks; the generalizing ones come first.
    distances : Distances
        Distances between all networks.
    shown : {"training", "test"}
        Images that the networks were compared on.
    without_low_variance : Distances or None
        Distances without the directions of low variance; only figure 3 itself has them.
    """

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]
    distances: Distances
    shown: Literal["training", "test"] = "training"
    without_low_variance: Distances | None = None


def compute(setup: SetUp, run: Run) -> Result:
    """Train both groups of networks and compare them."""
    return compare(setup, run, ["pwcca"], thresholding=True)


def wanted(setup: SetUp) -> dict[str, Wanted]:
    """Return the networks to train: the generalizing ones, then the memorizing ones."""
    labellings: tuple[Literal["true", "random"], ...] = ("true", "random")
    return {
        f"{group}-{i + 1}": Wanted(
            setup.plan, setup.recipe, network_seed(setup.seed, number, i), labels
        )
        for number, (group, labels) in enumerate(
            zip((GENERALIZING, MEMORIZING), labellings, strict=True)
        )
        for i in range(setup.networks)
    }


def compare(
    setup: SetUp,
    run: Run,
    measures: Sequence[str],
    *,
    shown: Literal["training", "test"] = "training",
    across: bool = False,
    thresholding: bool = False,
) -> Result:
    """Compare every layer of every pair of networks.

    Parameters
    ----------
    setup : SetUp
    run : Run
    measures : sequence of str
        Names in `isorep.MEASURES`.
    shown : {"training", "test"}
        Images to compare on.
    across : bool
        Also compare the layer before the last two convolutions with the last convolution.
    thresholding : bool
        Also compare without the directions of low variance.
    """
    data = run.images(setup.images, setup.seed)
    trained = run.networks(wanted(setup), data)
    return measure(
        setup, run, data, trained, measures, shown=shown, across=across, thresholding=thresholding
    )


def measure(
    setup: SetUp,
    run: Run,
    data: ImageData,
    trained: Mapping[str, Trained],
    measures: Sequence[str],
    *,
    shown: Literal["training", "test"] = "training",
    across: bool = False,
    thresholding: bool = False,
) -> Result:
    """Compare trained networks; see `compare`."""
    images = data.train_images if shown == "training" else data.test_images
    captured = run.capture(
        {name: network.network for name, network in trained.items()}, images[: setup.compared]
    )
    with one_thread(), run.console.status("comparing every layer of every pair of networks"):
        distances = all_pairs(
            captured,
            (GENERALIZING, MEMORIZING),
            measures=measures,
            across=[last_two(tuple(next(iter(captured.values()))))] if across else (),
        )
        dropped = None
        if thresholding:
            leading = {
                name: {layer: thresholded(array) for layer, array in layers.items()}
                for name, layers in captured.items()
            }
            dropped = all_pairs(leading, (GENERALIZING, MEMORIZING), measures=measures)
    return Result(setup, data, trained, distances, shown, dropped)


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Result) -> list[Claim]:
    """Judge figure 3's claims.

    Early and late layers are the first and the last quarter of the convolutions.
    """
    distances = result.distances
    output = distances.layers[-1]
    early, late = early_and_late(distances.layers)

    def gaps(
        layers: Sequence[str], *pairs: tuple[str, str], equality: bool = False
    ) -> tuple[Contrast, ...]:
        return tuple(
            gap(distances, "pwcca", layer, minuend, subtrahend, two_sided=equality)
            for layer in layers
            for minuend, subtrahend in pairs
        )

    return [
        Claim(
            "3",
            f"Early layers ({span(early)}): distances are equal within generalizing networks, "
            "within memorizing networks and between the groups",
            "differences between the three groups' mean PWCCA distances, layer by layer",
            "equality",
            gaps(
                early,
                (MEMORIZING, GENERALIZING),
                (INTER, GENERALIZING),
                (INTER, MEMORIZING),
                equality=True,
            ),
            "the images are small: a filter of the second layer already sees 5 x 5 pixels, and the "
            "layers where the labels make no difference are fewer than in the paper's network",
            paper="0.02",
        ),
        Claim(
            "3",
            f"Late layers ({span(late)}): generalizing networks are far more similar to each "
            "other than memorizing networks are",
            "mean PWCCA distance within memorizing minus within generalizing, layer by layer",
            "difference",
            gaps(late, (MEMORIZING, GENERALIZING)),
            paper="0.19",
        ),
        Claim(
            "3",
            f"Late layers ({span(late)}): memorizing networks are as far from each other as from "
            "generalizing ones",
            "mean PWCCA distance between the groups minus within memorizing, layer by layer",
            "equality",
            gaps(late, (INTER, MEMORIZING), equality=True),
            "with so few samples, the last layers of all memorizing networks encode the same "
            "random labelling, which the generalizing networks have not learned",
            paper="0.02",
        ),
        Claim(
            "3",
            "Softmax: networks within each group are nearly identical",
            f"mean PWCCA distance within each group at {output}",
            "equality",
            tuple(level(distances, "pwcca", output, group) for group in distances.groups),
            paper="0.00",
        ),
    ]


def controls(result: Result) -> list[Control]:
    """Judge the claims again without the directions of low variance."""
    if result.without_low_variance is None:
        return []
    dropped = replace(result, distances=result.without_low_variance)
    return [
        Control.of_claims(
            "The same claims with directions of low variance dropped first (less than "
            f"{LEAST:.0%} of the largest variance)",
            claims(dropped),
        )
    ]


def early_and_late(layers: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of the first and the last quarter of the convolutions."""
    convolutions = layers[:-1]
    quarter = max(1, len(convolutions) // 4)
    return convolutions[:quarter], convolutions[-quarter:]


def last_two(layers: Sequence[str]) -> tuple[str, str]:
    """Return the names of the layer before the last two convolutions, and of the last one."""
    return layers[-4], layers[-2]  # the softmax is layers[-1]


def span(layers: Sequence[str]) -> str:
    """Return the names of layers as text."""
    return ", ".join(layers)


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw the mean distance of each group at each layer, a panel for each measure."""
    from matplotlib.figure import Figure

    distances = result.distances
    n, measures = distances.group_size, distances.measures
    figure = Figure(figsize=(max(3.5 * len(measures), 6.5), 4.1), layout="constrained")
    bounded = "euclidean" not in measures
    panels = figure.subplots(1, len(measures), sharey=bounded, squeeze=False)[0]
    for ax, name in zip(panels, measures, strict=True):
        isorep.plot.groups(distances.pairs(name), distances.layers, name, ax=ax)
        if name == "pwcca" and result.shown == "training":
            _published(ax, len(distances.layers))
        ax.set_title(TITLES[name])
        first = ax is panels[0]
        ax.set(xlabel="", ylabel="distance, 0 is the same" if first or not bounded else "")
        if not first:
            ax.get_legend().remove()
    figure.suptitle(
        f"{n} networks trained on the true labels and {n} on one random labelling of "
        f"{len(result.data.train_images):,} samples",
        fontsize="large" if len(measures) > 2 else "medium",
    )
    figure.supxlabel(
        f"{result.data.name}, {result.shown} data; inter: one network of each group"
        + ("; " if len(measures) > 2 else "\n")
        + "lines: mean over ordered pairs of networks, bands: one standard deviation",
        fontsize="small",
    )
    return figure


def _published(ax: Axes, n_layers: int) -> None:
    """Draw the paper's own means faintly, at the same relative depth."""
    convolutions = n_layers - 1
    depth = (np.array(PUBLISHED_AT) - 1) / (len(PAPER_CONVNET.widths) - 1) * (convolutions - 1)
    for line, means in zip(list(ax.lines), PUBLISHED.values(), strict=True):
        ax.plot(
            [*depth, convolutions], means, ":", color=line.get_color(), alpha=0.6, linewidth=1.2
        )
    ax.plot([], [], ":", color="0.5", linewidth=1.2, label="in the paper")
    ax.legend(frameon=False)


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each layer, measure and ordered pair of networks."""
    distances = result.distances
    for layer in distances.layers:
        for name in distances.measures:
            for (i, j), value in np.ndenumerate(distances.at(name, layer)):
                if i != j:
                    yield {
                        "layer": layer,
                        "measure": name,
                        "group": distances.group_of(i, j),
                        "x": distances.networks[i],
                        "y": distances.networks[j],
                        "distance": float(value),
                    }


def facts(result: Result) -> dict[str, Any]:
    """Return the data and the trained networks."""
    return {
        **result.data.facts(),
        "compared_on": f"{result.shown} data",
        "networks": {name: network.facts() for name, network in result.trained.items()},
        "mean_distances": means(result.distances),
    }


def means(distances: Distances) -> dict[str, Any]:
    """Return mean and standard deviation over pairs, by measure, group and layer."""
    return {
        name: {
            group: {
                layer: {"mean": float(mean), "std": float(std), "ordered_pairs": len(values)}
                for layer, mean, std in zip(
                    distances.layers, values.mean(axis=0), values.std(axis=0), strict=True
                )
            }
            for group, values in distances.pairs(name).items()
        }
        for name in distances.measures
    }
