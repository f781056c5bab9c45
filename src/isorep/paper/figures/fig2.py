"""Figure 2: signal and noise of known size.

Set-up. X has `neurons` dimensions: k of signal, iid N(0, 1), and the others of noise with a small
standard deviation. Y consists of a random orthonormal transform of X's k signal dimensions, and of
new noise of the same kind. X and Y share all of the signal and none of the noise, so a measure of
what they share should hardly depend on k. All shared directions have a canonical correlation of 1.
Their variates are therefore arbitrary, and so are the weights of PWCCA, which causes a part of the
spread over draws.

Computed. The distance of X from Y by mean CCA, SVCCA and PWCCA, for every k and several draws.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep._utils.parallel import one_thread
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.contrasts import TITLES
from isorep.paper.analysis.replicates import contrast
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
    """Distances by each measure, (repetitions, values of k)."""

    setup: SetUp
    distances: dict[str, Floats]


def compute(setup: SetUp, run: Run) -> Result:
    """Draw X and Y for each k and repetition, and compare them."""
    distances = {name: np.zeros((setup.repetitions, len(setup.signal))) for name in MEASURES}
    with one_thread(), run.console.status("comparing X with Y"):
        for repetition in range(setup.repetitions):
            for i, k in enumerate(setup.signal):
                random = np.random.default_rng([setup.seed, repetition, k])
                overlap = isorep.overlap(*toy(setup, k, random))
                for name, table in distances.items():
                    table[repetition, i] = isorep.MEASURES[name](overlap).distance
    return Result(setup, distances)


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Result) -> list[Claim]:
    """Judge figure 2's claims: at the smallest ratio of signal, over ratios, at the largest."""
    setup = result.setup
    ratios = np.array(setup.signal) / setup.neurons
    low, high = int(ratios.argmin()), int(ratios.argmax())
    few, most = f"{ratios[low]:g}", f"{ratios[high]:g}"
    distances = result.distances

    def excess(larger: str, smaller: str, i: int, *, two_sided: bool = False) -> Contrast:
        return contrast(
            f"k/{setup.neurons} = {ratios[i]:g}: {TITLES[larger]} - {TITLES[smaller]}",
            distances[larger][:, i] - distances[smaller][:, i],
            two_sided=two_sided,
        )

    spread = {name: table.max(axis=1) - table.min(axis=1) for name, table in distances.items()}
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
            f"Where the signal is small (ratio {few}), SVCCA is between mean CCA and PWCCA",
            "mean CCA distance minus SVCCA distance, and SVCCA distance minus PWCCA distance",
            "difference",
            (excess("cca", "svcca", low), excess("svcca", "pwcca", low)),
            "SVCCA keeps the directions with 99 % of the variance: with 20 signal dimensions of "
            "variance 1 and 180 noise dimensions of variance 0.01 they include most of the noise, "
            "with 50 and more signal dimensions almost none",
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
            "the weights depend on the standard deviation of a neuron, not on its variance: "
            f"{setup.neurons - setup.signal[low]} noise neurons with standard deviation "
            f"{setup.noise:g} weigh about as much as {setup.signal[low]} signal neurons with "
            "standard deviation 1, so where the signal is small half of the weight is on noise, "
            "which the two sides do not share",
        ),
        Claim(
            "2",
            f"All three measures agree where there is hardly any noise (ratio {most})",
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
