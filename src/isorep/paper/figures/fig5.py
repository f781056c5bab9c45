"""Figure 5: networks of one topology, trained at several learning rates, fall into clusters.

Set-up. As many networks at each learning rate, of one topology and on the same images.

What is computed. The PWCCA distance of one layer between all pairs of networks on training images,
and the hierarchical clusters that it makes (5a). The robustness of each network to the removal of
its filters, that is its mean accuracy on training images while ever more filters of all
convolutions, in random order, are set to zero; against its generalization error, accuracy on
training images minus accuracy on test images (5b).

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.optional import import_optional
from isorep._utils.parallel import one_thread
from isorep.comparison.clustering import cluster
from isorep.comparison.pairwise import pairwise
from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import STRONG, Claim, Contrast
from isorep.paper.analysis.contrasts import contrast
from isorep.paper.analysis.permutation_tests import Exact
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
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """What is trained, compared and ablated.

    Attributes
    ----------
    learning_rates : tuple of float
        Ascending.
    networks : int
        How many at each.
    layer : str
        Which layer's distances make the clusters.
    compared : int
        Training images to compare on, at most.
    ablated : int
        Training images to measure robustness on, at most.
    fractions : int
        Steps from all filters to none.
    orders : int
        Random orders in which filters go.
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
    seed: int = 0


SETUPS = {
    "laptop": SetUp(),
    "small": SetUp(
        images=ImageSource("cifar10", n_train=2_000, n_test=2_000),
        plan=SMALL_CONVNET,
        recipe=Recipe(target_loss=0.02, max_epochs=25),
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


# --- What is computed ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Result:
    """What a run found.

    Attributes
    ----------
    table : xarray.Dataset
        What `isorep.pairwise` returned.
    groups : (N,) array
        Which learning rate each network had, by number.
    clusters : (N,) array
        Which of as many clusters it fell into.
    robustness : (N,) array
        Mean accuracy over ablation.
    error : (N,) array
        Generalization error.
    """

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]
    table: xarray.Dataset
    groups: Labels
    clusters: Labels
    robustness: Floats
    error: Floats

    @property
    def distances(self) -> Floats:
        """PWCCA distances, [i, j] from network i to network j."""
        found: Floats = self.table["pwcca_distance"].isel(layer=0).to_numpy()
        return found


def wanted(setup: SetUp) -> dict[str, Wanted]:
    """Say which networks to train, by learning rate."""
    return {
        f"lr{rate:g}-{i + 1}": Wanted(
            setup.plan,
            replace(setup.recipe, learning_rate=rate),
            int(np.random.SeedSequence([setup.seed, 5, number, i]).generate_state(1)[0]),
        )
        for number, rate in enumerate(setup.learning_rates)
        for i in range(setup.networks)
    }


def compute(setup: SetUp, run: Run) -> Result:
    """Train, compare, cluster and ablate."""
    import_optional("torch", "torch")
    from isorep.paper.analysis.ablation import robustness

    data = run.images(setup.images, setup.seed)
    trained = run.networks(wanted(setup), data)
    networks = {name: one.network for name, one in trained.items()}
    captured = run.capture(networks, data.train_images[: setup.compared], [setup.layer])
    with one_thread(), run.console.status("comparing all pairs of networks"):
        table = pairwise(dict(captured.items()), measures="pwcca", progress=False)
    distances = table["pwcca_distance"].isel(layer=0)
    found = cluster(distances).labels(len(setup.learning_rates))
    with run.console.status("removing filters"):
        robust = [
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
    last = [one.last for one in trained.values()]
    return Result(
        setup,
        data,
        trained,
        table,
        np.repeat(np.arange(len(setup.learning_rates)), setup.networks),
        found,
        np.array(robust),
        np.array([one.train_accuracy - one.test_accuracy for one in last]),
    )


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Result) -> list[Claim]:
    """Judge figure 5's claims."""
    setup, groups, clusters = result.setup, result.groups, result.clusters
    n = len(groups)
    both = np.stack([result.robustness, result.error], axis=1)

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
                    permutation_tests.permute(agreement, n, seed=setup.seed),
                ),
            ),
            "distances change smoothly with the learning rate and leave no gap for a cluster to "
            "end at",
            margin=STRONG,
        ),
        Claim(
            "5a",
            "There are as many clusters as learning rates: networks are farther from those of any "
            "other learning rate than from their own kind",
            "mean PWCCA distance to the nearest other learning rate minus within, for each",
            "difference",
            tuple(_isolation(result, at) for at in range(len(setup.learning_rates))),
            "neighbouring learning rates train networks as alike as a single one does, on images "
            "this easy",
        ),
        Claim(
            "5a",
            "One cluster is far from the others",
            "mean PWCCA distance of the most distant learning rate from all others minus the mean "
            "distance among those",
            "difference",
            (_outlier(result),),
        ),
        Claim(
            "5b",
            "Robustness to ablation and generalization error show the same clusters",
            "share of the variance of both, each in standard deviations, that 5a's clusters "
            "explain",
            "difference",
            (
                Contrast(
                    "share of variance",
                    explained(np.arange(n)),
                    None,
                    permutation_tests.permute(explained, n, seed=setup.seed),
                ),
            ),
            "on images this easy all networks generalize almost equally well",
            margin=STRONG,
        ),
    ]


