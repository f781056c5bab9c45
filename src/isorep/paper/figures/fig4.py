"""Figure 4: wider networks are more alike.

Set-up. Groups of networks that differ in the width of all layers. Networks of a group differ only
in their seeds.

Computed. The PWCCA distance of the last convolution between all pairs of networks, on training
images, against width (4a) and against the accuracy on test data (4b). From each network, as many
filters are drawn at random as the narrowest has; the table beside the figure has all filters.

Claims. See `claims`. Figure A6 compares the same filters by other measures, figure A7 the same
networks before training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep._utils.parallel import one_thread
from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import STRONG, Claim, Contrast
from isorep.paper.analysis.control import Control
from isorep.paper.analysis.group_contrasts import TITLES, comparable, contrast
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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isorep.paper.run import Run
    from isorep.paper.training.networks import Trained

Floats = NDArray[np.float64]


PUBLISHED = (0.47, 0.28)
"""Mean distance within the paper's narrowest and widest group, read off its figure."""

PUBLISHED_WIDTHS = (128, 3584)
"""Filters of the last convolution in these groups."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The networks, and the filters and images to compare them on.

    Attributes
    ----------
    factors : tuple of float
        Factor of the widths of `plan` in each group, ascending.
    networks : int
        Number of networks in each group.
    filters : int
        Largest number of filters of the last convolution to compare.
    images, plan, recipe
        Images, architecture and training.
    compared : int
        Largest number of training images to compare on.
    seed : int
        Random seed.
    """

    factors: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
    networks: int = 5
    filters: int = 16
    images: ImageSource = field(default_factory=ImageSource)
    plan: ConvNetPlan = field(default_factory=ConvNetPlan)
    recipe: Recipe = field(default_factory=Recipe)
    compared: int = 10_000
    seed: int = 0

    @property
    def widths(self) -> list[int]:
        """Number of filters of the last convolution in each group."""
        return [self.plan.scaled(factor).widths[-1] for factor in self.factors]

    @property
    def layer(self) -> str:
        """Name of the last convolution."""
        return f"conv{len(self.plan.widths)}"


