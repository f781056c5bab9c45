"""Figure A3: over a sequence, the hidden states of an LSTM change in more than a linear way.

Set-up. The networks of figure 6, after training, unrolled over 20 steps.

What is computed. The tokens of a text are split by their index modulo 20, and the states of each
layer at each of the 20 steps are compared with those at the last: by mean CCA, cosine and Euclidean
distance (over the norm of the states at the last step). The text is the beginning of the training
text: the evaluation text, split in twenty, has too few tokens for CCA.

What is claimed. See `claims`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from isorep.paper.analysis.claims import Claim
from isorep.paper.analysis.common_convergence import check_corpus, describe
from isorep.paper.data.text import Corpus
from isorep.paper.models.unrolled import MEASURES, to_last_step
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from isorep.paper.models.language_model import TrainedLanguageModel


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models, how many networks of each, the steps, and the tokens (fewer, if there are)."""

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


# --- What is computed ----------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    setup: SetUp,
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, ``<measure>_distance`` over (network, step, layer)."""
    import xarray

    from isorep.paper.analysis.rnn_states import by_index

    result = {}
    for name, networks in trained.items():
        runs = []
        for one in networks:
            corpus = corpora[one.recipe.corpus]
            check_corpus(one, corpus)
            model = one.at(one.recipe.epochs)
            text = corpus.train[: setup.tokens]
            runs.append(to_last_step(by_index(model, text, setup.steps, device=device)))
        seeds = xarray.DataArray([one.seed for one in networks], dims="network")
        result[name] = xarray.concat(runs, seeds).assign_attrs(describe(networks[0]))
    return result


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A3's claim, at three quarters of the sequence."""
    return [
        Claim(
            "A3",
            f"{name}: even CCA distance stays high until the last steps",
            "mean CCA distance to the last step after three quarters of the steps minus half of "
            "that at the first step, layer by layer",
            "difference",
            tuple(
                contrast(
                    f"{name}, {layer}",
                    (late - first / 2).sel(layer=layer).to_numpy(),
                )
                for layer in table["layer"].to_numpy()
            ),
        )
        for name, table in result.items()
        for first, late in [_first_and_late(table)]
    ]


def _first_and_late(table: xarray.Dataset) -> tuple[xarray.DataArray, xarray.DataArray]:
    distance = table["cca_distance"]
    return distance.isel(step=0), distance.isel(step=3 * table.sizes["step"] // 4)


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a column for each distance, and a row for each model."""
    from isorep.paper.analysis.curves import caption, layer_curves, panels

    figure, axes = panels(list(MEASURES.values()), rows=len(result), share_y=False)
    for row, (name, table) in zip(axes, result.items(), strict=True):
        for ax, measure in zip(row, MEASURES, strict=True):
            layer_curves(ax, table[f"{measure}_distance"], legend=measure == "cca")
            ax.set_xticks(range(0, table.sizes["step"], 5))
            ax.set_ylim(bottom=0)
        row[0].set_ylim(0, 1)
        row[0].set_ylabel(f"{name}\n\ndistance to the last step")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    some = next(iter(result.values()))
    caption(
        figure,
        f"mean and standard deviation over {some.sizes['network']} networks",
        "Euclidean distance over the norm of the last states",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure
