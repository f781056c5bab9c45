"""Figure 6: the layers of recurrent language models converge bottom-up.

Set-up. LSTM language models: 3 layers on Penn Treebank (6a) and on WikiText-2 (6b), 5 layers on
WikiText-2 (6c, 6d); at the laptop scale, 3 and 5 layers on Python's help texts. Below the paper's
scale there are several networks of each model; the paper has one.

Computed. The distance of each layer at each epoch to its own final state, by projection weighted
CCA (6a-c) and by mean CCA (6d). Each token of the evaluation text is a sample.

Claims. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.lag import bottom_up, lag
from isorep.paper.analysis.language_tables import by_model
from isorep.paper.analysis.replicates import contrast
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import layer_curves, network_caption, panels
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel

MEASURES = {"pwcca": "PWCCA", "cca": "mean CCA"}


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models, with a panel each, and the number of networks of each."""

    models: tuple[LanguageModel, ...]
    networks: int


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {scale: SetUp(models, NETWORKS[scale]) for scale, models in MODELS.items()}
)


# --- Computation ---------------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, the distances ``<measure>_distance`` over (network, epoch, layer).

    Parameters
    ----------
    trained : dict of model's name to sequence of TrainedLanguageModel
        The networks of each model.
    corpora : dict of corpus to Corpus
        Training and evaluation texts.
    device : str, optional
        Device to run the networks on.
    """
    return distances(trained, corpora, list(MEASURES), device)


def distances(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    measures: Sequence[str],
    device: str | None,
) -> dict[str, xarray.Dataset]:
    """Return the distances by any measures; see `compute`."""
    from isorep.paper.analysis.state_distances import to_final_state

    return by_model(
        trained,
        corpora,
        lambda network, corpus: to_final_state(network, corpus, measures, device=device),
    )


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure 6's claims; the claim of 6d is about the deepest model."""
    deepest = max(result, key=lambda name: result[name].sizes["layer"])
    return [
        *(
            Claim(
                "6",
                f"{name}: layers converge bottom-up, each after the one below",
                "PWCCA distance of a layer to its final state minus that of the layer below, mean "
                "over the epochs of training, as a share of the mean over layers",
                "difference",
                bottom_up(table, "pwcca", name),
                "the last layer is tied to the embedding, which is both the input and the output "
                "matrix, and in a training this short it converges as early as the middle layers",
            )
            for name, table in result.items()
        ),
        *(
            Claim(
                "6",
                f"{name}: the first layer converges before the last",
                "PWCCA distance of the last layer to its final state minus that of the first, mean "
                "over the epochs of training, as a share of the mean over layers",
                "difference",
                (contrast(f"{name}: last - first", _span(table, "pwcca")),),
                "the last layer predicts the words, and its largest directions may encode word "
                "frequencies, which are learned first",
            )
            for name, table in result.items()
        ),
        Claim(
            "6d",
            f"{deepest}: mean CCA blurs the pattern",
            "distance of the last layer minus that of the first, mean over the epochs of training, "
            "as a share of the mean over layers, by PWCCA minus the same by mean CCA",
            "difference",
            (
                contrast(
                    f"{deepest}: PWCCA - mean CCA",
                    _span(result[deepest], "pwcca") - _span(result[deepest], "cca"),
                ),
            ),
            "layers this narrow may have few noise directions, which mean CCA weights as much as "
            "all others",
        ),
    ]


def _span(table: xarray.Dataset, measure: str) -> NDArray[np.float64]:
    first, *_, last = [str(layer) for layer in table["layer"].to_numpy()]
    return lag(table, measure, last, first)


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a panel for each model, and figure 6d."""
    *_, deepest = sorted(result, key=lambda name: result[name].sizes["layer"])
    shown = [(name, "pwcca") for name in result] + [(deepest, "cca")]
    figure, axes = panels([f"{name}\n{MEASURES[measure]}" for name, measure in shown])
    for ax, (name, measure) in zip(axes[0], shown, strict=True):
        layer_curves(ax, result[name][f"{measure}_distance"])
        ax.set_xlabel("epoch")
        ax.set_ylim(0, 1)
    axes[0, 0].set_ylabel("distance to the final state")
    network_caption(figure, result)
    return figure
