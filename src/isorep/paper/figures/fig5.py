"""Figure 5: networks of one topology, trained at several learning rates, fall into clusters.

Set-up. The same number of networks at each learning rate, of one topology and on the same images.

Computed. The PWCCA distance of one layer between all pairs of networks on training images, and its
hierarchical clusters (5a). The robustness of each network to ablation, against its generalization
error (5b). Robustness is the mean accuracy on training images as more and more filters of all
convolutions, in random order, are set to zero. The generalization error is the accuracy on training
images minus the accuracy on test data.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep._utils.optional import import_optional
from isorep._utils.parallel import one_thread
from isorep.paper.analysis.claims import STRONG, Claim, Contrast
from isorep.paper.analysis.control import Control
from isorep.paper.analysis.group_contrasts import contrast
from isorep.paper.data.image_data import ImageData
from isorep.paper.data.images import ImageSource
from isorep.paper.figures.drawing import letter, tidy
from isorep.paper.training.recipe import (
    PAPER_CONVNET,
    PAPER_RECIPE,
    ConvNetPlan,
    Recipe,
    Wanted,
    network_seed,
)

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_EPOCHS = 100
"""Longest training of the control of equal loss."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The networks, their comparison and their ablation.

    Attributes
    ----------
    learning_rates : tuple of float
        Learning rates, ascending.
    networks : int
        Number of networks at each learning rate.
    layer : str
        Name of the layer whose distances give the clusters.
    images, plan, recipe
        Images, architecture and training.
    compared : int
        Largest number of training images to compare on.
    ablated : int
        Largest number of training images to measure robustness on.
    fractions : int
        Number of steps from all filters to none.
    orders : int
        Number of random orders of the filters.
    equal_loss : float or None
        Training loss of the control in which all networks train equally far; None for no control.
    other_norm : bool
        Whether a control has batch norm where the networks do not, or the other way round.
    seed : int
        Random seed.
    """

    learning_rates: tuple[float, ...] = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
    networks: int = 6
    layer: str = "conv8"
    images: ImageSource = field(default_factory=ImageSource)
    plan: ConvNetPlan = field(default_factory=lambda: ConvNetPlan().scaled(0.5))
    recipe: Recipe = field(default_factory=lambda: Recipe(max_epochs=60))
    compared: int = 10_000
    ablated: int = 500
    fractions: int = 10
    orders: int = 3
    equal_loss: float | None = None
    other_norm: bool = False
    seed: int = 0

    def controls(self) -> dict[str, SetUp]:
        """Return the set-ups to compare with, by title."""
        bare = replace(self, equal_loss=None, other_norm=False)
        controls = {}
        if self.equal_loss is not None:
            recipe = replace(self.recipe, target_loss=self.equal_loss, max_epochs=MOST_EPOCHS)
            title = (
                f"The same claims with every network trained to a loss below {self.equal_loss:g}"
            )
            controls[title] = replace(bare, recipe=recipe)
        if self.other_norm:
            plan = replace(self.plan, batch_norm=not self.plan.batch_norm)
            title = f"The same claims {'with' if plan.batch_norm else 'without'} batch norm"
            controls[title] = replace(bare, plan=plan)
        return controls


SETUPS = {
    "laptop": SetUp(
        learning_rates=(1e-4, 1e-3, 1.2e-2),
        layer="conv6",
        images=ImageSource("mnist1d", n_train=8_000, n_test=2_000, noise=0.2),
        plan=ConvNetPlan(
            widths=(16, 16, 32, 32, 64, 64), strides=(1, 2, 1, 2, 1, 1), axes=1, batch_norm=False
        ),
        recipe=Recipe(batch_size=64, target_loss=0.0, max_epochs=4),
        equal_loss=1.0,
        other_norm=True,
    ),
    "digits": SetUp(),
    "small": SetUp(
        learning_rates=(1e-4, 1e-3, 1.2e-2),
        networks=3,
        layer="conv6",
        images=ImageSource("cifar10", n_train=4_000, n_test=2_000),
        plan=ConvNetPlan(
            widths=(16, 16, 32, 32, 64, 64), strides=(2, 1, 2, 1, 2, 1), batch_norm=False
        ),
        recipe=Recipe(batch_size=64, target_loss=0.0, max_epochs=6),
    ),
    "paper": SetUp(
        networks=40,
        images=ImageSource("cifar10", n_train=50_000),
        plan=PAPER_CONVNET,
        recipe=PAPER_RECIPE,
        ablated=5_000,
        fractions=20,
        orders=10,
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
        The networks.
    table : xarray.Dataset
        Result of `isorep.pairwise`.
    groups : (N,) array
        Number of each network's learning rate.
    clusters : (N,) array
        Number of each network's cluster; there are as many clusters as learning rates.
    robustness : (N,) array
        Mean accuracy over ablation.
    error : (N,) array
        Generalization error.
    controls : dict of title to Result
        Results of the set-ups to compare with.
    """

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]
    table: xarray.Dataset
    groups: Labels
    clusters: Labels
    robustness: Floats
    error: Floats
    controls: Mapping[str, Result] = field(default_factory=dict)

    @property
    def distances(self) -> Floats:
        """PWCCA distances, [i, j] from network i to network j."""
        distances: Floats = self.table["pwcca_distance"].isel(layer=0).to_numpy()
        return distances


