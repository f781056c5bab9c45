"""Figure 3: networks that generalize are more alike than networks that memorize.

Set-up. Some networks learn the true labels and as many learn one fixed random labelling of the same
images, all to near-zero training loss. They differ in nothing else but their seeds.

What is computed. The distance between every ordered pair of networks at every layer, on the
training images, each filter averaged over its positions: within the generalizing networks, within
the memorizing ones, and between ("inter"). Figure 3 uses projection weighted CCA; figure A9, mean
CCA and SVCCA.

What is claimed. See `claims`.

`run` does it on scikit-learn's digits with a small network in place of CIFAR-10 and the paper's.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._optional import need
from isorep.paper import exchange
from isorep.paper.claims import ALPHA, MARGIN, Claim, Contrast
from isorep.paper.digits import ImageData, load
from isorep.paper.distances import Distances, all_pairs
from isorep.paper.exchange import Exact, Statistic
from isorep.paper.recipe import Recipe
from isorep.storage.atomic import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console, RenderableType
    from rich.table import Table

    from isorep.paper.convnet import ConvNet

Floats = NDArray[np.float64]

GENERALIZING, MEMORIZING, INTER = "generalizing", "memorizing", "inter"
MEASURES = {"pwcca": "PWCCA", "cca": "mean CCA", "svcca": "SVCCA"}
MOST_NETWORKS = 10
"""Past this the exact tests, C(2n, n) assignments of labels each, would outlast the training."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """What is trained: appendix A.4's network and recipe, made small enough for a laptop."""

    networks: int = 5
    seed: int = 0
    widths: tuple[int, ...] = (16, 16, 32, 32, 32, 64, 64, 64)
    strides: tuple[int, ...] = (1, 1, 2, 1, 1, 2, 1, 1)
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        if not 2 <= self.networks <= MOST_NETWORKS:
            raise ValueError(
                f"networks must be from 2 to {MOST_NETWORKS}, got {self.networks}: one network "
                "makes no pair, and for more the exact tests take too long"
            )
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if len(self.widths) < 3:
            raise ValueError(
                f"at least 3 convolutions are needed to tell early from late layers, got "
                f"{len(self.widths)}"
            )


@dataclass(frozen=True, eq=False)
class Trained:
    """A network and how its training ended; accuracies are fractions of images."""

    name: str
    group: str
    seed: int
    network: ConvNet
    epochs: int
    loss: float
    accuracy: float
    test_accuracy: float
    converged: bool


def train_groups(data: ImageData, setup: SetUp, console: Console) -> list[Trained]:
    """Train the generalizing networks and the memorizing ones; the generalizing ones come first."""
    torch = need("torch", "torch")
    # Imported when PyTorch is known to be there, so that its absence is one clear message.
    from isorep.paper.convnet import ConvNet
    from isorep.paper.progress import training_bars
    from isorep.paper.training import Task, evaluate, train

    labellings = {GENERALIZING: data.train_labels, MEMORIZING: data.random_labels}
    names: list[tuple[str, str]] = []
    tasks: list[Task] = []
    for number, (group, labels) in enumerate(labellings.items()):
        for i in range(setup.networks):
            seeds = np.random.SeedSequence([setup.seed, number, i])
            seed = int(seeds.generate_state(1)[0])
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                network = ConvNet(
                    setup.widths,
                    setup.strides,
                    channels=data.train_images.shape[1],
                    classes=data.n_classes,
                )
            names.append((f"{group}-{i + 1}", group))
            tasks.append(Task(network, labels, seed))

    # Memorizing takes longest, so the last come first: no thread is left with a long one alone.
    with training_bars(
        console, [name for name, _ in names[::-1]], setup.recipe.target_loss
    ) as on_epoch:
        trainings = train(tasks[::-1], data.train_images, setup.recipe, on_epoch)[::-1]
    test = torch.as_tensor(data.test_images), torch.as_tensor(data.test_labels)
    return [
        Trained(
            name,
            group,
            task.seed,
            task.network,
            test_accuracy=evaluate(task.network, *test)[1],
            **asdict(training),
        )
        for (name, group), task, training in zip(names, tasks, trainings, strict=True)
    ]


# --- What is computed ----------------------------------------------------------------------------


def measure(trained: Sequence[Trained], images: NDArray[np.float32]) -> Distances:
    """Capture every layer of every network on the images, and compare all pairs."""
    torch = need("torch", "torch")
    from isorep.capture import capture

    layers = trained[0].network.layers
    before, last = _last_two(layers)
    batches = torch.as_tensor(images).split(256)
    # Thousands of small products: several threads at each wait for one another more than they
    # work, ten times longer where the cores are not idle.
    with need("threadpoolctl", "paper").threadpool_limits(1):
        captured = {
            one.name: capture(
                one.network, batches, layers=list(layers), reduce="mean", progress=False
            )
            for one in trained
        }
        return all_pairs(
            captured,
            (GENERALIZING, MEMORIZING),
            measures=list(MEASURES),
            across=[(before, last), (last, before)],
        )


