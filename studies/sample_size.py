"""Error of the correction for finite-sample bias.

For simulated data, the reference is the exact population value. For activations of trained
networks, it is the corrected value of all samples. The study draws samples of 2, 4 and 8 times
p + q rows, and compares raw and corrected mean CCA and PWCCA with the reference.

Writes ``sample-size.csv`` (a row for each case, number of samples and measure) and
``sample-size.png``. The study trains two networks of `isorep demo` on scikit-learn's digits; with
``--activations``, it also reads two files of layers.
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep.random_matrix.population import Population

Floats = NDArray[np.float64]

MEASURES = {
    "mean CCA": ("cca", {}),
    "PWCCA": ("pwcca", {}),
    "PWCCA, by variance": ("pwcca", {"weighting": "variance"}),
}
RATIOS = (2, 4, 8)
"""Numbers of samples per direction of both sides."""

DEGREES = 5
"""Degrees of freedom of the heavy-tailed distributions; the fourth moment is their last."""

DISTRIBUTIONS = ("gaussian", "t(5) coordinates", "t(5) scale of a sample")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
RESULTS = "sample-size.csv"
FIGURE = "sample-size.png"


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
    raw_sd: float
    corrected_error: float
    corrected_sd: float
    repeats: int


def similarities(overlap: isorep.Overlap) -> Floats:
    """Return all measures of an overlap, (3,)."""
    return np.array(
        [
            isorep.MEASURES[name].compute(overlap, **options).similarity
            for name, options in MEASURES.values()
        ]
    )


def corrected(overlap: isorep.Overlap, seed: int) -> Floats:
    """Return all measures as `correct=True` corrects them, from one population, (3,)."""
    excess = Population.estimate(overlap, seed).excess(similarities, seed)
    return np.clip(similarities(overlap) - excess.mean, 0.0, 1.0)


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
    for ratio in RATIOS:
        n = ratio * sum(ranks)
        estimates = []
        for stream in np.random.SeedSequence([seed, ratio]).spawn(repeats):
            sample = draw(n, np.random.default_rng(stream))
            seed_of_sample = int(stream.generate_state(1)[0])
            estimates.append([similarities(sample), corrected(sample, seed_of_sample)])
        errors = np.array(estimates) - truth
        means, spreads = errors.mean(axis=0), errors.std(axis=0, ddof=1)
        for i, measure in enumerate(MEASURES):
            numbers = (truth[i], means[0, i], spreads[0, i], means[1, i], spreads[1, i])
            rounded = (round(float(number), 5) for number in numbers)
            yield Row(data, kind, *ranks, n, ratio, measure, *rounded, repeats)


# --- Simulated data ------------------------------------------------------------------------------


def spectra(p: int) -> dict[str, Floats]:
    """Return the canonical correlations of each kind of data."""
    strong = p // 8
    return {
        "few strong": np.concatenate([np.linspace(0.95, 0.8, strong), np.zeros(p - strong)]),
        "many graded": np.linspace(0.9, 0.0, p) ** 1.5,
        "all weak and equal": np.full(p, 0.2),
    }


def couple(
    z: Floats, e: Floats, rho: Floats, loadings: tuple[Floats, Floats], solver: str = "auto"
) -> isorep.Overlap:
    """Return the overlap of two sides with canonical correlations rho."""
    return isorep.overlap(
        z @ loadings[0], (z * rho + e * np.sqrt(1 - rho**2)) @ loadings[1], solver=solver
    )


def simulated(
    n: int,
    rng: np.random.Generator,
    *,
    rho: Floats,
    loadings: tuple[Floats, Floats],
    distribution: str,
) -> isorep.Overlap:
    """Draw samples; all coordinates have the same variance."""
    z, e = rng.standard_normal((2, n, len(rho)))
    if distribution == "t(5) coordinates":
        z, e = rng.standard_t(DEGREES, (2, n, len(rho)))
    elif distribution == "t(5) scale of a sample":
        scale = np.sqrt(DEGREES / rng.chisquare(DEGREES, (n, 1)))
        z, e = z * scale, e * scale
    return couple(z, e, rho, loadings)


def exact(rho: Floats, loadings: tuple[Floats, Floats], rng: np.random.Generator) -> Floats:
    """Return the measures of the population, from samples with its exact second moments."""
    p = len(rho)
    columns = np.column_stack([np.ones(4 * p), rng.standard_normal((4 * p, 2 * p))])
    q = np.linalg.qr(columns)[0][:, 1:]
    return similarities(couple(q[:, :p], q[:, p:], rho, loadings, "svd"))


def simulations(repeats: int, seed: int) -> Iterator[Row]:
    """Study simulated data."""
    for p in (64, 32):
        rng = np.random.default_rng([seed, p])
        for data, rho in spectra(p).items():
            # Variances decrease a hundredfold, in directions other than the canonical ones.
            loadings = tuple(
                np.geomspace(1, 0.1, p)[:, None] * np.linalg.qr(rng.standard_normal((p, p)))[0]
                for _ in range(2)
            )
            loadings = tuple(
                np.linalg.qr(rng.standard_normal((p, p)))[0] @ side for side in loadings
            )
            truth = exact(rho, loadings, rng)
            for kind in DISTRIBUTIONS:
                draw = partial(simulated, rho=rho, loadings=loadings, distribution=kind)
                yield from study(data, kind, (p, p), truth, draw, repeats, seed)


# --- Activations ---------------------------------------------------------------------------------


def subset(n: int, rng: np.random.Generator, *, x: isorep.Basis, y: isorep.Basis) -> isorep.Overlap:
    """Draw a subset of the samples."""
    rows = rng.choice(x.n_samples, n, replace=False)
    return isorep.overlap(x.take(rows), y.take(rows))


def activations(
    data: str, x_layers: dict, y_layers: dict, repeats: int, seed: int
) -> Iterator[Row]:
    """Study layers of two networks; the reference is the corrected value of all samples."""
    for layer in x_layers:
        x, y = (isorep.Basis.from_array(side[layer], name=layer) for side in (x_layers, y_layers))
        ranks = x.rank, y.rank
        truth = corrected(isorep.overlap(x, y), seed)
        draw = partial(subset, x=x, y=y)
        yield from study(data, layer, ranks, truth, draw, repeats, seed)


def digits(layers: tuple[str, ...]) -> tuple[dict, dict]:
    """Train two networks by the recipe of `isorep demo`, and capture all the images."""
    from isorep.paper.figures import fig3
    from isorep.paper.run import Run

    setup, run = fig3.SETUPS["laptop"], Run()
    data = run.images(setup.images, setup.seed)
    wanted = dict(list(fig3.wanted(setup).items())[:2])
    networks = {name: trained.network for name, trained in run.networks(wanted, data).items()}
    images = np.concatenate([data.train_images, data.test_images])
    captured = run.capture(networks, images)
    first, second = ({layer: net[layer] for layer in layers} for net in captured.values())
    return first, second


# --- Output --------------------------------------------------------------------------------------


def draw_figure(rows: list[Row], path: Path) -> None:
    """Draw the errors over the number of samples: a row per measure, a column per kind of data."""
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.p == 64 or row.data not in spectra(64)]
    columns = list(dict.fromkeys(row.data for row in shown))
    figure = Figure(figsize=(3.1 * len(columns), 8.2), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(columns), sharex=True, sharey=True, squeeze=False)
    for line, measure in zip(grid, MEASURES, strict=True):
        for ax, data in zip(line, columns, strict=True):
            cell = [row for row in shown if (row.measure, row.data) == (measure, data)]
            _panel(ax, cell)
        line[0].set_ylabel(f"{measure}\nerror")
    for column, data in zip(grid.T, columns, strict=True):
        column[0].set_title(data if data in spectra(64) else f"networks: {data}", fontsize=10)
        column[-1].set_xlabel("samples / (p + q)")
        column[-1].legend(
            frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.22)
        )
    figure.suptitle(
        f"Mean error of {shown[0].repeats} samples. Dashed: as it is; solid: corrected, with the "
        "standard deviation of one sample's; grey: within 0.01 and 0.02",
        fontsize=10,
    )
    figure.savefig(path, dpi=100)


def _panel(ax, rows: list[Row]) -> None:
    for band, shade in ((0.02, "0.94"), (0.01, "0.86")):
        ax.axhspan(-band, band, color=shade, linewidth=0, zorder=0)
    ax.axhline(0, color="0.5", linewidth=0.8)
    kinds = list(dict.fromkeys(row.kind for row in rows))
    for i, (kind, colour) in enumerate(zip(kinds, COLOURS, strict=False)):
        points = [row for row in rows if row.kind == kind]
        # Small shifts, so that all error bars are visible.
        positions = np.array([row.samples_per_direction for row in points]) * 1.05 ** (i - 1)
        ax.plot(
            positions, [row.raw_error for row in points], color=colour, linestyle="--", linewidth=1
        )
        ax.errorbar(
            positions,
            [row.corrected_error for row in points],
            [row.corrected_sd for row in points],
            color=colour,
            marker="o",
            markersize=4,
            linewidth=1.6,
            elinewidth=0.7,
            label=kind,
        )
    ax.set_xscale("log", base=2)
    ax.set_xticks(RATIOS, [str(ratio) for ratio in RATIOS])
    ax.set_xlim(1.8, 8.9)
    ax.set_yscale("symlog", linthresh=0.02, linscale=1.0)
    ax.set_ylim(-0.08, 0.6)
    ticks = (-0.05, -0.02, -0.01, 0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
    ax.set_yticks(ticks, [f"{tick:+g}" if tick else "0" for tick in ticks])
    ax.set_yticks([], minor=True)
    ax.spines[["top", "right"]].set_visible(False)


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
    if options.draw:
        with table.open(newline="") as file:
            types = {"n": int, "p": int, "q": int, "repeats": int}
            text = ("data", "kind", "measure")
            rows = [
                Row(**{k: v if k in text else types.get(k, float)(v) for k, v in record.items()})
                for record in csv.DictReader(file)
            ]
        draw_figure(rows, options.out / FIGURE)
        return
    rows = []
    options.out.mkdir(parents=True, exist_ok=True)
    for row in _all(options):
        rows.append(row)
        print(
            f"{row.data:20} {row.kind:24} {row.p:4} {row.n:6} {row.measure:20} truth "
            f"{row.truth:.3f} raw {row.raw_error:+.3f} corrected {row.corrected_error:+.3f} "
            f"({row.corrected_sd:.3f})",
            file=sys.stderr,
            flush=True,
        )
    with table.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [field.name for field in fields(Row)]
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)
    draw_figure(rows, options.out / FIGURE)


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
