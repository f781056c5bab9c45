"""Figure 6: the layers of recurrent language models converge bottom-up.

Set-up. LSTM language models: 3 layers on Penn Treebank (6a) and on WikiText-2 (6b), 5 layers on
WikiText-2 (6c, 6d); at the laptop scale, 3 and 5 layers on the characters of Python's help texts.
Below the paper's scale there are several networks of each model; the paper has one.

Computed. The distance of each layer at each epoch to its own final state, by projection weighted
CCA (6a-c) and by mean CCA (6d). Each token of the evaluation text is a sample.

Claims. See `claims`. Figure A8 compares the same networks by other measures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.lag import bottom_up, lag, lateness, one_by_one
from isorep.paper.analysis.language_tables import by_model
from isorep.paper.analysis.replicates import contrast, largest
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import colours, layer_curves, network_caption, panels
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel

MEASURES = {"pwcca": "PWCCA", "cca": "mean CCA"}

PUBLISHED: Mapping[str, Mapping[int, tuple[float, ...]]] = MappingProxyType(
    {
        "Penn Treebank, 3 layers": {
            0: (0.46, 0.55, 0.64),
            50: (0.33, 0.40, 0.41),
            100: (0.30, 0.37, 0.36),
            200: (0.26, 0.31, 0.30),
            300: (0.21, 0.26, 0.25),
            400: (0.18, 0.21, 0.21),
            490: (0.10, 0.13, 0.15),
            500: (0.0, 0.0, 0.0),
        },
        "WikiText-2, 5 layers": {
            0: (0.45, 0.50, 0.55, 0.57, 0.61),
            100: (0.27, 0.33, 0.36, 0.39, 0.40),
            300: (0.21, 0.26, 0.28, 0.30, 0.31),
            500: (0.18, 0.20, 0.21, 0.22, 0.22),
            700: (0.14, 0.14, 0.14, 0.14, 0.14),
            750: (0.0, 0.0, 0.0, 0.0, 0.0),
        },
    }
)
"""PWCCA distances in the paper's figures 6a and 6c, read off: model -> epoch -> layers."""

