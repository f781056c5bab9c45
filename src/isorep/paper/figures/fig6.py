"""Figure 6: the layers of recurrent language models converge bottom-up.

Set-up. LSTM language models: 3 layers on Penn Treebank (6a) and on WikiText-2 (6b), 5 layers on
WikiText-2 (6c, 6d); on a laptop, 3 and 5 layers on Python's help texts. Several networks of each,
where the paper has one.

What is computed. The distance of each layer at each epoch to its own final state, over the
evaluation text, every token a sample: by projection weighted CCA (6a-c) and by mean CCA (6d).

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.common_convergence import bottom_up, by_model, lag
from isorep.paper.data.text import Corpus
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.models.language_model import TrainedLanguageModel

MEASURES = {"pwcca": "PWCCA", "cca": "mean CCA"}


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models, a panel each, and how many networks of each."""

    models: tuple[LanguageModel, ...]
    networks: int


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {scale: SetUp(models, NETWORKS[scale]) for scale, models in MODELS.items()}
)


# --- What is computed ----------------------------------------------------------------------------


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
        What the models were trained on.
    device : str, optional
        Where to run them.
    """
    return by_model(trained, corpora, list(MEASURES), device=device)


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure 6's claims; 6d's on the deepest model."""
    deepest = max(result, key=lambda name: result[name].sizes["layer"])
    return [
        *(
            Claim(
                "6",
                f"{name}: layers converge bottom-up, each after the one below",
                "PWCCA distance of a layer to its final state minus that of the layer below, mean "
                "over the epochs of training, as a part of the mean over layers",
                "difference",
                bottom_up(table, "pwcca", name),
                "the last layer is tied to the embedding, which is above and below all others, and "
                "in a training this short it takes shape as early as the layers in the middle",
            )
            for name, table in result.items()
        ),
        *(
            Claim(
                "6",
                f"{name}: the first layer converges before the last",
                "PWCCA distance of the last layer to its final state minus that of the first, mean "
                "over the epochs of training, as a part of the mean over layers",
                "difference",
                (contrast(f"{name}: last - first", _span(table, "pwcca")),),
                "what weighs most in the last layer, which predicts the words, may be how frequent "
                "each of them is, and that is learned first",
            )
            for name, table in result.items()
        ),
        Claim(
            "6d",
            f"{deepest}: mean CCA blurs the pattern",
            "distance of the last layer minus that of the first, mean over the epochs of training, "
            "as a part of the mean over layers, by PWCCA minus by mean CCA",
            "difference",
            (
                contrast(
                    f"{deepest}: PWCCA - mean CCA",
                    _span(result[deepest], "pwcca") - _span(result[deepest], "cca"),
                ),
            ),
            "layers this narrow may have few directions of mere noise for mean CCA to count in "
            "full",
        ),
    ]


def _span(table: xarray.Dataset, measure: str) -> NDArray[np.float64]:
    first, *_, last = [str(layer) for layer in table["layer"].to_numpy()]
    return lag(table, measure, last, first)


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a panel for each model, and figure 6d beside them."""
    from isorep.paper.analysis.curves import caption, layer_curves, panels

    *_, deepest = sorted(result, key=lambda name: result[name].sizes["layer"])
    shown = [(name, "pwcca") for name in result] + [(deepest, "cca")]
    figure, axes = panels([f"{name}\n{MEASURES[measure]}" for name, measure in shown])
    for ax, (name, measure) in zip(axes[0], shown, strict=True):
        layer_curves(ax, result[name][f"{measure}_distance"])
        ax.set_xlabel("epoch")
        ax.set_ylim(0, 1)
    axes[0, 0].set_ylabel("distance to the final state")
    table = result[deepest]
    caption(
        figure,
        f"mean and standard deviation over {table.sizes['network']} networks",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure
