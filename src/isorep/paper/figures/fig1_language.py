"""Figure 1, language models (1b, c, e, f): part of a representation settles, part is noise.

Set-up. The last layer of the networks of figure 6.

Computed. The sorted canonical correlations of the layer at each epoch with its final state (1b, c).
Of the layer's canonical variates at an early epoch with the layer at half time, the most correlated
(S) and the least correlated (B) form two representations. Their mean CCA distances to the layer at
every later epoch (1e, f). S and B are chosen in one half of the text and compared in the other.

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
from isorep.paper.analysis.language_tables import by_model
from isorep.paper.analysis.replicates import contrast
from isorep.paper.analysis.stability import MANY, SETTLED, stability_claims
from isorep.paper.analysis.subspaces import coefficients, drift, first_at_least, halves, split
from isorep.paper.data.text import Corpus
from isorep.paper.figures.drawing import caption, colours, curves, panels
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isorep.paper.training.trained_language_model import TrainedLanguageModel

LEARNED = 0.95
"""Share of the log perplexity's decrease from which performance counts as converged."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models, the number of networks of each, and the subspaces.

    Attributes
    ----------
    models, networks
        Models, and number of networks of each.
    early : float
        Early epoch, as a share of the training. The first checkpoint at or after it is used, but
        not epoch 0.
    variates : int
        Number of directions in each of S and B; the paper has 100.
    """

    models: tuple[LanguageModel, ...]
    networks: int
    early: float = 0.1
    variates: int = 24


SETUPS: Mapping[str, SetUp] = MappingProxyType(
    {
        "laptop": SetUp(MODELS["laptop"], NETWORKS["laptop"]),
        "small": SetUp(MODELS["small"], NETWORKS["small"], variates=32),
        "paper": SetUp(MODELS["paper"], NETWORKS["paper"], variates=100),
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
    """Return a table for each model over (network, epoch).

    - ``correlation`` (also over direction): canonical correlations with the final state,
      descending;
    - ``valid_perplexity``;
    - ``stable_distance`` and ``unstable_distance``: NaN before the early epoch.

    The attributes ``early`` and ``half`` are the early epoch and half time.
    """
    import xarray

    from isorep.paper.analysis.rnn_states import over_epochs

    def table_of(network: TrainedLanguageModel, corpus: Corpus) -> xarray.Dataset:
        layer = network.recipe.last_layer
        early, half = epochs_of_interest(network.recipe, setup.early)
        states = over_epochs(network, corpus.valid, layers=[layer], device=device)
        chosen, judged = halves(states)
        subspaces = split(chosen, layer, early, half, setup.variates, judged=judged)
        epochs = list(network.checkpoints)
        evaluated = [network.recipe.evaluated.index(epoch) for epoch in epochs]
        later = {epoch: judged[epoch] for epoch in epochs if epoch >= early}
        correlation = coefficients(states, layer)
        distances = {}
        for part, subspace in subspaces._asdict().items():
            distances[part] = np.full(len(epochs), np.nan)
            distances[part][-len(later) :] = drift(subspace, later, layer)
        return xarray.Dataset(
            {
                "correlation": (("epoch", "direction"), correlation),
                "valid_perplexity": ("epoch", network.valid_perplexity[evaluated]),
                **{f"{part}_distance": ("epoch", values) for part, values in distances.items()},
            },
            coords={"epoch": epochs, "direction": np.arange(1, correlation.shape[1] + 1)},
        )

    tables = by_model(trained, corpora, table_of)
    for name, table in tables.items():
        recipe = trained[name][0].recipe
        early, half = epochs_of_interest(recipe, setup.early)
        table.attrs |= {
            "layer": recipe.last_layer,
            "early": early,
            "half": half,
            "variates": setup.variates,
        }
    return tables


def epochs_of_interest(recipe: LanguageModel, early: float) -> tuple[float, float]:
    """Return the epochs of the early checkpoint and of half time."""
    earliest = max(1.0, early * recipe.epochs)
    first = next(epoch for epoch in recipe.checkpoints if epoch >= earliest)
    half = next(epoch for epoch in recipe.checkpoints if epoch >= recipe.epochs / 2)
    if not first < half < recipe.epochs:
        raise ValueError(
            "checkpoints must include an early epoch, half time and the end, got "
            f"{recipe.checkpoints}"
        )
    return first, half


# --- Claims --------------------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge the claims of figures 1b and c, and of 1e and f."""
    judged = []
    for name, table in result.items():
        epochs = table["epoch"].to_numpy()
        early, half = table.attrs["early"], table.attrs["half"]
        stable, unstable = (table[f"{part}_distance"].to_numpy() for part in ("stable", "unstable"))
        judged += [
            Claim(
                "1b,c",
                f"{name}: performance reaches its final level when many coefficients have not",
                f"at the first epoch with {LEARNED:.0%} of the log perplexity's whole decrease: "
                f"share of canonical correlations with the final state under {SETTLED:g}",
                "difference",
                (contrast("share of coefficients that have not settled", _unsettled(table)),),
                margin=MANY,
            ),
            *stability_claims("1e,f", f"{name}: ", epochs, early, half, stable, unstable),
        ]
    return judged