COUNTERPARTS: Mapping[str, str] = MappingProxyType(
    {
        "Python's help texts, 3 layers": "Penn Treebank, 3 layers",
        "Python's help texts, 5 layers": "WikiText-2, 5 layers",
    }
)
"""Models of the laptop scale -> models of the paper that they stand for."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models, with a panel each, and what to compare them on.

    Attributes
    ----------
    models, networks
        Models, and number of networks of each.
    compared : int or None
        Number of evaluation tokens to compare on, from the beginning; None for all.
    """

    models: tuple[LanguageModel, ...]
    networks: int
    compared: int | None = None


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {
        "laptop": SetUp(MODELS["laptop"], NETWORKS["laptop"], compared=6_000),
        "small": SetUp(MODELS["small"], NETWORKS["small"]),
        "paper": SetUp(MODELS["paper"], NETWORKS["paper"]),
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
    """Return, for each model, the distances ``<measure>_distance`` over (network, epoch, layer).

    Parameters
    ----------
    trained : dict of model's name to sequence of TrainedLanguageModel
        The networks of each model.
    corpora : dict of corpus to Corpus
        Training and evaluation texts.
    setup : SetUp
        Number of tokens to compare on.
    device : str, optional
        Device to run the networks on.
    """
    return distances(trained, corpora, setup, list(MEASURES), device)


def distances(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    setup: SetUp,
    measures: Sequence[str],
    device: str | None,
) -> dict[str, xarray.Dataset]:
    """Return the distances by any measures; see `compute`."""
    from isorep.paper.analysis.state_distances import to_final_state

    return by_model(
        trained,
        corpora,
        lambda network, corpus: to_final_state(
            network, corpus.valid[: setup.compared], measures, device=device
        ),
    )


# --- Claims --------------------------------------------------------------------------------------


LATENESS = (
    "lateness: mean distance of a layer to its final state over the time of training, as a share "
    "of the mean over layers"
)


REASON = (
    "in these networks the directions of low variance settle bottom-up too, and mean CCA weights "
    "them as much as all others"
)


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure 6's claims; the claims of 6d are about the deepest model."""
    deepest = max(result, key=lambda name: result[name].sizes["layer"])
    return [
        *(
            Claim(
                "6a-c",
                f"{name}: early layers converge before later ones",
                f"{LATENESS}; that of each layer of the upper half minus that of each layer of the "
                "lower half, by PWCCA",
                "difference",
                bottom_up(table, "pwcca"),
                "the upper layers of a network this small settle together, and a last layer that "
                "is tied to the embedding settles early",
                paper=_paper(name, bottom_up),
            )
            for name, table in result.items()
        ),
        *(
            Claim(
                "6a-c",
                f"{name}: each layer converges after the one below",
                f"{LATENESS}; that of each layer minus that of the layer below, by PWCCA",
                "difference",
                one_by_one(table, "pwcca"),
                "in the paper's picture, too, some layers converge together",
                paper=_paper(name, one_by_one),
                ours=True,
            )
            for name, table in result.items()
        ),
        *_claims_about_mean_cca(deepest, result[deepest]),
    ]


def published(name: str) -> xarray.Dataset | None:
    """Return the paper's own distances for a model, as `compute` does; None if there are none."""
    import xarray

    epochs = PUBLISHED.get(COUNTERPARTS.get(name, name))
    if epochs is None:
        return None
    array = np.array([[*epochs.values()]])
    return xarray.Dataset(
        {"pwcca_distance": (("network", "epoch", "layer"), array)},
        coords={
            "epoch": list(epochs),
            "layer": [f"lstm{number}" for number in range(1, array.shape[2] + 1)],
        },
    )


def _paper(name: str, contrasts: Callable[[xarray.Dataset, str], Sequence[Contrast]]) -> str:
    """Return the smallest effect in the paper's own picture."""
    table = published(name)
    if table is None:
        return ""
    return f"{min(contrast.effect for contrast in contrasts(table, 'pwcca')):.2f}"


def _claims_about_mean_cca(name: str, table: xarray.Dataset) -> list[Claim]:
    layers = [str(layer) for layer in table["layer"].to_numpy()]
    weighted, plain = (lateness(table, measure) for measure in MEASURES)
    by_weighted, by_plain = (lag(table, measure, layers[-1], layers[0]) for measure in MEASURES)
    return [
        Claim(
            "6d",
            f"{name}: the result changes noticeably by mean CCA",
            f"{LATENESS}; that by PWCCA minus that by mean CCA, at the layer where they differ "
            "most, in absolute value",
            "difference",
            (largest(layers, (weighted - plain).to_numpy()),),
            REASON,
        ),
        Claim(
            "6d",
            f"{name}: PWCCA shows the pattern more clearly than mean CCA",
            f"{LATENESS}; that of the last layer minus that of the first, by PWCCA minus the same "
            "by mean CCA",
            "difference",
            (contrast(f"{layers[-1]} - {layers[0]}: PWCCA - mean CCA", by_weighted - by_plain),),
            REASON,
        ),
    ]


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a panel for each model, with the paper's own curves, and figure 6d."""
    *_, deepest = sorted(result, key=lambda name: result[name].sizes["layer"])
    shown = [(name, "pwcca") for name in result] + [(deepest, "cca")]
    figure, axes = panels([f"{name}\n{MEASURES[measure]}" for name, measure in shown])
    beside: dict[str, None] = {}
    for ax, (name, measure) in zip(axes[0], shown, strict=True):
        layer_curves(ax, result[name][f"{measure}_distance"])
        in_paper = published(name)
        if measure == "pwcca" and in_paper is not None:
            _draw_published(ax, in_paper, result[name]["epoch"].to_numpy()[-1])
            beside[COUNTERPARTS.get(name, name)] = None
        ax.set_xlabel("epoch")
        ax.set_ylim(0, 1)
    axes[0, 0].set_ylabel("distance to the final state")
    dotted = f"dotted: in the paper ({'; '.join(beside)}), its epochs scaled to ours"
    network_caption(figure, result, *([dotted] if beside else []))
    return figure


def _draw_published(ax: Axes, in_paper: xarray.Dataset, last: float) -> None:
    """Draw the paper's curves faintly, over the same share of training."""
    epochs = in_paper["epoch"].to_numpy()
    curves = in_paper["pwcca_distance"].isel(network=0).transpose("layer", "epoch").to_numpy()
    for curve, colour in zip(curves, colours(len(curves)), strict=True):
        ax.plot(epochs * last / epochs[-1], curve, ":", color=colour, alpha=0.6, linewidth=1.2)