def wanted(setup: SetUp) -> dict[str, Wanted]:
    """Return the networks to train, by learning rate."""
    return {
        f"lr{rate:g}-{i + 1}": Wanted(
            setup.plan,
            replace(setup.recipe, learning_rate=rate),
            network_seed(setup.seed, 5, number, i),
        )
        for number, rate in enumerate(setup.learning_rates)
        for i in range(setup.networks)
    }


def compute(setup: SetUp, run: Run) -> Result:
    """Train, compare, cluster and ablate the networks, and those of the controls."""
    controls = {title: _compute(control, run) for title, control in setup.controls().items()}
    return replace(_compute(setup, run), controls=controls)


def _compute(setup: SetUp, run: Run) -> Result:
    import_optional("torch", "torch")
    from isorep.paper.analysis.ablation import robustness

    data = run.images(setup.images, setup.seed)
    trained = run.networks(wanted(setup), data)
    networks = {name: network.network for name, network in trained.items()}
    captured = run.capture(networks, data.train_images[: setup.compared], [setup.layer])
    with one_thread(), run.console.status("comparing all pairs of networks"):
        table = isorep.pairwise(dict(captured.items()), measures="pwcca", progress=False)
    distances = table["pwcca_distance"].isel(layer=0)
    clusters = isorep.cluster(distances).labels(len(setup.learning_rates))
    with run.console.status("ablating filters"):
        accuracies = [
            robustness(
                network,
                data.train_images[: setup.ablated],
                data.train_labels[: setup.ablated],
                fractions=setup.fractions,
                orders=setup.orders,
                seed=setup.seed,
                device=run.device,
            )
            for network in networks.values()
        ]
    last = [network.last for network in trained.values()]
    return Result(
        setup,
        data,
        trained,
        table,
        np.repeat(np.arange(len(setup.learning_rates)), setup.networks),
        clusters,
        np.array(accuracies),
        np.array([epoch.train_accuracy - epoch.test_accuracy for epoch in last]),
    )


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Result) -> list[Claim]:
    """Judge figure 5's claims."""
    setup, groups, clusters = result.setup, result.groups, result.clusters
    n = len(groups)
    both = np.stack([result.robustness, result.error], axis=1)
    easy = setup.images.name == "digits"

    def agreement(order: Labels) -> float:
        return adjusted_rand(clusters, groups[order])

    def explained(order: Labels) -> float:
        return share_explained(both, clusters[order])

    return [
        Claim(
            "5a",
            "Clusters of networks align with the learning rate",
            f"Rand index, adjusted for chance, of {len(setup.learning_rates)} clusters (average "
            "linkage) and learning rates",
            "difference",
            (
                Contrast(
                    "adjusted Rand index",
                    agreement(np.arange(n)),
                    None,
                    isorep.inference.permute_order(agreement, n, seed=setup.seed),
                ),
            ),
            "distances change smoothly with the learning rate, without gaps between clusters"
            if easy
            else "",
            margin=STRONG,
        ),
        Claim(
            "5a",
            "There are as many clusters as learning rates: networks are farther from networks of "
            "any other learning rate than from networks of the same one",
            "mean PWCCA distance to the nearest other learning rate minus that within the learning "
            "rate, for each",
            "difference",
            tuple(_isolation(result, i) for i in range(len(setup.learning_rates))),
            "on data this easy, networks of neighbouring learning rates are as alike as networks "
            "of the same learning rate"
            if easy
            else "",
        ),
        Claim(
            "5a",
            "One cluster is far from the others",
            "mean PWCCA distance of the most distant learning rate from all others minus the mean "
            "distance among the others",
            "difference",
            (_outlier(result),),
        ),
        Claim(
            "5b",
            "Robustness to ablation and generalization error show the same clusters",
            "share of the variance of both (standardised) that the clusters of 5a explain",
            "difference",
            (
                Contrast(
                    "share of variance",
                    explained(np.arange(n)),
                    None,
                    isorep.inference.permute_order(explained, n, seed=setup.seed),
                ),
            ),
            "on data this easy all networks generalize almost equally well" if easy else "",
            margin=STRONG,
        ),
    ]


def controls(result: Result) -> list[Control]:
    """Judge the claims again at equal training loss, and with or without batch norm."""
    return [
        Control.of_claims(_titled(title, control), claims(control))
        for title, control in result.controls.items()
    ]


def _titled(title: str, control: Result) -> str:
    """Return a title with the training losses that the slowest and the fastest networks reached."""
    losses = [network.last.train_loss for network in control.trained.values()]
    return f"{title} (training losses {min(losses):.3f} to {max(losses):.3f})"


def adjusted_rand(x: Labels, y: Labels) -> float:
    """Return the Rand index of two groupings, adjusted for chance (Hubert and Arabie 1985).

    Examples
    --------
    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 3]))
    1.0
    """
    n = len(x)
    x_pairs, y_pairs = (x[:, None] == x).sum() - n, (y[:, None] == y).sum() - n
    both = ((x[:, None] == x) & (y[:, None] == y)).sum() - n
    chance = x_pairs * y_pairs / (n * (n - 1))
    most = (x_pairs + y_pairs) / 2
    return float((both - chance) / (most - chance)) if most != chance else 1.0


def share_explained(values: Floats, groups: Labels) -> float:
    """Return the share of the variance of standardised columns that lies between groups."""
    spread = values.std(axis=0)
    z = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    between = sum(
        (groups == group).sum() * z[groups == group].mean(axis=0) ** 2
        for group in np.unique(groups)
    )
    return float(np.sum(between) / np.sum(z**2))


def _isolation(result: Result, group: int) -> Contrast:
    """Contrast a group's distances to the nearest other group with the distances within it."""
    groups, table, n = result.groups, result.distances, result.setup.networks
    others = [other for other in range(len(result.setup.learning_rates)) if other != group]
    inside = groups == group

    def distance(other: int) -> float:
        blocks = table[np.ix_(inside, groups == other)], table[np.ix_(groups == other, inside)]
        return float(np.mean(blocks))

    nearest = min(others, key=distance)
    members = np.concatenate([np.flatnonzero(inside), np.flatnonzero(groups == nearest)])
    two = table[np.ix_(members, members)]

    def statistic(first: Floats, second: Floats) -> Floats:
        return isorep.inference.mean_between(two, first, second) - isorep.inference.mean_within(
            two, first
        )

    rates = result.setup.learning_rates
    return contrast(
        f"learning rate {rates[group]:g} (nearest: {rates[nearest]:g})",
        statistic,
        n,
        isorep.inference.permute_labels(statistic, (n, n)),
    )