def _unsettled(table: xarray.Dataset) -> list[float]:
    """Return the share of coefficients that have not settled when performance has converged."""
    shares = []
    for number in range(table.sizes["network"]):
        network = table.isel(network=number)
        learned = share_learned(network["valid_perplexity"].to_numpy())
        epoch = first_at_least(learned, LEARNED)
        rho = network["correlation"].isel(epoch=epoch).dropna("direction").to_numpy()
        shares.append(float(np.mean(rho < SETTLED)))
    return shares


def share_learned(perplexity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the decrease of the log perplexity at each epoch, as a share of its whole decrease."""
    loss = np.log(perplexity)
    share: NDArray[np.float64] = (loss[0] - loss) / (loss[0] - loss.min())
    return share


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a column for each model: the coefficients (1b, c) above, the subspaces (1e, f) below."""
    figure, axes = panels(list(result), rows=2)
    for (above, below), table in zip(axes.T, result.values(), strict=True):
        epochs = table["epoch"].to_numpy()
        shown = table["correlation"].mean("network", skipna=True)
        for epoch, colour in zip(epochs, colours(len(epochs)), strict=True):
            above.plot(table["direction"], shown.sel(epoch=epoch), color=colour, linewidth=1.2)
        above.set(xlabel=f"direction of {table.attrs['layer']}, sorted", ylim=(0, 1.02))
        later = table.sel(epoch=slice(table.attrs["early"], None))
        curves(
            below,
            later["epoch"],
            {
                "S, most correlated": later["stable_distance"],
                "B, least correlated": later["unstable_distance"],
            },
        )
        below.axvline(table.attrs["half"], color="0.7", linestyle=":", linewidth=1, zorder=0)
        below.set(xlabel="epoch (dotted: half time)", ylim=(0, 1))
    _name_epochs(above, epochs)
    axes[0, 0].set_ylabel("canonical correlation\nwith the final state")
    axes[1, 0].set_ylabel(f"mean CCA distance to the layer\nof {_variates(result)} variates")
    table = next(iter(result.values()))
    caption(
        figure,
        f"above, mean over {table.sizes['network']} networks; below, with standard deviation",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure


def _name_epochs(ax: Axes, epochs: NDArray[np.float64]) -> None:
    """Add a legend of colours beside a panel: the first epoch, the last, and some between them."""
    from matplotlib.lines import Line2D

    shades = colours(len(epochs))
    shown = sorted({int(i) for i in np.linspace(0, len(epochs) - 1, min(6, len(epochs)))})
    ax.legend(
        [Line2D([], [], color=shades[i]) for i in shown],
        [f"epoch {epochs[i]:g}" for i in shown],
        frameon=False,
        fontsize="small",
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )


def _variates(result: Mapping[str, xarray.Dataset]) -> str:
    return " and ".join(dict.fromkeys(str(table.attrs["variates"]) for table in result.values()))
