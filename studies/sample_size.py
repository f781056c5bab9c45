"""Error of the correction for finite-sample bias, and coverage of the intervals.

Populations have known canonical correlations, of many distributions; samples are Gaussian or not.
For activations of trained networks, the reference is the corrected value of all samples. The study
draws samples of 2, 4 and 8 times p + q rows, and compares raw and corrected measures, and their
intervals, with the reference.

Writes ``sample-size.csv`` (a row for each case, number of samples and measure) and
``sample-size.png``, and prints the summary of docs/sample-size.md. The study trains two networks of
`isorep paper fig3 --source digits`; with ``--data``, also two ResNets on CIFAR-10; with
``--activations``, it also reads two files of layers. With ``--cases``, only some cases run, and the
others keep their rows of the table.
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import partial
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep.inference.infer import Inference, examine
from isorep.measures.registry import measure_named

Floats = NDArray[np.float64]

MEASURES = {
    "mean CCA": "cca",
    "mean squared CCA": "cca_squared",
    "PWCCA": "pwcca",
    "PWCCA, by variance": "pwcca(weighting=variance)",
    "SVCCA": "svcca",
    "CKA": "cka",
}
RATIOS = (2, 4, 8)
"""Numbers of samples per direction of both sides."""

LARGE = 200_000
"""Samples that give the value of a population whose correlations are not known."""

RECTANGULAR = ("exponential decay", "graded", "half zeros", "all 0.4")
"""Correlations that are studied for sides of different widths too."""

OTHERS = ("Laplace", "exponential", "t(5)", "t(5) scale of a sample")
"""Distributions of samples that are not Gaussian."""

NETWORKS = "networks"
DIGITS_LAYERS = ("conv5", "conv8")
RESNET_LAYERS = ("block1", "block2", "block3")
COLOURS = ("#9ecae1", "#4292c6", "#08306b")
RESULTS = "sample-size.csv"
FIGURE = "sample-size.png"

Draw = Callable[[int, np.random.Generator], tuple[Floats, Floats]]
Layers = dict[str, Floats]


@dataclass(frozen=True)
class Row:
    """The result of a measure in a case; errors are means over the repeats."""

    data: str
    kind: str
    p: int
    q: int
    n: int
    samples_per_direction: float
    measure: str
    truth: float
    raw_error: float
    corrected_error: float
    corrected_sd: float
    covered: float
    width: float
    repeats: int

    @property
    def case(self) -> str:
        """Name of the case."""
        return named(self.data, self.kind, self.p, self.q)


@dataclass(frozen=True)
class Case:
    """Data to study.

    Attributes
    ----------
    data, kind : str
        Distribution of the correlations, and of the samples.
    ranks : (int, int)
    truth : function
        Returns the reference values, (6,).
    draw : function
        Draws n samples.
    """

    data: str
    kind: str
    ranks: tuple[int, int]
    truth: Callable[[], Floats]
    draw: Callable[[int, np.random.Generator], isorep.Overlap]

    @property
    def name(self) -> str:
        """Name of the case."""
        return named(self.data, self.kind, *self.ranks)


def named(data: str, kind: str, p: int, q: int) -> str:
    """Return the name of a case."""
    widths = "" if p == q else f", {p} x {q}"
    if data in (NETWORKS, "not linear"):
        return f"{kind}{widths}"
    return data + ("" if kind == "Gaussian" else f", {kind}") + widths


def study(case: Case, repeats: int, seed: int) -> Iterator[Row]:
    """Compare samples of a case with its reference value."""
    rows = [measure_named(name) for name in MEASURES.values()]
    truth = case.truth()
    for ratio in RATIOS:
        n = ratio * sum(case.ranks)
        estimates = []
        for stream in np.random.SeedSequence([seed, ratio]).spawn(repeats):
            sample = case.draw(n, np.random.default_rng(stream))
            inferences = examine(sample, rows, chance=False, seed=int(stream.generate_state(1)[0]))
            estimates.append([_numbers(inferences[row.label].inference) for row in rows])
        raw, corrected, low, high = np.moveaxis(np.array(estimates), -1, 0)
        for i, measure in enumerate(MEASURES):
            numbers = (
                truth[i],
                raw[:, i].mean() - truth[i],
                corrected[:, i].mean() - truth[i],
                corrected[:, i].std(ddof=1),
                # A population's value of 0 or 1 is reached only to within rounding.
                np.mean((low[:, i] <= truth[i] + 1e-3) & (truth[i] - 1e-3 <= high[:, i])),
                np.mean(high[:, i] - low[:, i]),
            )
            rounded = (round(float(number), 5) for number in numbers)
            yield Row(case.data, case.kind, *case.ranks, n, ratio, measure, *rounded, repeats)


def _numbers(inference: Inference) -> tuple[float, float, float, float]:
    return (inference.similarity, inference.corrected, *inference.interval)


# --- Simulated data ------------------------------------------------------------------------------


def spectra(c: int) -> dict[str, Floats]:
    """Return c canonical correlations of several distributions."""
    rank = np.arange(1, c + 1)
    share = (rank - 0.5) / c
    half, third = c // 2, c // 3
    return {
        "exponential decay": 0.95 * np.exp(-5 * rank / c),
        "rank^-1/2": 0.95 * rank**-0.5,
        "rank^-1": 0.95 / rank,
        "rank^-2": 0.95 / rank**2.0,
        "graded": 0.9 * (1 - share) ** 1.5,
        "linear": 0.95 * (1 - share),
        "concave": 0.9 * (1 - share**2),
        "two values": np.concatenate([np.full(third, 0.8), np.full(c - third, 0.3)]),
        "half zeros": np.concatenate([np.full(half, 0.6), np.zeros(c - half)]),
        "half graded, half zeros": np.concatenate(
            [np.linspace(0.9, 0.2, half), np.zeros(c - half)]
        ),
        "few strong": np.concatenate([np.linspace(0.95, 0.8, c // 8), np.zeros(c - c // 8)]),
        "one strong, others weak": np.concatenate([[0.9], np.full(c - 1, 0.1)]),
        "all 0.2": np.full(c, 0.2),
        "all 0.4": np.full(c, 0.4),
        "unrelated": np.zeros(c),
    }


def coordinates(kind: str, n: int, width: int, rng: np.random.Generator) -> Floats:
    """Draw independent coordinates of variance 1."""
    if kind == "Laplace":
        return rng.laplace(size=(n, width)) / sqrt(2)
    if kind == "exponential":
        return rng.exponential(size=(n, width)) - 1
    if kind == "t(5)":
        return rng.standard_t(5, (n, width)) * sqrt(3 / 5)
    return rng.standard_normal((n, width))


def linear(
    n: int,
    rng: np.random.Generator,
    *,
    rho: Floats,
    loadings: tuple[Floats, Floats],
    kind: str = "Gaussian",
) -> tuple[Floats, Floats]:
    """Draw two sides of canonical correlations rho."""
    p, q, c = len(loadings[0]), len(loadings[1]), len(rho)
    z, e = coordinates(kind, n, p, rng), coordinates(kind, n, q, rng)
    if kind == "t(5) scale of a sample":
        scale = np.sqrt(3 / rng.chisquare(5, (n, 1)))
        z, e = z * scale, e * scale
    e[:, :c] = z[:, :c] * rho + e[:, :c] * np.sqrt(1 - rho**2)
    return z @ loadings[0], e @ loadings[1]


def rectified(n: int, rng: np.random.Generator, *, weights: list[Floats]) -> tuple[Floats, Floats]:
    """Draw two ReLU layers on the same noisy inputs."""
    inputs = rng.standard_normal((n, weights[0].shape[0]))
    return tuple(
        np.maximum(0, (inputs + 0.7 * rng.standard_normal(inputs.shape)) @ w) for w in weights
    )


def classes(n: int, rng: np.random.Generator, *, weights: list[Floats]) -> tuple[Floats, Floats]:
    """Draw two sides that share which of ten classes a sample belongs to."""
    centres = rng.integers(0, 10, n)
    return tuple(w[centres] + rng.standard_normal((n, w.shape[1])) for w in weights)


def one_hot(n: int, rng: np.random.Generator, *, width: int) -> tuple[Floats, Floats]:
    """Draw one-hot words, and the same with a share of 0.4 replaced by others."""
    x = rng.integers(0, width + 1, n)
    y = np.where(rng.random(n) < 0.4, rng.integers(0, width + 1, n), x)
    return tuple(np.eye(width + 1)[side][:, :width] for side in (x, y))


def mixed(width: int, rng: np.random.Generator) -> Floats:
    """Return loadings whose variances decrease a hundredfold, not along canonical directions."""
    turn = [np.linalg.qr(rng.standard_normal((width, width)))[0] for _ in range(2)]
    return turn[0] @ (np.geomspace(1, 0.1, width)[:, None] * turn[1])


def values(overlap: isorep.Overlap) -> Floats:
    """Return all measures of an overlap, (6,)."""
    return np.array([measure_named(name)(overlap).similarity for name in MEASURES.values()])


def exact(rho: Floats, loadings: tuple[Floats, Floats], seed: list[int]) -> Floats:
    """Return the measures of the population, from samples with its exact second moments."""
    rng = np.random.default_rng(seed)
    p, q, c = len(loadings[0]), len(loadings[1]), len(rho)
    columns = np.column_stack([np.ones(4 * (p + q)), rng.standard_normal((4 * (p + q), p + q))])
    basis = np.linalg.qr(columns)[0][:, 1:]
    z, e = basis[:, :p], basis[:, p:].copy()
    e[:, :c] = z[:, :c] * rho + e[:, :c] * np.sqrt(1 - rho**2)
    return values(isorep.overlap(z @ loadings[0], e @ loadings[1], solver="svd"))


def simulations(seed: int) -> Iterator[Case]:
    """Return the cases of simulated data."""
    for p, q in ((40, 40), (20, 100), (100, 40), (1, 30)):
        rng = np.random.default_rng([seed, p])
        loadings = mixed(p, rng), mixed(q, rng)
        kinds = spectra(min(p, q))
        if p == 1:
            kinds = {f"all {rho}": np.array([rho]) for rho in (0.3, 0.6, 0.9)}
        for number, (data, rho) in enumerate(kinds.items()):
            if p > 1 and p != q and data not in RECTANGULAR:
                continue
            truth = partial(exact, rho, loadings, [seed, p, number])
            for kind in ("Gaussian", *(OTHERS if (p, data) == (40, "graded") else ())):
                draw = partial(linear, rho=rho, loadings=loadings, kind=kind)
                yield Case(data, kind, (p, q), truth, _overlaps(draw))
    rng = np.random.default_rng([seed, 1])
    draws: dict[str, Draw] = {
        "ReLU": partial(rectified, weights=[rng.standard_normal((30, 40)) for _ in range(2)]),
        "ten classes": partial(classes, weights=[rng.standard_normal((10, 40)) for _ in range(2)]),
        "one-hot": partial(one_hot, width=40),
    }
    for kind, draw in draws.items():
        truth = partial(_of_many, draw, [seed, 1])
        yield Case("not linear", kind, (40, 40), truth, _overlaps(draw))


def _of_many(draw: Draw, seed: list[int]) -> Floats:
    return values(isorep.overlap(*draw(LARGE, np.random.default_rng(seed))))


def _overlaps(draw: Draw) -> Callable[[int, np.random.Generator], isorep.Overlap]:
    return lambda n, rng: isorep.overlap(*draw(n, rng))


# --- Activations ---------------------------------------------------------------------------------


def subset(n: int, rng: np.random.Generator, *, x: isorep.Basis, y: isorep.Basis) -> isorep.Overlap:
    """Draw a subset of the samples."""
    rows = rng.choice(x.n_samples, n, replace=False)
    return isorep.overlap(x.take(rows), y.take(rows))


def activations(
    name: str, layers: Sequence[str], load: Callable[[], tuple[Layers, Layers]], options: Options
) -> Iterator[Case]:
    """Return the cases of layers of two networks, which are loaded if a case is asked for."""
    asked = [layer for layer in layers if options.asks(f"{name} {layer}")]
    if not asked:
        return
    sides = load()
    for layer in asked:
        x, y = (isorep.Basis.from_array(side[layer], name=layer) for side in sides)
        truth = partial(_of_all, isorep.overlap(x, y), options.seed)
        draw = partial(subset, x=x, y=y)
        yield Case(NETWORKS, f"{name} {layer}", (x.rank, y.rank), truth, draw)


def _of_all(whole: isorep.Overlap, seed: int) -> Floats:
    """Return the corrected values of all samples."""
    rows = [measure_named(name) for name in MEASURES.values()]
    inferences = examine(whole, rows, interval=False, chance=False, seed=seed)
    return np.array([inferences[row.label].corrected for row in rows])


def digits() -> tuple[Layers, Layers]:
    """Train two networks on scikit-learn's digits, and capture all the images."""
    from isorep.paper.figures import fig3
    from isorep.paper.run import Run

    setup, run = fig3.SETUPS["digits"], Run()
    data = run.images(setup.images, setup.seed)
    wanted = dict(list(fig3.wanted(setup).items())[:2])
    networks = {name: trained.network for name, trained in run.networks(wanted, data).items()}
    images = np.concatenate([data.train_images, data.test_images])
    return tuple(run.capture(networks, images).values())


