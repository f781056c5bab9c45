"""Figure 1, language models (1b, c, e, f): part of a representation settles, part is noise.

Set-up. The networks of figure 6; their last layer.

What is computed. The sorted canonical correlations of the layer at each epoch with its final state
(1b, c). And, of the layer's canonical variates at an early epoch against the layer at half time,
the most and the least correlated ones (S and B), each set as a representation of its own against
the layer at every later epoch, by mean CCA (1e, f).

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
from isorep.paper.analysis.common_convergence import check_corpus, describe
from isorep.paper.analysis.subspaces import coefficients, drift, first_at_least, split
from isorep.paper.data.text import Corpus
from isorep.paper.training.language_recipe import MODELS, NETWORKS, LanguageModel
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isorep.paper.models.language_model import TrainedLanguageModel

SETTLED = 0.9
"""A canonical correlation with the final state from which a direction counts as settled."""

LEARNED = 0.95
"""Of all that the log perplexity comes down: from here on performance counts as converged."""


# --- Set-up --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The models, how many networks of each, and where the subspaces are taken.

    Attributes
    ----------
    models, networks
        The models, and how many networks of each.
    early : float
        The early epoch, as a part of the training; the checkpoint at or after it counts, after the
        beginning. The late one is half time.
    variates : int
        Directions in each of S and B; the paper has 100.
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


# --- What is computed ----------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    setup: SetUp,
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return what the figure shows for each model, over (network, epoch).

    - ``correlation`` (also over direction), descending, with the final state;
    - ``valid_perplexity``;
    - ``stable_distance`` and ``unstable_distance``, NaN before the early epoch, whose number is the
      attribute ``early``; ``half`` is that of half time.
    """
    import xarray

    from isorep.paper.analysis.rnn_states import over_epochs

    result = {}
    for name, networks in trained.items():
        recipe = networks[0].recipe
        layer = recipe.last_layer
        early, half = epochs_of_interest(recipe, setup.early)
        runs = []
        for one in networks:
            corpus = corpora[recipe.corpus]
            check_corpus(one, corpus)
            states = over_epochs(one, corpus.valid, layers=[layer], device=device)
            subspaces = split(states, layer, early, half, setup.variates)
            epochs = list(one.checkpoints)
            later = {epoch: states[epoch] for epoch in epochs if epoch >= early}
            correlation = coefficients(states, layer)
            distances = {}
            for part, subspace in subspaces._asdict().items():
                distances[part] = np.full(len(epochs), np.nan)
                distances[part][-len(later) :] = drift(subspace, later, layer)
            runs.append(
                xarray.Dataset(
                    {
                        "correlation": (("epoch", "direction"), correlation),
                        "valid_perplexity": ("epoch", one.valid_perplexity[epochs]),
                        **{f"{part}_distance": ("epoch", at) for part, at in distances.items()},
                    },
                    coords={
                        "epoch": epochs,
                        "direction": np.arange(1, correlation.shape[1] + 1),
                    },
                )
            )
        seeds = xarray.DataArray([one.seed for one in networks], dims="network")
        result[name] = xarray.concat(runs, seeds, join="outer").assign_attrs(
            describe(networks[0]), layer=layer, early=early, half=half, variates=setup.variates
        )
    return result