def adjusted_rand(a: Labels, b: Labels) -> float:
    """Return the Rand index of two groupings, adjusted for chance (Hubert and Arabie 1985).

    Examples
    --------
    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 3]))
    1.0
    """
    together = (a[:, None] == a).sum() - len(a), (b[:, None] == b).sum() - len(b)
    both = ((a[:, None] == a) & (b[:, None] == b)).sum() - len(a)
    chance = together[0] * together[1] / (len(a) * (len(a) - 1))
    most = sum(together) / 2
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


def _isolation(result: Result, at: int) -> Contrast:
    """Contrast a group's distances to the group nearest to it with those within the two."""
    groups, table, n = result.groups, result.distances, result.setup.networks
    others = [other for other in range(len(result.setup.learning_rates)) if other != at]
    own = groups == at

    def apart(other: int) -> float:
        block = table[np.ix_(own, groups == other)], table[np.ix_(groups == other, own)]
        return float(np.mean(block))

    nearest = min(others, key=apart)
    members = np.concatenate([np.flatnonzero(own), np.flatnonzero(groups == nearest)])
    two = table[np.ix_(members, members)]

    def statistic(first: Floats, second: Floats) -> Floats:
        return permutation_tests.between(two, first, second) - permutation_tests.within(two, first)

    rates = result.setup.learning_rates
    return contrast(
        f"learning rate {rates[at]:g} (nearest: {rates[nearest]:g})",
        statistic,
        n,
        permutation_tests.exchange_labels(statistic, n),
    )


def _outlier(result: Result) -> Contrast:
    groups, table = result.groups, (result.distances + result.distances.T) / 2
    rates = result.setup.learning_rates
    pairs = ~np.eye(len(groups), dtype=bool)

    def by_group(labels: Labels) -> Floats:
        def excess(at: int) -> float:
            own = labels == at
            away = table[np.ix_(own, ~own)].mean()
            rest = np.outer(~own, ~own) & pairs & (labels[:, None] != labels)
            return float(away - table[rest].mean())

        return np.array([excess(at) for at in range(len(rates))])

    def statistic(order: Labels) -> float:
        return float(by_group(groups[order]).max())

    found = by_group(groups)
    exact: Exact = permutation_tests.permute(
        statistic, len(groups), seed=result.setup.seed, draws=1999
    )
    return Contrast(
        f"learning rate {rates[int(found.argmax())]:g}", float(found.max()), None, exact
    )


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw the clustered distances, and robustness over generalization error."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    from isorep.plot.clusters import clusters

    setup = result.setup
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    rates = dict(zip(result.trained, (setup.learning_rates[i] for i in result.groups), strict=True))
    clusters(result.table, groups=rates, groups_title="learning rate", ax=left)
    left.set(xticks=[], yticks=[])
    markers = "osD^vPX*"
    # Clusters have no order, unlike learning rates.
    shades = colormaps["Dark2"](np.arange(len(setup.learning_rates)) % 8)
    for at, rate in enumerate(setup.learning_rates):
        for number in np.unique(result.clusters):
            own = (result.groups == at) & (result.clusters == number)
            right.scatter(
                100 * result.error[own],
                100 * result.robustness[own],
                color=shades[number],
                marker=markers[at % len(markers)],
                s=40,
                edgecolor="white",
                linewidth=0.5,
                zorder=3,
            )
        right.scatter(
            [], [], color="0.4", marker=markers[at % len(markers)], label=f"learning rate {rate:g}"
        )
    for number in np.unique(result.clusters):
        right.scatter([], [], color=shades[number], marker="s", label=f"cluster {number + 1}")
    right.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    right.set_box_aspect(1)
    right.set_title("b", loc="left", fontweight="bold")
    left.set_title("a", loc="left", fontweight="bold", y=1.22)
    right.grid(color="0.9", linewidth=0.8)
    right.set_axisbelow(True)
    right.spines[["top", "right"]].set_visible(False)
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
    """Give a row for each ordered pair of networks, with what is known of both."""
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
    """Say what was trained on what, and how far it came."""
    return {
        "data": result.data.name,
        "train_images": len(result.data.train_images),
        "test_images": len(result.data.test_images),
        "networks": {
            name: {
                **one.facts(),
                "cluster": int(result.clusters[i]) + 1,
                "robustness": float(result.robustness[i]),
                "generalization_error": float(result.error[i]),
            }
            for i, (name, one) in enumerate(result.trained.items())
        },
    }
