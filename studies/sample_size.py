"""Error of the correction for finite-sample bias, and coverage of the intervals.

Populations have known canonical correlations, of many distributions; samples are Gaussian or not.
For activations of trained networks, the reference is the corrected value of all samples. The study
draws samples of 2, 4 and 8 times p + q rows, and compares raw and corrected measures, and their
intervals, with the reference.

Writes ``sample-size.csv`` (a row for each case, number of samples and measure) and
``sample-size.png``, and prints the summary of docs/sample-size.md. The study trains two networks of
`isorep paper fig3 --source digits`; with ``--activations``, it also reads two files of layers.
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
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

NETWORKS = "networks"
COLOURS = ("#9ecae1", "#4292c6", "#08306b")
RESULTS = "sample-size.csv"
FIGURE = "sample-size.png"

Draw = Callable[[int, np.random.Generator], tuple[Floats, Floats]]


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


def study(
    data: str,
    kind: str,
    ranks: tuple[int, int],
    truth: Floats,
    draw: Callable[[int, np.random.Generator], isorep.Overlap],
    repeats: int,
    seed: int,
) -> Iterator[Row]:
    """Compare samples of a case with its reference value."""
    rows = [measure_named(name) for name in MEASURES.values()]
    for ratio in RATIOS:
        n = ratio * sum(ranks)
        estimates = []
        for stream in np.random.SeedSequence([seed, ratio]).spawn(repeats):
            sample = draw(n, np.random.default_rng(stream))
            inferences = examine(sample, rows, chance=False, seed=int(stream.generate_state(1)[0]))
            estimates.append([_numbers(inferences[row.label]) for row in rows])
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
            yield Row(data, kind, *ranks, n, ratio, measure, *rounded, repeats)


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


def exact(rho: Floats, loadings: tuple[Floats, Floats], rng: np.random.Generator) -> Floats:
    """Return the measures of the population, from samples with its exact second moments."""
    p, q, c = len(loadings[0]), len(loadings[1]), len(rho)
    columns = np.column_stack([np.ones(4 * (p + q)), rng.standard_normal((4 * (p + q), p + q))])
    basis = np.linalg.qr(columns)[0][:, 1:]
    z, e = basis[:, :p], basis[:, p:].copy()
    e[:, :c] = z[:, :c] * rho + e[:, :c] * np.sqrt(1 - rho**2)
    return values(isorep.overlap(z @ loadings[0], e @ loadings[1], solver="svd"))


def simulations(repeats: int, seed: int) -> Iterator[Row]:
    """Study simulated data."""
    for p, q in ((40, 40), (20, 100), (100, 40)):
        rng = np.random.default_rng([seed, p])
        loadings = mixed(p, rng), mixed(q, rng)
        kinds = spectra(min(p, q))
        for data, rho in kinds.items():
            if p != q and data not in ("exponential decay", "graded", "half zeros", "all 0.4"):
                continue
            truth = exact(rho, loadings, rng)
            others = ("Laplace", "exponential", "t(5)", "t(5) scale of a sample")
            for kind in ("Gaussian", *(others if (p, data) == (40, "graded") else ())):
                draw = partial(linear, rho=rho, loadings=loadings, kind=kind)
                yield from study(data, kind, (p, q), truth, _overlaps(draw), repeats, seed)
    rng = np.random.default_rng([seed, 1])
    cases: dict[str, Draw] = {
        "ReLU": partial(rectified, weights=[rng.standard_normal((30, 40)) for _ in range(2)]),
        "ten classes": partial(classes, weights=[rng.standard_normal((10, 40)) for _ in range(2)]),
        "one-hot": partial(one_hot, width=40),
    }
    for kind, draw in cases.items():
        truth = values(isorep.overlap(*draw(LARGE, rng)))
        yield from study("not linear", kind, (40, 40), truth, _overlaps(draw), repeats, seed)


def _overlaps(draw: Draw) -> Callable[[int, np.random.Generator], isorep.Overlap]:
    return lambda n, rng: isorep.overlap(*draw(n, rng))


# --- Activations ---------------------------------------------------------------------------------


def subset(n: int, rng: np.random.Generator, *, x: isorep.Basis, y: isorep.Basis) -> isorep.Overlap:
    """Draw a subset of the samples."""
    rows = rng.choice(x.n_samples, n, replace=False)
    return isorep.overlap(x.take(rows), y.take(rows))


def activations(
    data: str, x_layers: dict, y_layers: dict, repeats: int, seed: int
) -> Iterator[Row]:
    """Study layers of two networks; the reference is the corrected value of all samples."""
    rows = [measure_named(name) for name in MEASURES.values()]
    for layer in x_layers:
        x, y = (isorep.Basis.from_array(side[layer], name=layer) for side in (x_layers, y_layers))
        whole = isorep.overlap(x, y)
        inferences = examine(whole, rows, interval=False, chance=False, seed=seed)
        truth = np.array([inferences[row.label].corrected for row in rows])
        draw = partial(subset, x=x, y=y)
        name = f"{data} {layer}"
        yield from study(NETWORKS, name, (x.rank, y.rank), truth, draw, repeats, seed)


def digits(layers: tuple[str, ...]) -> tuple[dict, dict]:
    """Train two networks on scikit-learn's digits, and capture all the images."""
    from isorep.paper.figures import fig3
    from isorep.paper.run import Run

    setup, run = fig3.SETUPS["digits"], Run()
    data = run.images(setup.images, setup.seed)
    wanted = dict(list(fig3.wanted(setup).items())[:2])
    networks = {name: trained.network for name, trained in run.networks(wanted, data).items()}
    images = np.concatenate([data.train_images, data.test_images])
    captured = run.capture(networks, images)
    first, second = ({layer: net[layer] for layer in layers} for net in captured.values())
    return first, second


