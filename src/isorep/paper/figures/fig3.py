"""Figure 3: networks that generalize are more alike than networks that memorize.

Set-up. Some networks learn the true labels and as many learn one fixed random labelling of the same
images, all to near-zero training loss. They differ in nothing else but their seeds.

What is computed. The PWCCA distance between every ordered pair of networks at every layer, on the
training images, each filter averaged over its positions: within the generalizing networks, within
the memorizing ones, and between ("inter").

What is claimed. See `claims`. Figures A5 and A9 look at the same networks by other measures, figure
A10 on test images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from isorep._utils.parallel import one_thread
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.contrasts import INTER, TITLES, gap
from isorep.paper.analysis.distances import Distances, all_pairs
from isorep.paper.data.image_data import ImageData
from isorep.paper.data.images import ImageSource
from isorep.paper.training.recipe import (
    PAPER_CONVNET,
    PAPER_RECIPE,
    SMALL_CONVNET,
    ConvNetPlan,
    Recipe,
    Wanted,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

GENERALIZING, MEMORIZING = "generalizing", "memorizing"
MOST_NETWORKS = 10
"""Past this the exact tests, C(2n, n) assignments of labels each, would outlast the training."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """What is trained and compared.

    Attributes
    ----------
    networks : int
        How many on each labelling.
    seed : int
        Of the split, the random labelling and every network.
    images : ImageSource
        What they learn.
    plan : ConvNetPlan
        Their layers.
    recipe : Recipe
        How they are trained.
    compared : int
        Images to compare on, at most.
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
                f"networks must be from 2 to {MOST_NETWORKS}, got {self.networks}: one network "
                "makes no pair, and for more the exact tests take too long"
            )
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if len(self.plan.widths) < 3:
            raise ValueError(
                f"at least 3 convolutions are needed to tell early from late layers, got "
                f"{len(self.plan.widths)}"
            )


SETUPS = {
    "laptop": SetUp(),
    "small": SetUp(
        images=ImageSource("cifar10", n_train=3_000, n_test=2_000),
        plan=SMALL_CONVNET,
        recipe=Recipe(target_loss=0.02, max_epochs=60),
    ),
    "paper": SetUp(
        images=ImageSource("cifar10", n_train=50_000), plan=PAPER_CONVNET, recipe=PAPER_RECIPE
    ),
}


# --- What is computed ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Result:
    """What a run found.

    Attributes
    ----------
    setup : SetUp
    data : ImageData
        What the networks were trained on.
    trained : dict of name to Trained
        The generalizing networks come first.
    distances : Distances
        Between all of them.
    shown : {"training", "test"}
        Which images they were compared on.
    """

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]
    distances: Distances
    shown: Literal["training", "test"] = "training"


def compute(setup: SetUp, run: Run) -> Result:
    """Train both groups and compare them."""
    return compare(setup, run, ["pwcca"])


def wanted(setup: SetUp) -> dict[str, Wanted]:
    """Say which networks to train: the generalizing ones, then the memorizing ones."""
    found = {}
    labellings: tuple[Literal["true", "random"], ...] = ("true", "random")
    for number, (group, labels) in enumerate(
        zip((GENERALIZING, MEMORIZING), labellings, strict=True)
    ):
        for i in range(setup.networks):
            seed = int(np.random.SeedSequence([setup.seed, number, i]).generate_state(1)[0])
            found[f"{group}-{i + 1}"] = Wanted(setup.plan, setup.recipe, seed, labels)
    return found


def compare(
    setup: SetUp,
    run: Run,
    measures: Sequence[str],
    *,
    shown: Literal["training", "test"] = "training",
    across: bool = False,
) -> Result:
    """Compare every layer of every pair of networks.

    Parameters
    ----------
    setup : SetUp
    run : Run
    measures : sequence of str
        Names in `isorep.MEASURES`.
    shown : {"training", "test"}
        Which images to compare on.
    across : bool
        Compare the layer before the last two convolutions with the last of them, too.
    """
    data = run.images(setup.images, setup.seed)
    trained = run.networks(wanted(setup), data)
    return measure(setup, run, data, trained, measures, shown=shown, across=across)


