"""How far the correction for the number of samples can be trusted: its error, measured.

Simulated data have an exact answer. Activations of trained networks have the corrected value of all
their samples instead. Samples of 2, 4 and 8 times p + q rows are drawn from either, and mean CCA
and PWCCA compared with that answer, as they are and corrected.

Writes ``sample-size.csv`` (a row for each case, number of samples and measure) and
``sample-size.png``. Without ``--activations``, two networks of `isorep demo` are trained on
scikit-learn's digits and nothing is read; with it, two files of layers are studied beside them.
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
"""Samples for each direction of both sides."""

DEGREES = 5
"""Of freedom of the heavy-tailed distributions; the fourth moment is the last that they have."""

DISTRIBUTIONS = ("gaussian", "t(5) coordinates", "t(5) scale of a sample")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
RESULTS = "sample-size.csv"
FIGURE = "sample-size.png"


@dataclass(frozen=True)
class Row:
    """What one measure showed in one case; errors are means over the repeats."""

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


def read(overlap: isorep.Overlap) -> Floats:
    """Return all the measures of an overlap, (3,)."""
    return np.array(
        [
            isorep.MEASURES[name].read(overlap, **options).similarity
            for name, options in MEASURES.values()
        ]
    )


def corrected(overlap: isorep.Overlap, seed: int) -> Floats:
    """Return what `correction="spectrum"` makes of all the measures, from one population."""
    return np.clip(
        read(overlap) - Population.estimate(overlap, seed).excess(read, seed).mean, 0.0, 1.0
    )


def study(
    data: str,
    kind: str,
    ranks: tuple[int, int],
    truth: Floats,
    draw: Callable[[int, np.random.Generator], isorep.Overlap],
    repeats: int,
    seed: int,
) -> Iterator[Row]:
    """Compare samples of one case with its answer."""
    for ratio in RATIOS:
        n = ratio * sum(ranks)
        found = []
        for stream in np.random.SeedSequence([seed, ratio]).spawn(repeats):
            sample = draw(n, np.random.default_rng(stream))
            found.append([read(sample), corrected(sample, int(stream.generate_state(1)[0]))])
        errors = np.array(found) - truth
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
    """Give samples with canonical correlations rho their features."""
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
    """Draw samples, all coordinates of unit variance up to a common factor."""
    z, e = rng.standard_normal((2, n, len(rho)))
    if distribution == "t(5) coordinates":
        z, e = rng.standard_t(DEGREES, (2, n, len(rho)))
    elif distribution == "t(5) scale of a sample":
        scale = np.sqrt(DEGREES / rng.chisquare(DEGREES, (n, 1)))
        z, e = z * scale, e * scale
    return couple(z, e, rho, loadings)


def exact(rho: Floats, loadings: tuple[Floats, Floats], rng: np.random.Generator) -> Floats:
    """Return the measures of the population: of samples whose second moments are its own."""
    p = len(rho)
    columns = np.column_stack([np.ones(4 * p), rng.standard_normal((4 * p, 2 * p))])
    q = np.linalg.qr(columns)[0][:, 1:]
    return read(couple(q[:, :p], q[:, p:], rho, loadings, "svd"))


def simulations(repeats: int, seed: int) -> Iterator[Row]:
    """Study simulated data."""
    for p in (64, 32):
        rng = np.random.default_rng([seed, p])
        for data, rho in spectra(p).items():
            # Variances fall off a hundredfold, in directions that are not the canonical ones.
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
    """Draw some of the samples."""
    rows = rng.choice(x.n_samples, n, replace=False)
    return isorep.overlap(x.take(rows), y.take(rows))


def activations(data: str, a: dict, b: dict, repeats: int, seed: int) -> Iterator[Row]:
    """Study layers of two networks against the corrected value of all samples."""
    for layer in a:
        x, y = (isorep.Basis.from_array(side[layer], name=layer) for side in (a, b))
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
    networks = {name: one.network for name, one in run.networks(wanted, data).items()}
    images = np.concatenate([data.train_images, data.test_images])
    captured = run.capture(networks, images)
    first, second = ({layer: net[layer] for layer in layers} for net in captured.values())
    return first, second


# --- Output --------------------------------------------------------------------------------------


def draw_figure(rows: list[Row], path: Path) -> None:
    """Draw the errors against the number of samples: a row a measure, a column a kind of data."""
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.p == 64 or row.data not in spectra(64)]
    columns = list(dict.fromkeys(row.data for row in shown))
    figure = Figure(figsize=(3.1 * len(columns), 8.2), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(columns), sharex=True, sharey=True, squeeze=False)
    for line, measure in zip(grid, MEASURES, strict=True):
        for ax, data in zip(line, columns, strict=True):
            mine = [row for row in shown if (row.measure, row.data) == (measure, data)]
            _panel(ax, mine)
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
        mine = [row for row in rows if row.kind == kind]
        # Beside each other, so that every bar shows.
        at = np.array([row.samples_per_direction for row in mine]) * 1.05 ** (i - 1)
        ax.plot(at, [row.raw_error for row in mine], color=colour, linestyle="--", linewidth=1)
        ax.errorbar(
            at,
            [row.corrected_error for row in mine],
            [row.corrected_sd for row in mine],
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
    """Run the study, or draw the figure of one that was run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder for both files")
    parser.add_argument("--repeats", type=int, default=20, help="samples drawn for each number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--activations", nargs=2, metavar=("A.npz", "B.npz"), help="two networks")
    parser.add_argument("--layers", nargs="+", help="of --activations; all that both have, if none")
    parser.add_argument("--name", default="given", help="what --activations are, in the figure")
    parser.add_argument("--draw", action="store_true", help="draw the figure from the table only")
    options = parser.parse_args()
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    table = options.out / RESULTS
    if options.draw:
        with table.open(newline="") as file:
            types = {"n": int, "p": int, "q": int, "repeats": int}
            text = ("data", "kind", "measure")
            rows = [
                Row(**{k: v if k in text else types.get(k, float)(v) for k, v in one.items()})
                for one in csv.DictReader(file)
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
        a, b = (isorep.load(path) for path in options.activations)
        layers = options.layers or [layer for layer in a if layer in b]
        both = ({layer: side[layer] for layer in layers} for side in (a, b))
        yield from activations(options.name, *both, options.repeats, options.seed)


if __name__ == "__main__":
    main()