def resnets(folder: Path, seed: int) -> tuple[Layers, Layers]:
    """Train two ResNets on 5,000 images of CIFAR-10, and capture the 10,000 test images."""
    from isorep.paper.data.images import ImageSource
    from isorep.paper.run import Run
    from isorep.paper.training.recipe import Recipe, ResNetPlan, Wanted, network_seed

    run = Run(data=folder)
    data = run.images(ImageSource("cifar10", n_train=5_000), seed)
    recipe = Recipe(target_loss=0.0, max_epochs=5)
    wanted = {
        f"resnet{number}": Wanted(ResNetPlan(blocks=1), recipe, network_seed(seed, number))
        for number in range(2)
    }
    networks = {name: trained.network for name, trained in run.networks(wanted, data).items()}
    return tuple(run.capture(networks, data.test_images, RESNET_LAYERS).values())


# --- Output --------------------------------------------------------------------------------------


def summary(rows: list[Row]) -> str:
    """Return the table of docs/sample-size.md, in Markdown."""
    kept = [row for row in rows if "scale" not in row.kind]
    lines = [
        "| measure | n / (p + q) | uncorrected | corrected | largest | of one sample | covered | "
        "worst | width |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for measure in MEASURES:
        for ratio in RATIOS:
            part = [r for r in kept if (r.measure, r.samples_per_direction) == (measure, ratio)]
            errors = np.array([abs(row.corrected_error) for row in part])
            numbers = [
                np.mean([abs(row.raw_error) for row in part]),
                errors.mean(),
                errors.max(),
                np.mean([sqrt(r.corrected_error**2 + r.corrected_sd**2) for r in part]),
            ]
            covered = [row.covered for row in part]
            width = np.mean([row.width for row in part])
            lines.append(
                f"| {measure} | {ratio} | "
                + " | ".join(f"{number:.3f}" for number in numbers)
                + f" | {np.mean(covered):.0%} | {min(covered):.0%} | {width:.3f} |"
            )
    return "\n".join(lines)


def draw_figure(rows: list[Row], path: Path) -> None:
    """Draw the errors of all cases: a column for each measure, a line for each case."""
    from matplotlib.figure import Figure

    cases = list(dict.fromkeys(row.case for row in rows))
    figure = Figure(figsize=(17, 1.6 + 0.26 * len(cases)), layout="constrained")
    for ax, measure in zip(figure.subplots(1, len(MEASURES), sharey=True), MEASURES, strict=True):
        for band, shade in ((0.02, "0.95"), (0.01, "0.88")):
            ax.axvspan(-band, band, color=shade, linewidth=0, zorder=0)
        ax.axvline(0, color="0.5", linewidth=0.8)
        for ratio, colour, shift in zip(RATIOS, COLOURS, (-0.22, 0, 0.22), strict=True):
            part = {
                row.case: row
                for row in rows
                if (row.measure, row.samples_per_direction) == (measure, ratio)
            }
            heights = np.array([cases.index(name) + shift for name in part])
            ax.plot(
                [row.raw_error for row in part.values()],
                heights,
                linestyle="",
                marker="|",
                color=colour,
                label=f"n = {ratio} (p + q), uncorrected",
            )
            ax.errorbar(
                [row.corrected_error for row in part.values()],
                heights,
                xerr=[row.corrected_sd for row in part.values()],
                linestyle="",
                marker="o",
                markersize=3.5,
                elinewidth=0.8,
                color=colour,
                label=f"n = {ratio} (p + q), corrected",
            )
        ax.set_xscale("symlog", linthresh=0.05, linscale=1.5)
        ax.set_xlim(-0.15, 0.6)
        ticks = (-0.1, -0.02, 0, 0.02, 0.1, 0.5)
        ax.set_xticks(ticks, [f"{tick:+g}" if tick else "0" for tick in ticks], fontsize=7.5)
        ax.set_xticks([], minor=True)
        ax.set_title(measure, fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_yticks(range(len(cases)), cases, fontsize=8.5)
        ax.set_ylim(len(cases) - 0.4, -0.6)
        ax.set_xlabel("error")
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    figure.suptitle(
        f"Mean error of {rows[0].repeats} samples of each case; bars: standard deviation of one "
        "sample's; grey: within 0.01 and 0.02",
        fontsize=10,
    )
    figure.savefig(path, dpi=100)


class Options(argparse.Namespace):
    """The options of the shell."""

    out: Path
    repeats: int
    seed: int
    cases: list[str]
    data: Path | None
    activations: list[str] | None
    layers: list[str] | None
    name: str
    draw: bool

    def asks(self, case: str) -> bool:
        """Tell whether to study a case."""
        return any(fnmatchcase(case, pattern) for pattern in self.cases)


def options() -> Options:
    """Read the options of the shell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs"), help="Folder for both files.")
    parser.add_argument("--repeats", type=int, default=20, help="Samples per case and size.")
    parser.add_argument("--seed", type=int, default=0, help="Random seed.")
    parser.add_argument(
        "--cases",
        nargs="+",
        default=["*"],
        metavar="PATTERN",
        help="Cases to run, as in the figure; '*' stands for any text. Default: all.",
    )
    parser.add_argument("--data", type=Path, help="Folder with CIFAR-10, for two ResNets.")
    parser.add_argument(
        "--activations", nargs=2, metavar=("A.npz", "B.npz"), help="Files of two networks."
    )
    parser.add_argument("--layers", nargs="+", help="Layers of --activations; default: common.")
    parser.add_argument("--name", default="given", help="Name of --activations in the figure.")
    parser.add_argument("--draw", action="store_true", help="Draw the figure of an existing table.")
    return parser.parse_args(namespace=Options())


def cases(options: Options) -> Iterator[Case]:
    """Return the cases that the options ask for."""
    yield from (case for case in simulations(options.seed) if options.asks(case.name))
    yield from activations("digits", DIGITS_LAYERS, digits, options)
    if options.data:
        load = partial(resnets, options.data, options.seed)
        yield from activations("ResNet", RESNET_LAYERS, load, options)
    if options.activations:
        x, y = (isorep.load(path) for path in options.activations)
        layers = options.layers or [layer for layer in x if layer in y]
        yield from activations(options.name, layers, lambda: (x, y), options)


def main(options: Options) -> None:
    """Run the study, or draw the figure of a finished one."""
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / RESULTS
    results: dict[str, list[Row]] = {}
    if table.exists() and (options.draw or options.cases != ["*"]):
        for row in _read(table):
            results.setdefault(row.case, []).append(row)
    for case in () if options.draw else cases(options):
        results[case.name] = []
        for row in study(case, options.repeats, options.seed):
            results[case.name].append(row)
            print(
                f"{row.case:32} {row.p:4} {row.n:6} {row.measure:20} truth {row.truth:.3f} raw "
                f"{row.raw_error:+.3f} corrected {row.corrected_error:+.3f} "
                f"({row.corrected_sd:.3f}) covered {row.covered:.0%}",
                file=sys.stderr,
                flush=True,
            )
    rows = [row for of_case in results.values() for row in of_case]
    if not options.draw:
        with table.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            names = [field.name for field in fields(Row)]
            writer.writerow(names)
            writer.writerows([getattr(row, name) for name in names] for row in rows)
    draw_figure(rows, options.out / FIGURE)
    print(summary(rows))


def _read(table: Path) -> Iterator[Row]:
    types = {"n": int, "p": int, "q": int, "repeats": int}
    text = ("data", "kind", "measure")
    with table.open(newline="") as file:
        for record in csv.DictReader(file):
            yield Row(**{k: v if k in text else types.get(k, float)(v) for k, v in record.items()})


if __name__ == "__main__":
    main(options())
