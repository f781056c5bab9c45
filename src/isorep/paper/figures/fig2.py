"""Figure 2: signal and noise of known size.

Set-up. X has `neurons` dimensions: k of signal, iid N(0, 1), and the others of noise with a small
standard deviation. Y consists of a random orthonormal transform of X's k signal dimensions, and of
new noise of the same kind. X and Y share all of the signal and none of the noise, so a measure of
what they share should hardly depend on k. All shared directions have a canonical correlation of 1.
Their variates are therefore arbitrary, and so are the weights of PWCCA, which causes a part of the
spread over draws.

Computed. The distance of X from Y by mean CCA, SVCCA and PWCCA, for every k and several draws. The
paper writes N(0, 0.1) and does not say whether 0.1 is the standard deviation or the variance, and
drops directions of low variance elsewhere (figure 3); the table beside the figure shows other
readings of the set-up and of the measures.

Claims. See `claims`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep._utils.parallel import one_thread
from isorep.paper.analysis.claims import MARGIN, STRONG, Claim
from isorep.paper.analysis.control import Control
from isorep.paper.analysis.group_contrasts import TITLES
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.thresholding import LEAST, thresholded
from isorep.paper.analysis.verdicts import short
from isorep.paper.figures.drawing import tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run

Floats = NDArray[np.float64]

MEASURES = ("cca", "svcca", "pwcca")


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The paper's synthetic data, with repetitions."""

    samples: int = 2000
    neurons: int = 200
    signal: tuple[int, ...] = (20, 50, 70, 80, 100, 120, 140, 160, 180, 199)
    noise: float = 0.1
    repetitions: int = 6
    seed: int = 0


SETUPS = {"laptop": SetUp(), "small": SetUp(repetitions=12), "paper": SetUp(repetitions=12)}


