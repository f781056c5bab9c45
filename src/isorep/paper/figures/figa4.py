"""Figure A4: the same input over and over, early and late in a sequence.

Set-up. The networks of figure 6, after training. A sequence of text is read up to some point, and
then its next token is repeated for 20 steps; the repetition starts after 1, 8, 24, 48 or 81 % of
the sequence. The paper does not state how long a sequence is: here 100 tokens, from a state of
zeros.

What is computed. The states of each layer at each of the 20 steps against those at the last of
them, over many sequences: by mean CCA, cosine and Euclidean distance (over the norm of the states
at the last step). The text is the training text, as in figure A3.

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
    """The models, and what sequences are read.

    Attributes
    ----------
    models, networks
        The models, and how many networks of each.
    steps : int
        How often the input is repeated.
    starts : tuple of int
        Where the repetition starts, in percent of the sequence.
    length : int
        Tokens of the sequence.
    stride : int
        From the beginning of one sequence to that of the next, in tokens.
    tokens : int
        Of the text that the sequences are taken from (fewer, if there are).
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


# --- What is computed ----------------------------------------------------------------------------


def compute(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    setup: SetUp,
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return, for each model, ``<measure>_distance`` over (network, start, step, layer).

    `start` is in percent of the sequence.
    """
    import xarray

    from isorep.paper.analysis.rnn_states import of_repeated_input

    result = {}
    for name, networks in trained.items():
        runs = []
        for one in networks:
            corpus = corpora[one.recipe.corpus]
            check_corpus(one, corpus)
            model = one.at(one.recipe.epochs)
            text = corpus.train[: setup.tokens]
            by_start = [
                to_last_step(
                    of_repeated_input(
                        model,
                        text,
                        setup.steps,
                        start=round(start * setup.length / 100),
                        stride=setup.stride,
                        device=device,
                    )
                )
                for start in setup.starts
            ]
            runs.append(xarray.concat(by_start, xarray.DataArray([*setup.starts], dims="start")))
        seeds = xarray.DataArray([one.seed for one in networks], dims="network")
        joined = xarray.concat(runs, seeds).assign_coords(start=[*setup.starts])
        result[name] = joined.assign_attrs(describe(networks[0]))
    return result


# --- What is claimed -----------------------------------------------------------------------------


def claims(result: Mapping[str, xarray.Dataset]) -> list[Claim]:
    """Judge figure A4's claims, on CCA distances averaged over the steps before the last."""
    judged = []
    for name, table in result.items():
        mean = table["cca_distance"].isel(step=slice(None, -1)).mean("step")
        earliest, latest = mean.isel(start=0), mean.isel(start=-1)
        layers = [str(layer) for layer in table["layer"].to_numpy()]
        judged += [
            Claim(
                "A4",
                f"{name}: when the repetition starts early, CCA recognises the states",
                f"mean CCA distance to the last step, repetition after "
                f"{earliest['start'].item()} % of the sequence, layer by layer",
                "equality",
                tuple(
                    contrast(
                        f"{name}, {layer}", earliest.sel(layer=layer).to_numpy(), two_sided=True
                    )
                    for layer in layers
                ),
                "however early it starts, a state takes some ten repetitions to settle, and the "
                "way there is not linear",
            ),
            Claim(
                "A4",
                f"{name}: when it starts late, CCA distance goes up",
                f"mean CCA distance to the last step, repetition after {latest['start'].item()} % "
                f"of the sequence minus after {earliest['start'].item()} %, layer by layer",
                "difference",
                tuple(
                    contrast(
                        f"{name}, {layer}",
                        latest.sel(layer=layer).to_numpy() - earliest.sel(layer=layer).to_numpy(),
                    )
                    for layer in layers
                ),
                "it does go up, but by little: these networks forget what came before a repetition "
                "within the steps of it, whether that was one token or eighty",
            ),
        ]
    return judged


def draw(result: Mapping[str, xarray.Dataset]) -> Figure:
    """Draw a column for each distance and a row for each model: last layer, a curve a start."""
    from isorep.paper.analysis.curves import caption, curves, panels

    figure, axes = panels(list(MEASURES.values()), rows=len(result), share_y=False)
    for row, (name, table) in zip(axes, result.items(), strict=True):
        layer = str(table["layer"].to_numpy()[-1])
        for ax, measure in zip(row, MEASURES, strict=True):
            found = table[f"{measure}_distance"].sel(layer=layer)
            curves(
                ax,
                found["step"],
                {
                    f"after {start} %": found.sel(start=start).transpose("network", "step")
                    for start in found["start"].to_numpy()
                },
                legend=measure == "cca",
            )
            ax.set_xticks(range(0, table.sizes["step"], 5))
            ax.set_ylim(bottom=0)
        row[0].set_ylim(0, 1)
        row[0].set_ylabel(f"{name}, {layer}\n\ndistance to the last step")
    for ax in axes[-1]:
        ax.set_xlabel("step of the repetition")
    some = next(iter(result.values()))
    caption(
        figure,
        f"mean and standard deviation over {some.sizes['network']} networks",
        "Euclidean distance over the norm of the last states",
        notes=[table.attrs["note"] for table in result.values()],
    )
    return figure
