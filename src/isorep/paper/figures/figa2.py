"""Figure A2: CCA sees through what a recurrent network does to its state by rotating it.

Set-up. Two toy recurrent networks without input: a linear one, ``h <- W_rot h`` with a random
rotation, and one with a nonlinear part, ``h <- W_rot h + alpha * sigmoid(W_rand h) + b`` with
``W_rand ~ N(0, I)``, for alpha up to 100. Nothing is trained. Each is run 1000 times from random
states; the runs are the samples. The paper does not state the width, the number of steps, or the
distributions of ``b`` and the first states: here they are 50, 1000, and standard normal.

Computed. The distance of the states at each step from those at the last step, by mean CCA, cosine
and Euclidean distance (the latter relative to the norm of the last states). The table beside the
figure shows the CCA distance for smaller entries of ``W_rand``.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import ortho_group

from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.control import Control
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.state_distances import STEP_MEASURES, to_last_step
from isorep.paper.analysis.verdicts import short
from isorep.paper.figures.drawing import caption, curves, panels

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The toy networks; an alpha of 0 is the linear one, without bias.

    `scales` are standard deviations of the entries of ``W_rand``. The figure and the claims use the
    first, and the table beside the figure all of them.
    """

    width: int = 50
    runs: int = 1000
    steps: int = 1000
    every: int = 50
    alphas: tuple[float, ...] = (0.0, 1.0, 10.0, 100.0)
    scales: tuple[float, ...] = (1.0, 0.1, 0.01, 0.001)
    networks: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps % self.every:
            raise ValueError(
                "steps must be a multiple of every, so that the last step is compared; got "
                f"{self.steps} and {self.every}"
            )
        if self.alphas[:1] != (0.0,):
            raise ValueError(f"alphas must begin with 0, the linear network; got {self.alphas}")
        if list(self.scales) != sorted(self.scales, reverse=True):
            raise ValueError(f"scales must descend, got {self.scales}")


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {"laptop": SetUp(), "small": SetUp(every=5), "paper": SetUp(width=200, every=5)}
)


# --- Computation ---------------------------------------------------------------------------------


def states(
    setup: SetUp, alpha: float, network: int, scale: float = 1.0
) -> Iterator[tuple[int, Floats]]:
    """Yield the number of every `every`-th step and its states (runs, width), from step 0."""
    # All alphas have the same rotation, W_rand, bias and first states.
    random = np.random.default_rng([setup.seed, network])
    p = setup.width
    rotation = ortho_group.rvs(p, random_state=random)
    weights = random.standard_normal((p, p)) * scale
    bias = random.standard_normal(p)
    h = random.standard_normal((setup.runs, p))
    for step in range(setup.steps + 1):
        if step % setup.every == 0:
            yield step, h
        rotated = h @ rotation.T
        h = rotated if alpha == 0 else rotated + alpha * expit(h @ weights.T) + bias


def compute(setup: SetUp) -> xarray.Dataset:
    """Return the distances ``<measure>_distance`` over (network, scale, alpha, step)."""
    import xarray

    tables = []
    for network in range(setup.networks):
        for scale, alpha in product(setup.scales, setup.alphas):
            seen = states(setup, alpha, network, scale)
            table = to_last_step({step: {"h": h} for step, h in seen})
            table = table.sel(layer="h").drop_vars("layer")
            tables.append(table.expand_dims(network=[network], scale=[scale], alpha=[alpha]))
    joined = xarray.combine_by_coords(tables, combine_attrs="drop_conflicts")
    assert isinstance(joined, xarray.Dataset)
    return joined


# --- Claims --------------------------------------------------------------------------------------


def claims(result: xarray.Dataset) -> list[Claim]:
    """Judge figure A2's claims, on distances averaged over all steps but the last."""
    mean = _over_steps(result).isel(scale=-1)  # coordinates ascend
    linear, *others = [float(alpha) for alpha in result["alpha"]]

    def distance(name: str, alpha: float) -> Floats:
        values: Floats = mean[f"{name}_distance"].sel(alpha=alpha).to_numpy()
        return values

    others_than_cca = {name: title for name, title in STEP_MEASURES.items() if name != "cca"}

    def excess(alphas: Iterable[float]) -> tuple[Contrast, ...]:
        return tuple(
            contrast(
                f"{title} - CCA, {_named(alpha)}", distance(name, alpha) - distance("cca", alpha)
            )
            for name, title in others_than_cca.items()
            for alpha in alphas
        )

    return [
        Claim(
            "A2",
            "To CCA, a rotated state is the same state",
            "mean CCA distance to the last step in the linear network, mean over steps",
            "equality",
            (contrast("linear", distance("cca", linear), two_sided=True),),
        ),
        Claim(
            "A2",
            "To cosine and Euclidean distance, a rotated state is a different state",
            "cosine or Euclidean distance to the last step in the linear network minus that of CCA",
            "difference",
            excess([linear]),
        ),
        Claim(
            "A2",
            "To CCA, all steps are the same also with a nonlinear part of up to alpha = "
            f"{max(others):g}",
            "mean CCA distance to the last step, mean over steps, for each alpha",
            "equality",
            tuple(
                contrast(_named(alpha), distance("cca", alpha), two_sided=True) for alpha in others
            ),
            "a sigmoid that is added a thousand times moves the states out of the linear span of "
            "the first states, unless the random weights are so small that it is almost linear",
        ),
        Claim(
            "A2",
            "To cosine and Euclidean distance, steps differ more than to CCA also with a nonlinear "
            "part",
            "cosine or Euclidean distance to the last step minus that of CCA, for each alpha",
            "difference",
            excess(others),
        ),
    ]


def controls(result: xarray.Dataset) -> list[Control]:
    """Show the CCA distance for each standard deviation of the entries of ``W_rand``."""
    distances = _over_steps(result)["cca_distance"].mean("network")
    return [
        Control(
            "Mean CCA distance to the last step, mean over steps and networks, by the standard "
            "deviation of the entries of W_rand",
            ("standard deviation", *(_named(alpha) for alpha in result["alpha"].to_numpy())),
            tuple(
                (f"{scale:g}", *(short(value) for value in distances.sel(scale=scale).to_numpy()))
                for scale in result["scale"].to_numpy()[::-1]
            ),
        )
    ]


def _over_steps(result: xarray.Dataset) -> xarray.Dataset:
    """Return the mean over all steps but the last."""
    return result.isel(step=slice(None, -1)).mean("step")


def _named(alpha: float) -> str:
    return f"alpha = {alpha:g}" if alpha else "linear"


def draw(result: xarray.Dataset) -> Figure:
    """Draw the distance to the last step over the steps, a panel for each measure."""
    figure, axes = panels(list(STEP_MEASURES.values()), share_y=False)
    for ax, name in zip(axes[0], STEP_MEASURES, strict=True):
        distances = result[f"{name}_distance"].isel(scale=-1)
        curves(
            ax,
            distances["step"],
            {
                f"$\\alpha$ = {float(alpha):g}" if alpha else "linear": distances.sel(alpha=alpha)
                for alpha in distances["alpha"].to_numpy()
            },
            legend=name == "cca",
        )
        ax.set_xlabel("step")
        ax.set_ylim(bottom=0)
    axes[0, 0].set_ylim(0, 1)
    axes[0, 0].set_ylabel("distance to the last step")
    axes[0, 2].set_ylabel("over the norm of the last states")
    caption(figure, f"mean and standard deviation over {result.sizes['network']} random networks")
    return figure