SETUPS = {
    "laptop": SetUp(
        factors=(0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
        images=ImageSource("mnist1d", n_train=4_000, n_test=2_000),
        plan=ConvNetPlan(widths=(8, 8, 16, 16, 32, 32), strides=(1, 2, 1, 2, 1, 1), axes=1),
        recipe=Recipe(batch_size=64, target_loss=0.0, max_epochs=16),
    ),
    "digits": SetUp(),
    "small": SetUp(
        factors=(0.5, 0.75, 1.0, 1.5, 2.0),
        networks=3,
        images=ImageSource("cifar10", n_train=3_000, n_test=2_000),
        plan=ConvNetPlan(widths=(8, 8, 16, 16, 32, 32), strides=(2, 1, 2, 1, 2, 1)),
        recipe=Recipe(batch_size=64, target_loss=0.0, max_epochs=10),
    ),
    "paper": SetUp(
        factors=(0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0),
        filters=128,
        images=ImageSource("cifar10", n_train=50_000),
        plan=PAPER_CONVNET,
        recipe=PAPER_RECIPE,
    ),
}


# --- Computation ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Widths:
    """Distances between networks of several widths, group after group.

    Attributes
    ----------
    tables : dict of measure to (N, N) array
        ``[i, j]`` is the distance of network i from j; 0 on the diagonal.
    group_size : int
        Number of networks in each group.
    """

    tables: Mapping[str, Floats]
    group_size: int

    def within(self, measure: str) -> Floats:
        """Return the distances of each group's ordered pairs, (groups, pairs)."""
        n, table = self.group_size, self.tables[measure]
        different = ~np.eye(n, dtype=bool)
        blocks = [table[i : i + n, i : i + n] for i in range(0, len(table), n)]
        return np.stack([block[different] for block in blocks])

    def ends(self, measure: str) -> Floats:
        """Return the distances of the narrowest and the widest group, (2 n, 2 n)."""
        n, table = self.group_size, comparable(self.tables[measure], measure)
        ends = np.r_[0:n, len(table) - n : len(table)]
        two: Floats = table[np.ix_(ends, ends)]
        return two

    def drop(self, measure: str, *, two_sided: bool = False, where: str = "") -> Contrast:
        """Contrast the distances within the narrowest group with those within the widest group."""
        n, two = self.group_size, self.ends(measure)

        def statistic(first: Floats, second: Floats) -> Floats:
            return isorep.inference.mean_within(two, first) - isorep.inference.mean_within(
                two, second
            )

        return contrast(
            where or f"{TITLES[measure]}: narrowest - widest",
            statistic,
            n,
            isorep.inference.permute_labels(statistic, (n, n), two_sided=two_sided),
        )


@dataclass(frozen=True, eq=False)
class Result:
    """The result of a run.

    Attributes
    ----------
    setup : SetUp
    data : ImageData
        Training and test images.
    trained : dict of name to Trained
        The networks, group after group.
    after, before : Widths
        Distances after and before training; `before` is None except in figure A7.
    by_all_filters : Widths or None
        Distances after training, by all filters; None except in figure 4.
    """

    setup: SetUp
    data: ImageData
    trained: Mapping[str, Trained]
    after: Widths
    before: Widths | None = None
    by_all_filters: Widths | None = None

    @property
    def accuracies(self) -> Floats:
        """Accuracy on test data, (groups, networks)."""
        accuracies = [network.last.test_accuracy for network in self.trained.values()]
        return np.array(accuracies).reshape(len(self.setup.factors), -1)


def wanted(setup: SetUp) -> dict[str, Wanted]:
    """Return the networks to train, group after group."""
    return {
        f"x{factor:g}-{i + 1}": Wanted(
            setup.plan.scaled(factor),
            setup.recipe,
            network_seed(setup.seed, 4, number, i),
        )
        for number, factor in enumerate(setup.factors)
        for i in range(setup.networks)
    }


def compute(setup: SetUp, run: Run) -> Result:
    """Train the networks and compare their last convolutions."""
    result = compare(setup, run, ["pwcca"])
    networks = {name: network.network for name, network in result.trained.items()}
    every = replace(setup, filters=max(setup.widths))
    return replace(result, by_all_filters=_widths(every, run, result.data, networks, ["pwcca"]))


def compare(setup: SetUp, run: Run, measures: Sequence[str], *, untrained: bool = False) -> Result:
    """Compare the last convolutions of all networks, with `untrained` also before training."""
    data = run.images(setup.images, setup.seed)
    descriptions = wanted(setup)
    trained = run.networks(descriptions, data)
    networks = {name: network.network for name, network in trained.items()}
    after = _widths(setup, run, data, networks, measures)
    before = None
    if untrained:
        from isorep.paper.training.networks import initial

        fresh = {name: initial(wanted, data).eval() for name, wanted in descriptions.items()}
        before = _widths(setup, run, data, fresh, measures)
    return Result(setup, data, trained, after, before)


def _widths(
    setup: SetUp, run: Run, data: ImageData, networks: Mapping[str, Any], measures: Sequence[str]
) -> Widths:
    captured = run.capture(networks, data.train_images[: setup.compared], [setup.layer])
    drawn: dict[str | float, Mapping[str, Any]] = {
        name: {setup.layer: np.asarray(layers[setup.layer])[:, draw_filters(setup, i, layers)]}
        for i, (name, layers) in enumerate(captured.items())
    }
    with one_thread(), run.console.status("comparing all pairs of networks"):
        table = isorep.pairwise(drawn, measures=list(measures), progress=False)
    tables = {}
    for name in measures:
        distances = table[f"{name}_distance"].sel(layer=setup.layer).to_numpy().copy()
        np.fill_diagonal(distances, 0.0)
        tables[name] = distances
    return Widths(tables, setup.networks)


def draw_filters(setup: SetUp, number: int, captured: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the numbers of the filters of a network that are compared."""
    p = captured[setup.layer].shape[1]
    random = np.random.default_rng([setup.seed, 44, number])
    return random.permutation(p)[: setup.filters]


# --- Claims --------------------------------------------------------------------------------------

EASY = (
    "on data this easy, the last convolution of every network, narrow or wide, encodes little "
    "but the ten classes, so the distances between a few of its filters are small at every width"
)


def claims(result: Result) -> list[Claim]:
    """Judge figure 4's claims."""
    distance = result.after.within("pwcca").mean(axis=1)
    n = len(distance)
    easy = result.setup.images.name == "digits"
    reason = EASY if easy else ""
    return [
        Claim(
            "4a",
            "Wider networks are more similar to each other",
            "mean PWCCA distance within the narrowest group minus within the widest",
            "difference",
            (result.after.drop("pwcca"),),
            reason,
            paper="0.19",
        ),
        Claim(
            "4a",
            "Distance decreases with width over the whole range",
            "minus Spearman's correlation of width and mean PWCCA distance over groups",
            "difference",
            (falling(np.arange(n, dtype=float), distance),),
            reason,
            margin=STRONG,
            ours=True,
        ),
        Claim(
            "4b",
            "More similar networks do better on test data",
            "minus Pearson's correlation of PWCCA distance and test accuracy over pairs of "
            "networks of one width, with all widths and without each of them",
            "difference",
            tuple(
                better(result, [i for i in range(n) if i != left_out])
                for left_out in (None, *range(n))
            ),
            "on data this easy all networks do almost equally well, and the differences in "
            "accuracy are a few test samples"
            if easy
            else "",
            margin=STRONG,
            paper="0.96",
        ),
    ]


def controls(result: Result) -> list[Control]:
    """Judge the claims again by all filters."""
    if result.by_all_filters is None:
        return []
    every = replace(result, after=result.by_all_filters)
    return [Control.of_claims("The same claims by all filters of each network", claims(every))]


def falling(width: Floats, distance: Floats) -> Contrast:
    """Return the negative rank correlation of distance with width over groups."""
    x, y = (values.argsort().argsort().astype(float) for values in (width, distance))

    def statistic(order: NDArray[np.int64]) -> float:
        return -float(np.corrcoef(x, y[order])[0, 1])

    effect = statistic(np.arange(len(x)))
    exact = isorep.inference.permute_order(statistic, len(x))
    interval = permutation_tests.correlation_interval(effect, len(x))
    return Contrast(f"- r of PWCCA, {len(x)} groups", effect, interval, exact)


def better(result: Result, groups: Sequence[int]) -> Contrast:
    """Return the negative correlation of distance and accuracy over the pairs of these groups.

    The accuracy of a pair is the mean of its two networks. Groups are relabelled for the p-value,
    since the pairs of a group are not independent.
    """
    distance, accuracy = pairs_of(result)
    chosen = list(groups)

    def statistic(order: NDArray[np.int64]) -> float:
        relabelled = accuracy[chosen][order]
        return -float(np.corrcoef(distance[chosen].ravel(), relabelled.ravel())[0, 1])

    effect = statistic(np.arange(len(chosen)))
    exact = isorep.inference.permute_order(statistic, len(chosen))
    left_out = set(range(len(distance))) - set(chosen)
    where = "".join(f", without {result.setup.widths[i]} filters" for i in left_out)
    return Contrast(f"- r of PWCCA and accuracy{where}", effect, None, exact)


def pairs_of(result: Result) -> tuple[Floats, Floats]:
    """Return distance and accuracy of the ordered pairs of each group, (groups, pairs)."""
    n = result.setup.networks
    different = ~np.eye(n, dtype=bool)
    accuracy = np.stack([((group[:, None] + group) / 2)[different] for group in result.accuracies])
    return result.after.within("pwcca"), accuracy


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw distance over width, and test accuracy over distance."""
    from matplotlib.figure import Figure

    setup = result.setup
    figure = Figure(figsize=(9.5, 4.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    curve(left, setup, result.after, "pwcca")
    published(left, setup, PUBLISHED, "#0072B2")
    left.legend(frameon=False, fontsize="small")
    letter(left, "a")
    within = result.after.within("pwcca")
    distance, accuracy = within.mean(axis=1), 100 * result.accuracies
    of_pairs, of_accuracy = pairs_of(result)
    right.scatter(of_pairs, 100 * of_accuracy, s=6, color="0.7", zorder=2, label="pair of networks")
    right.scatter(
        distance, accuracy.mean(axis=1), color="#0072B2", zorder=3, label="mean of a width"
    )
    right.legend(frameon=False, fontsize="small")
    for width, point in zip(
        setup.widths, zip(distance, accuracy.mean(axis=1), strict=True), strict=True
    ):
        right.annotate(
            str(width), point, xytext=(5, 5), textcoords="offset points", fontsize="small"
        )
    r = np.corrcoef(of_pairs.ravel(), of_accuracy.ravel())[0, 1]
    letter(right, "b")
    right.set_title(f"r = {r:.2f} over pairs")
    tidy(right)
    right.set(xlabel="PWCCA distance within a group", ylabel="accuracy on test data (%)")
    caption(figure, setup, result)
    return figure


def curve(
    ax: Axes,
    setup: SetUp,
    widths: Widths,
    measure: str,
    *,
    colour: str = "#0072B2",
    label: str = "",
) -> None:
    """Draw the mean distance within each group over its width, with one standard deviation."""
    within = widths.within(measure)
    mean, std = within.mean(axis=1), within.std(axis=1)
    ax.fill_between(setup.widths, mean - std, mean + std, color=colour, alpha=0.25, linewidth=0)
    ax.plot(setup.widths, mean, "o-", color=colour, label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(setup.widths, [str(width) for width in setup.widths], fontsize="small")
    ax.minorticks_off()
    earlier = ax.get_ylim()[1] if len(ax.lines) > 1 else 0.0
    ax.set_ylim(0, max(1.15 * float((mean + std).max()), earlier))
    tidy(ax)
    ax.set(xlabel="filters of the last convolution", ylabel=f"{TITLES[measure]} distance")


def published(
    ax: Axes, setup: SetUp, ends: tuple[float, float], colour: str, *, label: bool = True
) -> None:
    """Draw faintly how the paper's mean distance falls from its narrowest to its widest group."""
    ax.plot(
        [setup.widths[0], setup.widths[-1]],
        ends,
        ":",
        color=colour,
        alpha=0.7,
        label="in the paper, {} to {:,} filters".format(*PUBLISHED_WIDTHS) if label else None,
    )
    ax.set_ylim(0, max(ax.get_ylim()[1], 1.15 * max(ends)))


def caption(figure: Figure, setup: SetUp, result: Result) -> None:
    """Write the data, the networks and the filters under the figure."""
    figure.supxlabel(
        f"{result.data.name}; {setup.networks} networks of each width\n{setup.filters} filters of "
        f"{setup.layer}, drawn at random; mean and standard deviation",
        fontsize="small",
    )


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each ordered pair of networks, measure and state of training."""
    names, n = list(result.trained), result.setup.networks
    states = {"trained": result.after, "untrained": result.before}
    for state, widths in states.items():
        if widths is None:
            continue
        for measure, table in widths.tables.items():
            for (i, j), value in np.ndenumerate(table):
                if i != j:
                    yield {
                        "state": state,
                        "measure": measure,
                        "x": names[i],
                        "y": names[j],
                        "x_width": result.setup.widths[i // n],
                        "y_width": result.setup.widths[j // n],
                        "distance": float(value),
                    }


def facts(result: Result) -> dict[str, Any]:
    """Return the data and the trained networks."""
    return {
        **result.data.facts(),
        "networks": {name: network.facts() for name, network in result.trained.items()},
        "mean_distances": {
            measure: dict(
                zip(
                    map(str, result.setup.widths),
                    result.after.within(measure).mean(axis=1).tolist(),
                    strict=True,
                )
            )
            for measure in result.after.tables
        },
    }