# --- Output --------------------------------------------------------------------------------------


def case(row: Row) -> str:
    """Return the name of a row's case."""
    widths = "" if row.p == row.q else f", {row.p} x {row.q}"
    if row.data in (NETWORKS, "not linear"):
        return f"{row.kind}{widths}"
    return row.data + ("" if row.kind == "Gaussian" else f", {row.kind}") + widths


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

    cases = list(dict.fromkeys(map(case, rows)))
    figure = Figure(figsize=(17, 1.6 + 0.26 * len(cases)), layout="constrained")
    for ax, measure in zip(figure.subplots(1, len(MEASURES), sharey=True), MEASURES, strict=True):
        for band, shade in ((0.02, "0.95"), (0.01, "0.88")):
            ax.axvspan(-band, band, color=shade, linewidth=0, zorder=0)
        ax.axvline(0, color="0.5", linewidth=0.8)
        for ratio, colour, shift in zip(RATIOS, COLOURS, (-0.22, 0, 0.22), strict=True):
            part = {
                case(row): row
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


def main() -> None:
    """Run the study, or draw the figure of a finished one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs"), help="Folder for both files.")
    parser.add_argument("--repeats", type=int, default=20, help="Samples per case and size.")
    parser.add_argument("--seed", type=int, default=0, help="Random seed.")
    parser.add_argument(
        "--activations", nargs=2, metavar=("A.npz", "B.npz"), help="Files of two networks."
    )
    parser.add_argument("--layers", nargs="+", help="Layers of --activations; default: common.")
    parser.add_argument("--name", default="given", help="Name of --activations in the figure.")
    parser.add_argument("--draw", action="store_true", help="Draw the figure of an existing table.")
    options = parser.parse_args()
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    table = options.out / RESULTS
    rows = list(_read(table)) if options.draw else []
    options.out.mkdir(parents=True, exist_ok=True)
    for row in () if options.draw else _all(options):
        rows.append(row)
        print(
            f"{case(row):32} {row.p:4} {row.n:6} {row.measure:20} truth {row.truth:.3f} raw "
            f"{row.raw_error:+.3f} corrected {row.corrected_error:+.3f} ({row.corrected_sd:.3f}) "
            f"covered {row.covered:.0%}",
            file=sys.stderr,
            flush=True,
        )
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


def _all(options: argparse.Namespace) -> Iterator[Row]:
    yield from simulations(options.repeats, options.seed)
    yield from activations("digits", *digits(("conv5", "conv8")), options.repeats, options.seed)
    if options.activations:
        x, y = (isorep.load(path) for path in options.activations)
        layers = options.layers or [layer for layer in x if layer in y]
        both = ({layer: side[layer] for layer in layers} for side in (x, y))
        yield from activations(options.name, *both, options.repeats, options.seed)


if __name__ == "__main__":
    main()
