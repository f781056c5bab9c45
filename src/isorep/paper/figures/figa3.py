"""Figure A3: over a sequence, the hidden states of an LSTM change in a nonlinear way.

Set-up. The networks of figure 6, after training, unrolled over 20 steps.

Computed. The tokens of a text are split by their index modulo 20, and the states of each layer at
each of the 20 steps are compared with the states at the last step, by mean CCA, cosine and
Euclidean distance (relative to the norm of the states at the last step). The text is the beginning
of the training text, because a twentieth of the evaluation text has too few tokens for CCA.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.language_tables import by_model
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.state_distances import STEP_MEASURES, to_last_step
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import layer_curves, step_curves
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models and their inputs.

    Attributes
    ----------
    models, networks
        Models, and number of networks of each.
    steps : int
        Number of steps.
    tokens : int
        Largest number of tokens of the text.
    """

    models: tuple[LanguageModel, ...]
    networks: int
    steps: int = 20
    tokens: int = 100_000


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {
        "laptop": SetUp(MODELS["laptop"], NETWORKS["laptop"]),
        "small": SetUp(MODELS["small"], NETWORKS["small"]),
        "paper": SetUp(MODELS["paper"], NETWORKS["paper"], tokens=500_000),
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
    """Return, for each model, ``<measure>_distance`` over (network, step, layer)."""
    from isorep.paper.analysis.rnn_states import by_index

    def table_of(network: TrainedLanguageModel, corpus: Corpus) -> xarray.Dataset:
        model = network.at(network.recipe.epochs)
        text = corpus.train[: setup.tokens]
        return to_last_step(by_index(model, text, setup.steps, device=device))

    return by_model(trained, corpora, table_of)


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A3's claims at three quarters of the sequence."""
    return [
        Claim(
            "A3",
            f"{name}: {words} no similarity until late in the sequence",
            f"{title} distance to the last step after three quarters of the steps minus half of "
            "that at the first step, layer by layer",
            "difference",
            tuple(
                contrast(str(layer), (late - first / 2).sel(layer=layer).to_numpy())
                for layer in table["layer"].to_numpy()
            ),
        )
        for name, table in result.items()
        for measure, title in STEP_MEASURES.items()
        for words in ["even CCA finds" if measure == "cca" else f"{title} distance finds"]
        for first, late in [_first_and_late(table[f"{measure}_distance"])]
    ]


def _first_and_late(distance: xarray.DataArray) -> tuple[xarray.DataArray, xarray.DataArray]:
    return distance.isel(step=0), distance.isel(step=3 * distance.sizes["step"] // 4)


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a column for each distance, and a row for each model."""
    return step_curves(
        result,
        lambda ax, distances, legend: layer_curves(ax, distances, legend=legend),
        titles=list(result),
        xlabel="step",
    )
