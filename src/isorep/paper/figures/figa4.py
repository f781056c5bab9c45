"""Figure A4: a repeated input, early and late in a sequence.

Set-up. The networks of figure 6, after training, read a part of a sequence of text, and then read
its next token 20 times. The repetition starts after 1, 8, 24, 48 or 81 % of the sequence. For
contrast, they read on without a repetition, from where the earliest starts. The paper does not
state the length of a sequence; here it is 100 tokens, from a state of zeros.

Computed. The distances of the states of each layer at each of the 20 steps from the states at the
last step, over many sequences, by mean CCA, cosine and Euclidean distance (relative to the norm of
the states at the last step). The text is the training text, as in figure A3.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.language_tables import by_model
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.state_distances import STEP_MEASURES, to_last_step
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import curves, step_curves
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel


NONE = "none"
"""Start of a repetition that never comes."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models and their inputs.

    Attributes
    ----------
    models, networks
        Models, and number of networks of each.
    steps : int
        Number of repetitions of the input.
    starts : tuple of int
        Starts of the repetition, in percent of the sequence.
    length : int
        Number of tokens of a sequence.
    stride : int
        Number of tokens from the beginning of a sequence to the beginning of the next.
    tokens : int
        Largest number of tokens of the text.
    """

    models: tuple[LanguageModel, ...]
    networks: int
    steps: int = 20
    starts: tuple[int, ...] = (1, 8, 24, 48, 81)
    length: int = 100
    stride: int = 60
    tokens: int = 100_000


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {
        "laptop": SetUp(MODELS["laptop"], NETWORKS["laptop"]),
        "small": SetUp(MODELS["small"], NETWORKS["small"]),
        "paper": SetUp(MODELS["paper"], NETWORKS["paper"], tokens=800_000),
    }
)


# --- Computation ---------------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    setup: SetUp,
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, ``<measure>_distance`` over (network, start, step, layer).

    `start` is in percent of the sequence, or "none" without a repetition.
    """
    import xarray

    from isorep.paper.analysis.rnn_states import under_repeated_input

    first = min(setup.starts)

    def table_of(network: TrainedLanguageModel, corpus: Corpus) -> xarray.Dataset:
        model = network.at(network.recipe.epochs)
        by_start = {
            name: to_last_step(
                under_repeated_input(
                    model,
                    corpus.train[: setup.tokens],
                    setup.steps,
                    start=round(start * setup.length / 100),
                    stride=setup.stride,
                    repeated=name != NONE,
                    device=device,
                )
            )
            for name, start in [*((str(start), start) for start in setup.starts), (NONE, first)]
        }
        starts = xarray.DataArray([*by_start], dims="start", name="start")
        return xarray.concat([*by_start.values()], starts)

    return by_model(trained, corpora, table_of)


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A4's claims, on distances averaged over the steps before the last."""
    judged = []
    for name, table in result.items():
        mean = table.isel(step=slice(None, -1)).mean("step")
        earliest, *_, latest, _ = [str(start) for start in table["start"].to_numpy()]

        judged += [
            Claim(
                "A4",
                f"{name}: when the repetition starts early, CCA recognises the states",
                "half of the mean CCA distance to the last step without repetition minus that with "
                f"a repetition after {earliest} % of the sequence, layer by layer",
                "difference",
                _effects(mean, "cca", NONE, earliest, 0.5),
                "even after an early start, a state takes about ten repetitions to settle, and it "
                "changes nonlinearly until then",
            ),
            *(
                Claim(
                    "A4",
                    f"{name}: when the repetition starts early, {title} distance stays insensitive",
                    f"{title} distance to the last step without repetition minus that with a "
                    f"repetition after {earliest} % of the sequence, layer by layer",
                    "no difference",
                    _effects(mean, measure, NONE, earliest),
                    "under a repeated input, the states of these networks settle at a fixed point, "
                    "which any distance shows",
                )
                for measure, title in STEP_MEASURES.items()
                if measure != "cca"
            ),
            Claim(
                "A4",
                f"{name}: when the repetition starts late, the CCA distance increases",
                f"mean CCA distance to the last step, repetition after {latest} % of the sequence "
                f"minus after {earliest} %, layer by layer",
                "difference",
                _effects(mean, "cca", latest, earliest),
                "the distance increases, but only a little: during the repetition these networks "
                "forget the text before it, whether it was one token or eighty",
            ),
        ]
    return judged


def _effects(
    mean: xarray.Dataset, measure: str, minuend: str, subtrahend: str, share: float = 1.0
) -> tuple[Contrast, ...]:
    """Contrast a share of the distance after one start with the distance after another."""
    distance = mean[f"{measure}_distance"]
    difference = share * distance.sel(start=minuend) - distance.sel(start=subtrahend)
    return tuple(
        contrast(str(layer), difference.sel(layer=layer).to_numpy())
        for layer in difference["layer"].to_numpy()
    )


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw the last layer: a column for each distance, a row for each model."""

    def draw_starts(ax: Axes, distances: xarray.DataArray, legend: bool) -> None:
        last_layer = distances.isel(layer=-1)
        curves(
            ax,
            last_layer["step"],
            {
                _label(str(start)): last_layer.sel(start=start).transpose("network", "step")
                for start in last_layer["start"].to_numpy()
            },
            legend=legend,
        )

    return step_curves(
        result,
        draw_starts,
        titles=[f"{name}, {table['layer'].to_numpy()[-1]}" for name, table in result.items()],
        xlabel="step of the repetition",
        legend="cosine",  # the curves leave room for it there
    )


def _label(start: str) -> str:
    return "no repetition" if start == NONE else f"after {start} %"