def measure(
    setup: SetUp,
    run: Run,
    data: ImageData,
    trained: Mapping[str, Trained],
    measures: Sequence[str],
    *,
    shown: Literal["training", "test"] = "training",
    across: bool = False,
) -> Result:
    """Compare networks that are trained; see `compare`."""
    images = data.train_images if shown == "training" else data.test_images
    captured = run.capture(
        {name: one.network for name, one in trained.items()}, images[: setup.compared]
    )
    with one_thread(), run.console.status("comparing every layer of every pair of networks"):
        distances = all_pairs(
            captured,
            (GENERALIZING, MEMORIZING),
            measures=measures,
            across=[last_two(tuple(next(iter(captured.values()))))] if across else (),
        )
    return Result(setup, data, trained, distances, shown)


# --- What is claimed -----------------------------------------------------------------------------


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
            f"Early layers ({span(early)}): distances are equal within generalizing, within "
            "memorizing and between them",
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
        ),
        Claim(
            "3",
            f"Late layers ({span(late)}): generalizing networks are far more similar to each "
            "other than memorizing networks are",
            "mean PWCCA distance within memorizing minus within generalizing, layer by layer",
            "difference",
            gaps(late, (MEMORIZING, GENERALIZING)),
        ),
        Claim(
            "3",
            f"Late layers ({span(late)}): memorizing networks are as far from each other as from "
            "generalizing ones",
            "mean PWCCA distance between the groups minus within memorizing, layer by layer",
            "equality",
            gaps(late, (INTER, MEMORIZING), equality=True),
            "with this few images the memorizing networks' last layers all come to encode the one "
            "random labelling, which the generalizing networks know nothing of",
        ),
        Claim(
            "3",
            "Softmax: the distances within the two groups meet",
            f"mean PWCCA distance within memorizing minus within generalizing at {output}",
            "equality",
            gaps([output], (MEMORIZING, GENERALIZING), equality=True),
        ),
        Claim(
            "3",
            "Softmax: the distance between the groups meets those within them",
            f"mean PWCCA distance between the groups minus within either at {output}",
            "equality",
            gaps([output], (INTER, GENERALIZING), (INTER, MEMORIZING), equality=True),
            "on the training images each network's output is the labels that it was trained on, "
            "and the two labellings have nothing to do with each other",
        ),
    ]


def early_and_late(layers: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Name the first and the last quarter of the convolutions; the softmax follows them."""
    convolutions = layers[:-1]
    quarter = max(1, len(convolutions) // 4)
    return convolutions[:quarter], convolutions[-quarter:]


def last_two(layers: Sequence[str]) -> tuple[str, str]:
    """Name the layer before the last two convolutions, and the last; the softmax follows."""
    return layers[-4], layers[-2]


def span(layers: Sequence[str]) -> str:
    """Name layers in words."""
    return ", ".join(layers)


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw the mean distance of each group at each layer, a panel for each measure."""
    from matplotlib.figure import Figure

    from isorep.plot.groups import groups

    distances = result.distances
    n, measures = distances.group_size, distances.measures
    figure = Figure(figsize=(max(3.5 * len(measures), 6.5), 4.1), layout="constrained")
    bounded = "euclidean" not in measures
    panels = figure.subplots(1, len(measures), sharey=bounded, squeeze=False)[0]
    for ax, name in zip(panels, measures, strict=True):
        groups(distances.pairs(name), distances.layers, name, ax=ax)
        ax.set_title(TITLES[name])
        first = ax is panels[0]
        ax.set(xlabel="", ylabel="distance, 0 is the same" if first or not bounded else "")
        if not first:
            ax.get_legend().remove()
    figure.suptitle(
        f"{n} networks trained on the true labels and {n} on one random labelling of "
        f"{len(result.data.train_images):,} images",
        fontsize="large" if len(measures) > 2 else "medium",
    )
    figure.supxlabel(
        f"{result.data.name}, {result.shown} images; inter: one network of each group"
        + ("; " if len(measures) > 2 else "\n")
        + "lines: mean over ordered pairs of networks, bands: one standard deviation",
        fontsize="small",
    )
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Give a row for each layer, measure and ordered pair of networks."""
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
    """Say what was trained on what, and how far it came."""
    return {
        "data": result.data.name,
        "train_images": len(result.data.train_images),
        "test_images": len(result.data.test_images),
        "compared_on": f"{result.shown} images",
        "networks": {name: one.facts() for name, one in result.trained.items()},
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