def toy(setup: SetUp, k: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw X and Y, (samples, neurons) each, with k dimensions of signal."""
    others = setup.neurons - k

    def noise() -> Floats:
        return setup.noise * random.standard_normal((setup.samples, others))

    signal = random.standard_normal((setup.samples, k))
    # The signs make the transform uniform over all orthonormal transforms.
    q, r = np.linalg.qr(random.standard_normal((k, k)))
    transform = q * np.sign(np.diag(r))
    return np.hstack([signal, noise()]), np.hstack([signal @ transform, noise()])


# --- Computation ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Result:
    """Distances, (repetitions, values of k): by each measure, and by other readings of them."""

    setup: SetUp
    distances: Mapping[str, Floats]
    readings: Mapping[str, Floats]


def compute(setup: SetUp, run: Run) -> Result:
    """Draw X and Y for each k and repetition, and compare them."""
    shape = setup.repetitions, len(setup.signal)
    tables: dict[str, Floats] = defaultdict(lambda: np.zeros(shape))
    with one_thread(), run.console.status("comparing X with Y"):
        for repetition, i in np.ndindex(shape):
            for name, distance in _distances(setup, setup.signal[i], repetition):
                tables[name][repetition, i] = distance
    return Result(setup, {name: tables.pop(name) for name in MEASURES}, dict(tables))


def _distances(setup: SetUp, k: int, repetition: int) -> Iterator[tuple[str, float]]:
    """Yield the distance of a draw by each measure, and by each other reading of them."""

    def draw(noise: float) -> tuple[Floats, Floats]:
        random = np.random.default_rng([setup.seed, repetition, k])
        return toy(replace(setup, noise=noise), k, random)

    cca, pwcca = isorep.MEASURES["cca"], isorep.MEASURES["pwcca"]
    x, y = draw(setup.noise)
    overlap = isorep.overlap(x, y)
    for name in MEASURES:
        yield name, isorep.MEASURES[name](overlap).distance
    ranks = (_summing_to(basis.singular_values, 0.99) for basis in (overlap.x, overlap.y))
    without = isorep.overlap(thresholded(x), thresholded(y))
    for name, score in {
        "SVCCA, cut at 99 % of the summed singular values": cca(overlap.leading(*ranks)),
        "PWCCA, directions of low variance dropped first": pwcca(without),
        "PWCCA, weights by squared projections": pwcca(overlap, weighting="variance"),
        "PWCCA, variance of the noise 0.1": pwcca(isorep.overlap(*draw(0.1**0.5))),
        "PWCCA, standard deviation of the noise 0.01": pwcca(isorep.overlap(*draw(0.01))),
    }.items():
        yield name, score.distance


def _summing_to(values: Any, share: float) -> int:
    """Return how many of the largest values hold a share of their sum."""
    sums = np.cumsum(values) / np.sum(values)
    return int(np.searchsorted(sums, share)) + 1


# --- Claims --------------------------------------------------------------------------------------

SHOWN = (0.1, 0.25, 0.5, 0.8)
"""Ratios of the table beside the figure."""

ROBUST = 0.2
"""Largest range over the ratios of a measure that is largely robust to them."""


def claims(result: Result) -> list[Claim]:
    """Judge figure 2's claims over the ratios of signal."""
    setup = result.setup
    cca, svcca, pwcca = (result.distances[name] for name in MEASURES)
    few, between = setup.signal[0], np.minimum(cca - svcca, svcca - pwcca)
    return [
        Claim(
            "2",
            "Mean CCA is extremely sensitive to the ratio of signal",
            "range of the mean CCA distance over the ratios",
            "difference",
            (contrast("range of mean CCA", np.ptp(cca, axis=1)),),
            margin=STRONG,
        ),
        Claim(
            "2",
            "PWCCA is largely robust to the ratio of signal",
            "range of the PWCCA distance over the ratios",
            "no difference",
            (contrast("range of PWCCA", np.ptp(pwcca, axis=1)),),
            "the weights depend on the standard deviation of a neuron, not on its variance: "
            f"{setup.neurons - few} noise neurons with standard deviation {setup.noise:g} weigh "
            f"about as much as {few} signal neurons with standard deviation 1, so where the signal "
            "is small half of the weight is on noise, which the two sides do not share",
            margin=ROBUST,
        ),
        Claim(
            "2",
            "SVCCA is better than mean CCA and worse than PWCCA",
            "the smaller of the distances mean CCA - SVCCA and SVCCA - PWCCA, at each ratio at "
            f"which mean CCA and PWCCA differ by {MARGIN} or more",
            "difference",
            tuple(
                contrast(f"ratio {k / setup.neurons:g}", between[:, i])
                for i, k in enumerate(setup.signal)
                if (cca - pwcca)[:, i].mean() >= MARGIN
            ),
            "the components with 99 % of the variance include most of the noise where the signal "
            "is small, and none of it where the signal is large, so that SVCCA falls below PWCCA",
            margin=0.0,
        ),
    ]


def controls(result: Result) -> list[Control]:
    """Show the mean distances by other readings of the set-up and of the measures."""
    setup = result.setup
    titled = {TITLES[name]: table for name, table in result.distances.items()}
    shown = [i for i, k in enumerate(setup.signal) if k / setup.neurons in SHOWN]
    return [
        Control(
            "Mean distance by the formulas, and by other readings of the noise and the measures "
            f"(dropped: less than {LEAST:.0%} of the largest variance)",
            (
                "measure",
                *(f"ratio {setup.signal[i] / setup.neurons:g}" for i in shown),
                "range over all ratios",
            ),
            tuple(
                (
                    name,
                    *(short(table[:, i].mean()) for i in shown),
                    short(np.ptp(table, axis=1).mean()),
                )
                for name, table in {**titled, **result.readings}.items()
            ),
        )
    ]


# --- The figure and its numbers ------------------------------------------------------------------


def draw(result: Result) -> Figure:
    """Draw the distances over the ratio of signal."""
    from matplotlib.figure import Figure

    setup = result.setup
    figure = Figure(figsize=(6, 4.1), layout="constrained")
    ax = figure.subplots()
    ratios = np.array(setup.signal) / setup.neurons
    for name, (colour, marker) in zip(
        MEASURES, (("#D55E00", "s"), ("#5A5A5A", "^"), ("#0072B2", "o")), strict=True
    ):
        mean, std = result.distances[name].mean(axis=0), result.distances[name].std(axis=0)
        ax.fill_between(ratios, mean - std, mean + std, color=colour, alpha=0.25, linewidth=0)
        ax.plot(ratios, mean, color=colour, marker=marker, label=TITLES[name], clip_on=False)
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel=f"ratio of signal dimensions to all {setup.neurons}",
        ylabel="distance, 0 is the same",
        title=f"All signal shared, no noise shared ({setup.repetitions} draws)",
    )
    tidy(ax)
    ax.legend(frameon=False)
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each k, draw and measure."""
    setup = result.setup
    for name, table in result.distances.items():
        for (repetition, i), value in np.ndenumerate(table):
            yield {
                "signal_dimensions": setup.signal[i],
                "neurons": setup.neurons,
                "measure": name,
                "draw": repetition,
                "distance": float(value),
            }


def facts(result: Result) -> dict[str, Any]:
    """Return the mean distances."""
    return {
        "data": "synthetic",
        "mean_distances": {
            name: dict(zip(map(str, result.setup.signal), table.mean(axis=0).tolist(), strict=True))
            for name, table in result.distances.items()
        },
    }
