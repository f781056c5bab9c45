"""Figure A2: CCA sees through what a recurrent network does to its state by rotating it.

Set-up. Two toy recurrent networks run for 1000 steps without input, from many random states: a
linear one, ``h <- W_rot h`` with a random rotation, and one with a nonlinear part,
``h <- W_rot h + alpha * sigmoid(W_rand h) + b``, for alpha up to 100. Nothing is trained.

The paper does not state the distributions of ``W_rand``, ``b`` and the first states. Here they are
normal: the entries of ``W_rand`` with variance gain^2 / width, those of ``b`` and the states with
variance 1. With a gain of 1 the sigmoid is nonlinear; with a gain of 0.001 it is almost linear.

Computed. The distance of the states at each step from those at the last step, by mean CCA,
cosine and Euclidean distance (the latter relative to the norm of the last states).

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import ortho_group

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.state_distances import STEP_MEASURES, to_last_step
from isorep.paper.figures.drawing import caption, curves, panels

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The toy networks; an alpha of 0 is the linear one, without bias."""

    width: int = 50
    samples: int = 1000
    steps: int = 1000
    every: int = 20
    alphas: tuple[float, ...] = (0.0, 1.0, 10.0, 100.0)
    gain: float = 1.0
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


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {"laptop": SetUp(), "small": SetUp(every=5), "paper": SetUp(width=200, samples=4000, every=5)}
)


# --- Computation ---------------------------------------------------------------------------------


def states(setup: SetUp, alpha: float, network: int) -> Iterator[tuple[int, Floats]]:
    """Yield the number of every `every`-th step and its states (samples, width), from step 0."""
    # All alphas have the same rotation, W_rand, bias and first states.
    random = np.random.default_rng([setup.seed, network])
    p = setup.width
    rotation = ortho_group.rvs(p, random_state=random)
    weights = random.standard_normal((p, p)) * setup.gain / p**0.5
    bias = random.standard_normal(p)
    h = random.standard_normal((setup.samples, p))
    for step in range(setup.steps + 1):
        if step % setup.every == 0:
            yield step, h
        rotated = h @ rotation.T
        h = rotated if alpha == 0 else rotated + alpha * expit(h @ weights.T) + bias


def compute(setup: SetUp) -> xarray.Dataset:
    """Return the distances ``<measure>_distance`` over (network, alpha, step)."""
    import xarray

    runs = []
    for network in range(setup.networks):
        for alpha in setup.alphas:
            table = to_last_step({step: {"h": h} for step, h in states(setup, alpha, network)})
            table = table.sel(layer="h").drop_vars("layer")
            runs.append(table.expand_dims(network=[network], alpha=[alpha]))
    joined = xarray.combine_by_coords(runs, combine_attrs="drop_conflicts")
    assert isinstance(joined, xarray.Dataset)
    return joined


# --- Claims --------------------------------------------------------------------------------------


def claims(result: xarray.Dataset) -> list[Claim]:
    """Judge figure A2's claims, on distances averaged over all steps but the last."""
    mean = result.isel(step=slice(None, -1)).mean("step")
    linear, *others = [float(alpha) for alpha in result["alpha"]]

    def distance(name: str, alpha: float) -> Floats:
        values: Floats = mean[f"{name}_distance"].sel(alpha=alpha).to_numpy()
        return values

    controls = {name: title for name, title in STEP_MEASURES.items() if name != "cca"}
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
            tuple(
                contrast(f"{title} - CCA, linear", distance(name, linear) - distance("cca", linear))
                for name, title in controls.items()
            ),
        ),
        Claim(
            "A2",
            "To CCA, all steps are the same also with a nonlinear part of up to alpha = "
            f"{max(others):g}",
            "mean CCA distance to the last step, mean over steps, for each alpha",
            "equality",
            tuple(
                contrast(f"alpha = {alpha:g}", distance("cca", alpha), two_sided=True)
                for alpha in others
            ),
            "a sigmoid that is added a thousand times moves the states out of the linear span of "
            "the first states, unless the random weights are so small that it is almost linear, or "
            "the states so large that it is negligible; the paper does not state these scales, and "
            "with a gain of 0.001 the claim is reproduced",
        ),
    ]


def draw(result: xarray.Dataset) -> Figure:
    """Draw the distance to the last step over the steps, a panel for each measure."""
    figure, axes = panels(list(STEP_MEASURES.values()), share_y=False)
    for ax, name in zip(axes[0], STEP_MEASURES, strict=True):
        distances = result[f"{name}_distance"]
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
