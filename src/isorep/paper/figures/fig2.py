"""Figure 2: signal and noise of known size.

Set-up. X has `neurons` dimensions: k of signal, iid N(0, 1), and the others of noise, with a small
standard deviation. Y is a random orthonormal transform of X's k signal dimensions beside fresh
noise of the same kind. All of the signal is shared and none of the noise, so that a measure of what
the two have in common should hardly depend on k. The shared directions all have a canonical
correlation of 1, so that which variates stand for them, and with them the weights of PWCCA, are
arbitrary: a part of the spread over draws.

What is computed. The distance of X from Y by mean CCA, SVCCA and PWCCA, for every k and several
draws.

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.parallel import one_thread
from isorep.core.overlap import overlap
from isorep.measures import MEASURES as ALL
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.contrasts import TITLES
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isorep.paper.run import Run

Floats = NDArray[np.float64]

MEASURES = ("cca", "svcca", "pwcca")


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """What is drawn; the paper's toy, with repetitions."""

    samples: int = 2000
    neurons: int = 200
    signal: tuple[int, ...] = (20, 50, 70, 80, 100, 120, 140, 160, 180, 199)
    noise: float = 0.1
    repetitions: int = 6
    seed: int = 0


SETUPS = {"laptop": SetUp(), "small": SetUp(repetitions=12), "paper": SetUp(repetitions=12)}


def toy(setup: SetUp, k: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw X and Y, (samples, neurons), with k dimensions of signal."""
    others = setup.neurons - k

    def noise() -> Floats:
        return setup.noise * random.standard_normal((setup.samples, others))

    signal = random.standard_normal((setup.samples, k))
    # The signs make it uniform over all orthonormal transforms.
    q, r = np.linalg.qr(random.standard_normal((k, k)))
    transform = q * np.sign(np.diag(r))
    return np.hstack([signal, noise()]), np.hstack([signal @ transform, noise()])


# --- What is computed ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Result:
    """Distances by each measure, (repetitions, values of k)."""

    setup: SetUp
    distances: dict[str, Floats]


def compute(setup: SetUp, run: Run) -> Result:
    """Draw the toy for each k and repetition, and compare X with Y."""
    distances = {name: np.zeros((setup.repetitions, len(setup.signal))) for name in MEASURES}
    with one_thread(), run.console.status("comparing toys"):
        for repetition in range(setup.repetitions):
            for at, k in enumerate(setup.signal):
                random = np.random.default_rng([setup.seed, repetition, k])
                coupled = overlap(*toy(setup, k, random))
                for name, table in distances.items():
                    table[repetition, at] = ALL[name](coupled).distance
    return Result(setup, distances)


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Result) -> list[Claim]:
    """Judge figure 2's claims: at the smallest ratio of signal, over ratios, at the largest."""
    setup = result.setup
    ratios = np.array(setup.signal) / setup.neurons
    low, high = int(ratios.argmin()), int(ratios.argmax())
    few, most = f"{ratios[low]:g}", f"{ratios[high]:g}"
    by = result.distances

    def excess(larger: str, smaller: str, at: int, *, two_sided: bool = False) -> Contrast:
        return contrast(
            f"k/{setup.neurons} = {ratios[at]:g}: {TITLES[larger]} - {TITLES[smaller]}",
            by[larger][:, at] - by[smaller][:, at],
            two_sided=two_sided,
        )

    spread = {name: table.max(axis=1) - table.min(axis=1) for name, table in by.items()}
    return [
        Claim(
            "2",
            f"Where the signal is small (ratio {few}), mean CCA is far above PWCCA",
            "mean CCA distance minus PWCCA distance, over draws",
            "difference",
            (excess("cca", "pwcca", low),),
        ),
        Claim(
            "2",
            f"There, SVCCA is between them (ratio {few})",
            "mean CCA distance minus SVCCA distance, and SVCCA distance minus PWCCA distance",
            "difference",
            (excess("cca", "svcca", low), excess("svcca", "pwcca", low)),
            "99 % of the variance is where the signal is: 20 dimensions of variance 1 beside 180 "
            "of variance 0.01 leave SVCCA most of the noise, 50 and more leave it almost none",
        ),
        Claim(
            "2",
            "The PWCCA distance varies less with the ratio than the mean CCA distance",
            "range over ratios of the mean CCA distance minus that of the PWCCA distance",
            "difference",
            (contrast("range of mean CCA - range of PWCCA", spread["cca"] - spread["pwcca"]),),
        ),
        Claim(
            "2",
            "The PWCCA distance is nearly flat over the ratios",
            "range over ratios of the PWCCA distance",
            "equality",
            (contrast("range of PWCCA", spread["pwcca"], two_sided=True),),
            "noise neurons have a say in the weights by their standard deviation, not their "
            f"variance: {setup.neurons - setup.signal[low]} of {setup.noise:g} weigh about as much "
            f"as {setup.signal[low]} of 1, so that where the signal is small half of the weight is "
            "on noise, which the two sides do not share",
        ),
        Claim(
            "2",
            f"All three meet where there is hardly any noise (ratio {most})",
            "differences between the measures",
            "equality",
            (
                excess("cca", "pwcca", high, two_sided=True),
                excess("svcca", "pwcca", high, two_sided=True),
            ),
        ),
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
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return figure


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Give a row for each k, draw and measure."""
    setup = result.setup
    for name, table in result.distances.items():
        for (repetition, at), value in np.ndenumerate(table):
            yield {
                "signal_dimensions": setup.signal[at],
                "neurons": setup.neurons,
                "measure": name,
                "draw": repetition,
                "distance": float(value),
            }


def facts(result: Result) -> dict[str, Any]:
    """Say what was drawn."""
    return {
        "data": "synthetic",
        "mean_distances": {
            name: dict(zip(map(str, result.setup.signal), table.mean(axis=0).tolist(), strict=True))
            for name, table in result.distances.items()
        },
    }