def epochs_of_interest(recipe: LanguageModel, early: float) -> tuple[int, int]:
    """Return the checkpoints that are the early epoch and half time."""
    wanted = max(1.0, early * recipe.epochs)
    first = next(epoch for epoch in recipe.checkpoints if epoch >= wanted)
    half = next(epoch for epoch in recipe.checkpoints if epoch >= recipe.epochs / 2)
    if not first < half < recipe.epochs:
        raise ValueError(
            f"checkpoints must include an early epoch, half time and the end, got "
            f"{recipe.checkpoints}"
        )
    return first, half


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge the claims of figures 1b and c, and of 1e and f."""
    judged = []
    for name, table in result.items():
        epochs = table["epoch"].to_numpy()
        early, half = table.attrs["early"], table.attrs["half"]
        later = (epochs > early) & (epochs != half)
        stable, unstable = (table[f"{part}_distance"].to_numpy() for part in ("stable", "unstable"))
        after = np.flatnonzero(epochs > early)[0]
        judged += [
            Claim(
                "1b,c",
                f"{name}: performance converges long before many coefficients do",
                f"at the first epoch with {LEARNED:.0%} of the log perplexity's way down: that "
                f"part of the way minus the part of the canonical correlations over {SETTLED:g}",
                "difference",
                (contrast(f"{name}: performance - coefficients", _lead(table)),),
            ),
            Claim(
                "1e,f",
                f"{name}: the most correlated directions stay closer than the least correlated "
                "ones",
                "mean CCA distance of B to the layer minus that of S, mean over later epochs "
                "but half time",
                "difference",
                (
                    contrast(
                        f"{name}: B - S",
                        unstable[:, later].mean(axis=1) - stable[:, later].mean(axis=1),
                    ),
                ),
            ),
            Claim(
                "1e,f",
                f"{name}: the most correlated directions stay as they are",
                "mean CCA distance of S to the layer at the end minus at the first later epoch",
                "equality",
                (
                    contrast(
                        f"{name}: S, end - first",
                        stable[:, -1] - stable[:, after],
                        two_sided=True,
                    ),
                ),
                "in so short a training the early layer is still far from what it becomes, and its "
                "most correlated directions drift as well, if less",
            ),
            Claim(
                "1e,f",
                f"{name}: the least correlated directions are lost at once",
                "mean CCA distance of B to the layer minus that of S, at the first later epoch",
                "difference",
                (
                    contrast(
                        f"{name}: B - S, epoch {epochs[after]}",
                        unstable[:, after] - stable[:, after],
                    ),
                ),
            ),
        ]
    return judged


def _lead(table: xarray.Dataset) -> NDArray[np.float64]:
    """Return how far performance is ahead of the coefficients when it has converged."""
    ahead = []
    for number in range(table.sizes["network"]):
        one = table.isel(network=number)
        learned = way_down(one["valid_perplexity"].to_numpy())
        at = first_at_least(learned, LEARNED)
        rho = one["correlation"].isel(epoch=at).dropna("direction").to_numpy()
        ahead.append(learned[at] - np.mean(rho >= SETTLED))
    return np.array(ahead)


def way_down(perplexity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of all that the log perplexity comes down it has come, epoch by epoch."""
    loss = np.log(perplexity)
    part: NDArray[np.float64] = (loss[0] - loss) / (loss[0] - loss.min())
    return part


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw the coefficients above (1b, c) and the subspaces below (1e, f), a column a model."""
    from isorep.paper.analysis.curves import caption, colours, curves, panels

    figure, axes = panels(list(result), rows=2)
    for (above, below), table in zip(axes.T, result.values(), strict=True):
        epochs = table["epoch"].to_numpy()
        shown = table["correlation"].mean("network", skipna=True)
        for epoch, colour in zip(epochs, colours(len(epochs)), strict=True):
            above.plot(table["direction"], shown.sel(epoch=epoch), color=colour, linewidth=1.2)
        above.set(xlabel=f"direction of {table.attrs['layer']}, sorted", ylim=(0, 1.02))
        seen = table.sel(epoch=slice(table.attrs["early"], None))
        curves(
            below,
            seen["epoch"],
            {
                "S, most correlated": seen["stable_distance"],
                "B, least correlated": seen["unstable_distance"],
            },
        )
        below.axvline(table.attrs["half"], color="0.7", linestyle=":", linewidth=1, zorder=0)
        below.set(xlabel="epoch (dotted: half time)", ylim=(0, 1))
    _name_epochs(above, epochs)
    axes[0, 0].set_ylabel("canonical correlation\nwith the final state")
    axes[1, 0].set_ylabel(f"mean CCA distance to the layer\nof {_variates(result)} variates")
    some = next(iter(result.values()))
    caption(
        figure,
        f"above, mean over {some.sizes['network']} networks; below, with standard deviation",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure


def _name_epochs(ax: Axes, epochs: NDArray[np.int64]) -> None:
    """Say beside the last panel which colour is which epoch: the first, the last, some between."""
    from matplotlib.lines import Line2D

    from isorep.paper.analysis.curves import colours

    shades = colours(len(epochs))
    picked = sorted({int(i) for i in np.linspace(0, len(epochs) - 1, min(6, len(epochs)))})
    ax.legend(
        [Line2D([], [], color=shades[i]) for i in picked],
        [f"epoch {epochs[i]}" for i in picked],
        frameon=False,
        fontsize="small",
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )


def _variates(result: Mapping[str, xarray.Dataset]) -> str:
    return " and ".join(dict.fromkeys(str(table.attrs["variates"]) for table in result.values()))