# --- What is claimed -----------------------------------------------------------------------------


def claims(distances: Distances) -> list[Claim]:
    """Judge figure 3's claims and figure A9's.

    Early and late layers are the first and the last quarter of the convolutions.
    """
    *convolutions, output = distances.layers
    quarter = max(1, len(convolutions) // 4)
    early, late = convolutions[:quarter], convolutions[-quarter:]
    before, last = _last_two(distances.layers)
    kept = distances.svcca_ranks[last][: distances.group_size].mean()

    def gaps(
        layers: Sequence[str],
        *pairs: tuple[str, str],
        measures: Sequence[str] = ("pwcca",),
        equality: bool = False,
    ) -> tuple[Contrast, ...]:
        return tuple(
            _gap(distances, name, layer, minuend, subtrahend, two_sided=equality)
            for name in measures
            for layer in layers
            for minuend, subtrahend in pairs
        )

    def drop(name: str, *, equality: bool = False) -> tuple[Contrast, ...]:
        return (_drop(distances, name, before, last, two_sided=equality),)

    def excess(name: str) -> tuple[Contrast, ...]:
        return tuple(_excess(distances, name, layer) for layer in early)

    return [
        Claim(
            "3",
            f"Early layers ({_span(early)}): distances are equal within generalizing, within "
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
            f"Late layers ({_span(late)}): generalizing networks are far more similar to each "
            "other than memorizing networks are",
            "mean PWCCA distance within memorizing minus within generalizing, layer by layer",
            "difference",
            gaps(late, (MEMORIZING, GENERALIZING)),
        ),
        Claim(
            "3",
            f"Late layers ({_span(late)}): memorizing networks are as far from each other as from "
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
        Claim(
            "A9",
            f"Mean CCA and SVCCA show the same broad picture: late layers ({_span(late)}) of "
            "generalizing networks are more similar than those of memorizing ones",
            "mean distance within memorizing minus within generalizing, by either measure, layer "
            "by layer",
            "difference",
            gaps(late, (MEMORIZING, GENERALIZING), measures=("cca", "svcca")),
        ),
        Claim(
            "A9",
            "PWCCA sees generalizing networks become more similar over the last two convolutions",
            f"mean PWCCA distance within generalizing at {before} minus at {last}",
            "difference",
            drop("pwcca"),
        ),
        Claim(
            "A9",
            "Mean CCA does not see that",
            f"mean CCA distance within generalizing at {before} minus at {last}",
            "equality",
            drop("cca", equality=True),
        ),
        Claim(
            "A9",
            "SVCCA does not see that",
            f"mean SVCCA distance within generalizing at {before} minus at {last}",
            "equality",
            drop("svcca", equality=True),
            f"99 % of the variance of {last} lies in {kept:.1f} directions (mean over the "
            "generalizing networks), and SVCCA looks at those alone",
        ),
        *(
            Claim(
                "A9",
                f"{words} overestimates early distances ({_span(early)}) relative to PWCCA",
                f"{MEASURES[name]} distance minus PWCCA distance, mean over all pairs, layer by "
                "layer",
                "difference",
                excess(name),
            )
            for name, words in (("cca", "Mean CCA"), ("svcca", "SVCCA"))
        ),
    ]


def _span(layers: Sequence[str]) -> str:
    return ", ".join(layers)


def _last_two(layers: Sequence[str]) -> tuple[str, str]:
    """Name the layer before the last two convolutions, and the last; the softmax follows."""
    return layers[-4], layers[-2]


def _gap(
    distances: Distances, name: str, layer: str, minuend: str, subtrahend: str, *, two_sided: bool
) -> Contrast:
    """Contrast two of the three mean distances at a layer."""
    table = distances.at(name, layer)
    means: dict[str, Statistic] = {
        GENERALIZING: lambda first, second: exchange.within(table, first),
        MEMORIZING: lambda first, second: exchange.within(table, second),
        INTER: lambda first, second: exchange.between(table, first, second),
    }

    def statistic(first: Floats, second: Floats) -> Floats:
        return means[minuend](first, second) - means[subtrahend](first, second)

    n = distances.group_size
    return _contrast(
        f"{layer}, {MEASURES[name]}: {minuend} - {subtrahend}",
        statistic,
        n,
        exchange.exchange_labels(statistic, n, two_sided=two_sided),
    )


def _drop(distances: Distances, name: str, before: str, last: str, *, two_sided: bool) -> Contrast:
    """Contrast the generalizing networks' distances at two layers."""
    n = distances.group_size
    early, late = distances.at(name, before), distances.at(name, last)
    exact = exchange.exchange_layers(
        *(
            distances.at(name, x, y)[:n, :n]
            for x, y in ((before, before), (last, last), (before, last), (last, before))
        ),
        two_sided=two_sided,
    )
    return _contrast(
        f"{MEASURES[name]}, {GENERALIZING}: {before} - {last}",
        lambda first, second: exchange.within(early, first) - exchange.within(late, first),
        n,
        exact,
    )


def _excess(distances: Distances, name: str, layer: str) -> Contrast:
    """Contrast a measure with PWCCA on the same pairs."""
    differences = distances.at(name, layer) - distances.at("pwcca", layer)
    return _contrast(
        f"{layer}: {MEASURES[name]} - {MEASURES['pwcca']}",
        lambda first, second: exchange.within(differences, first + second),
        distances.group_size,
        exchange.exchange_measures(differences),
    )


def _contrast(where: str, statistic: Statistic, n: int, exact: Exact) -> Contrast:
    return Contrast(where, exchange.observe(statistic, n), exchange.interval(statistic, n), exact)


# --- The figure and its numbers ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Figure3:
    """What a run found, and where it was written."""

    data: ImageData
    setup: SetUp
    trained: tuple[Trained, ...]
    distances: Distances
    claims: tuple[Claim, ...]
    files: tuple[Path, ...]

    def tables(self) -> list[RenderableType]:
        """Return what to print: the networks, the mean distances, the claims, the files."""
        return [
            _networks_line(self.trained),
            _distances_table(self.distances),
            _claims_table(self.claims),
            "In brackets: 90 % interval over networks. p: exact, over exchanges of networks, of no "
            f"difference at all. A claimed difference must reach {MARGIN} with p <= {ALPHA}; a "
            f"claimed equality needs an interval within +-{MARGIN}.",
            *(f"wrote {file}" for file in self.files),
        ]


def run(
    networks: int = 5,
    out: str | os.PathLike[str] = "demo",
    seed: int = 0,
    *,
    console: Console | None = None,
) -> Figure3:
    """Reproduce figures 3 and A9 on scikit-learn's digits.

    Writes ``figure3.png``, ``distances.csv`` (a row for each ordered pair, layer and measure) and
    ``results.json`` (set-up, versions, networks, group means, claims) when everything is computed.
    The files depend on the arguments, the versions and the kind of processor alone.

    Parameters
    ----------
    networks : int
        How many to train on each labelling, 2 to 10.
    out : path
        Folder to write to; made if it is not there.
    seed : int
        Of the split, the random labelling and every network.
    console : rich.console.Console, optional
        Where to show progress; stderr by default.

    Raises
    ------
    ValueError
        When a number is out of range, or `out` cannot be a folder.
    ImportError
        When PyTorch or scikit-learn is not installed.
    """
    setup = SetUp(networks=networks, seed=seed)
    folder = Path(out)
    _check_folder(folder)
    return reproduce(load(seed), setup, folder, console=console)


def reproduce(
    data: ImageData, setup: SetUp, folder: Path, *, console: Console | None = None
) -> Figure3:
    """Train, measure, judge and write, on any images and with any set-up."""
    from rich.console import Console

    console = Console(stderr=True) if console is None else console
    trained = train_groups(data, setup, console)
    with console.status("comparing every layer of every pair of networks"):
        distances = measure(trained, data.train_images)
        judged = claims(distances)
    contents = {
        "figure3.png": _png(draw(data, distances)),
        "distances.csv": _csv(distances).encode(),
        "results.json": _json(data, setup, trained, distances, judged).encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:  # all are complete before the first takes its place
        for name, content in contents.items():
            stack.enter_context(new_file(folder / name)).write(content)
    files = tuple(folder / name for name in contents)
    return Figure3(data, setup, tuple(trained), distances, tuple(judged), files)


def draw(data: ImageData, distances: Distances) -> Figure:
    """Draw figure 3 and, beside it, figure A9."""
    from matplotlib.figure import Figure

    from isorep.plot.groups import groups

    n = distances.group_size
    figure = Figure(figsize=(10.5, 4.1), layout="constrained")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for ax, (name, title) in zip(panels, MEASURES.items(), strict=True):
        groups(distances.pairs(name), distances.layers, name, ax=ax)
        ax.set_title(title)
        ax.set(xlabel="", ylabel="distance, 0 is the same" if ax is panels[0] else "")
        if ax is not panels[0]:
            ax.get_legend().remove()
    figure.suptitle(
        f"{n} networks trained on the true labels and {n} on one random labelling of "
        f"{len(data.train_images):,} images"
    )
    figure.supxlabel(
        f"{data.name}, training images; inter: one network of each group; lines: mean over ordered "
        "pairs of networks, bands: one standard deviation",
        fontsize="small",
    )
    return figure


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    return content.getvalue()


def _check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before minutes of training."""
    for path in (folder, *folder.absolute().parents):
        if path.exists():
            if not path.is_dir():
                raise ValueError(f"out must be a folder, but {str(path)!r} is a file")
            if not os.access(path, os.W_OK):
                raise ValueError(f"out must be a folder to write to, but {str(path)!r} is not")
            return


def _csv(distances: Distances) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["layer", "measure", "group", "x", "y", "distance"])
    for layer in distances.layers:
        for name in MEASURES:
            for (i, j), value in np.ndenumerate(distances.at(name, layer)):
                if i != j:
                    x, y = distances.networks[i], distances.networks[j]
                    group = distances.group_of(i, j)
                    writer.writerow([layer, name, group, x, y, repr(float(value))])
    return out.getvalue()


def _json(
    data: ImageData,
    setup: SetUp,
    trained: Sequence[Trained],
    distances: Distances,
    judged: Sequence[Claim],
) -> str:
    found: dict[str, Any] = {
        "figures": "3 and A9 of Morcos et al. (2018), arXiv 1806.05759",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("isorep", "numpy", "scipy", "torch")},
        },
        "setup": {
            "data": data.name,
            "train_images": len(data.train_images),
            "test_images": len(data.test_images),
            **asdict(setup),
        },
        "criteria": {"margin": MARGIN, "alpha": ALPHA, "confidence": exchange.CONFIDENCE},
        "networks": [
            {key: value for key, value in vars(one).items() if key != "network"} for one in trained
        ],
        "distances": {
            name: {
                group: {
                    layer: {"mean": float(mean), "std": float(std), "ordered_pairs": len(values)}
                    for layer, mean, std in zip(
                        distances.layers, values.mean(axis=0), values.std(axis=0), strict=True
                    )
                }
                for group, values in distances.pairs(name).items()
            }
            for name in MEASURES
        },
        "claims": [claim.as_dict() for claim in judged],
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _networks_line(trained: Sequence[Trained]) -> str:
    """Say how the trainings ended."""
    lines = []
    for group in (GENERALIZING, MEMORIZING):
        own = [one for one in trained if one.group == group]
        epochs = [one.epochs for one in own]
        lines.append(
            f"{len(own)} {group} networks: {min(epochs)} to {max(epochs)} epochs, training loss up "
            f"to {max(one.loss for one in own):.4f}, accuracy on unseen images "
            f"{np.mean([one.test_accuracy for one in own]):.0%}"
        )
    lines.extend(
        f"{one.name} did not reach near-zero loss: {one.loss:.4f} after {one.epochs} epochs"
        for one in trained
        if not one.converged
    )
    return "\n".join(lines)


def _distances_table(distances: Distances) -> Table:
    from rich.table import Table

    listing = Table(
        title="Mean distance between networks (0 is the same)",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    listing.add_column("\nlayer")
    columns: list[Mapping[str, Floats]] = [distances.pairs(name) for name in MEASURES]
    for title in MEASURES.values():
        for heading in (f"{title}\ngener.", "\nmemor.", "\ninter"):
            listing.add_column(heading, justify="right", no_wrap=True)
    for at, layer in enumerate(distances.layers):
        listing.add_row(
            layer,
            *(f"{values[:, at].mean():.3f}" for groups in columns for values in groups.values()),
        )
    return listing


def _claims_table(judged: Sequence[Claim]) -> Table:
    from rich.table import Table
    from rich.text import Text

    colours = {"reproduced": "green", "not reproduced": "red"}
    listing = Table(
        title="The paper's claims",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    listing.add_column("figure")
    listing.add_column("verdict", width=14)
    listing.add_column("claim, and what decides it")
    for claim in judged:
        at = claim.deciding
        among = f" (worst of {len(claim.contrasts)})" if len(claim.contrasts) > 1 else ""
        between = "" if at.interval is None else " [{}, {}]".format(*map(_short, at.interval))
        words = Text(claim.words)
        words.append(
            f"\n{at.where}{among} = {_short(at.effect)}{between}, p = {at.exact.p_value:.3f}",
            style="dim",
        )
        if claim.verdict == "not reproduced" and claim.reason:
            words.append(f"\nlikely reason: {claim.reason}", style="dim")
        verdict = Text(claim.verdict, style=colours.get(claim.verdict, "yellow"))
        listing.add_row(claim.figure, verdict, words)
    return listing


def _short(number: float) -> str:
    return f"{round(number, 3) + 0.0:.3f}"  # what rounds to -0 is 0