def _outlier(result: Result) -> Contrast:
    """Contrast the most distant group's distances to the others with those among the others."""
    groups, table = result.groups, (result.distances + result.distances.T) / 2
    rates = result.setup.learning_rates
    pairs = ~np.eye(len(groups), dtype=bool)

    def by_group(labels: Labels) -> Floats:
        def excess(group: int) -> float:
            inside = labels == group
            distance = table[np.ix_(inside, ~inside)].mean()
            others = np.outer(~inside, ~inside) & pairs & (labels[:, None] != labels)
            return float(distance - table[others].mean())

        return np.array([excess(group) for group in range(len(rates))])

    def statistic(order: Labels) -> float:
        return float(by_group(groups[order]).max())

    excesses = by_group(groups)
    exact: isorep.inference.Exact = isorep.inference.permute_order(
        statistic, len(groups), seed=result.setup.seed, draws=1999
    )
    return Contrast(
        f"learning rate {rates[int(excesses.argmax())]:g}", float(excesses.max()), None, exact
    )


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw the clustered distances, and robustness over generalization error."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    setup = result.setup
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    rates = dict(zip(result.trained, (setup.learning_rates[i] for i in result.groups), strict=True))
    isorep.plot.clusters(result.table, groups=rates, groups_title="learning rate", ax=left)
    left.set(xticks=[], yticks=[])
    markers = "osD^vPX*"
    # Clusters have no order, unlike learning rates.
    shades = colormaps["Dark2"](np.arange(len(setup.learning_rates)) % 8)
    for i, rate in enumerate(setup.learning_rates):
        for number in np.unique(result.clusters):
            members = (result.groups == i) & (result.clusters == number)
            right.scatter(
                100 * result.error[members],
                100 * result.robustness[members],
                color=shades[number],
                marker=markers[i % len(markers)],
                s=40,
                edgecolor="white",
                linewidth=0.5,
                zorder=3,
            )
        right.scatter(
            [], [], color="0.4", marker=markers[i % len(markers)], label=f"learning rate {rate:g}"
        )
    for number in np.unique(result.clusters):
        right.scatter([], [], color=shades[number], marker="s", label=f"cluster {number + 1}")
    right.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    right.set_box_aspect(1)
    letter(right, "b")
    letter(left, "a", y=1.22)
    tidy(right, grid="both")
    right.set(
        xlabel="generalization error: training - test accuracy (points)",
        ylabel="robustness: mean accuracy over ablation (%)",
    )
    figure.supxlabel(
        f"{result.data.name}; {len(result.groups)} networks; PWCCA distance of {setup.layer}; "
        f"filters of all convolutions removed in {setup.orders} random orders",
        fontsize="small",
    )
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each ordered pair of networks."""
    names = list(result.trained)
    rates = result.setup.learning_rates
    for (i, j), value in np.ndenumerate(result.distances):
        if i != j:
            yield {
                "x": names[i],
                "y": names[j],
                "x_learning_rate": rates[result.groups[i]],
                "y_learning_rate": rates[result.groups[j]],
                "x_cluster": int(result.clusters[i]) + 1,
                "y_cluster": int(result.clusters[j]) + 1,
                "distance": float(value),
                "x_robustness": float(result.robustness[i]),
                "x_generalization_error": float(result.error[i]),
            }


def facts(result: Result) -> dict[str, Any]:
    """Return the data and the trained networks."""
    return {
        **result.data.facts(),
        "networks": {
            name: {
                **network.facts(),
                "cluster": int(result.clusters[i]) + 1,
                "robustness": float(result.robustness[i]),
                "generalization_error": float(result.error[i]),
            }
            for i, (name, network) in enumerate(result.trained.items())
        },
    }
