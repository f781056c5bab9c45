"""Convergence: each layer at each checkpoint against its final state (figures 6 and A8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import isorep
from isorep.paper.analysis.claims import Contrast
from isorep.paper.data.text import Corpus
from isorep.paper.training.replicates import contrast

if TYPE_CHECKING:
    import xarray

    from isorep.paper.models.language_model import TrainedLanguageModel


def to_final_state(
    trained: Sequence[TrainedLanguageModel],
    corpus: Corpus,
    measures: Sequence[str],
    *,
    device: str | None = None,
) -> xarray.Dataset:
    """Return the distance of each layer to its final state, over the evaluation text.

    Parameters
    ----------
    trained : sequence of TrainedLanguageModel
        Networks that differ in their seeds alone.
    corpus : Corpus
        What they were trained on; its evaluation text is what they are compared on.
    measures : sequence of str
        Names in `isorep.MEASURES`.
    device : str, optional
        Where to run the networks.

    Returns
    -------
    xarray.Dataset
        ``<measure>_distance`` over (network, epoch, layer). The Euclidean distance is over the norm
        of the final state, since layers differ in size.
    """
    import xarray

    from isorep.paper.analysis.rnn_states import over_text

    runs = []
    for one in trained:
        check_corpus(one, corpus)
        final = over_text(one.at(one.recipe.epochs), corpus.valid, device=device)
        # One epoch at a time: at the paper's size, those of all take more than a hundred gigabytes.
        epochs = [
            isorep.trajectory(
                {epoch: over_text(one.at(epoch), corpus.valid, device=device)},
                reference=final,
                measures=list(measures),
                progress=False,
            )[[f"{name}_distance" for name in measures]]
            for epoch in one.checkpoints
        ]
        found = xarray.concat(epochs, "step").rename(step="epoch")
        if "euclidean" in measures:
            norms = [np.linalg.norm(array.astype(np.float64)) for array in final.values()]
            found["euclidean_distance"] /= xarray.DataArray(norms, dims="layer")
        runs.append(found)
    joined = xarray.concat(runs, xarray.DataArray([one.seed for one in trained], dims="network"))
    return joined.assign_attrs(describe(trained[0]))


def describe(trained: TrainedLanguageModel) -> dict[str, str]:
    """Return what a result says about the networks that it is about."""
    return {"model": trained.recipe.name, "corpus": trained.corpus, "note": trained.note}


def check_corpus(trained: TrainedLanguageModel, corpus: Corpus) -> None:
    """Refuse a text in which the network's numbers stand for other words."""
    if trained.corpus_digest != corpus.digest:
        raise ValueError(
            f"the network was trained on {trained.corpus}, and this is another text: "
            f"{corpus.name} with digest {corpus.digest}, not {trained.corpus_digest}"
        )


def lag(table: xarray.Dataset, measure: str, above: str, below: str) -> NDArray[np.float64]:
    """Return how far one layer lags behind another on the way to its final state, (networks,).

    The difference between their mean distances over the epochs of training, as a part of the mean
    over all layers: distances shrink with the length of a training and differ in units, parts do
    not. The beginning, before any training, and the end, where all distances are 0, do not count.
    """
    distance = table[f"{measure}_distance"].isel(epoch=slice(1, -1)).mean("epoch")
    gap = distance.sel(layer=above) - distance.sel(layer=below)
    found: NDArray[np.float64] = (gap / distance.mean("layer")).to_numpy()
    return found


def bottom_up(table: xarray.Dataset, measure: str, title: str) -> tuple[Contrast, ...]:
    """Contrast each layer with the one below it by their `lag`."""
    layers = [str(layer) for layer in table["layer"].to_numpy()]
    return tuple(
        contrast(f"{title}: {above} - {below}", lag(table, measure, above, below))
        for below, above in pairwise(layers)
    )


def by_model(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    measures: Sequence[str],
    *,
    device: str | None = None,
) -> dict[str, xarray.Dataset]:
    """Return `to_final_state` for each model, by name."""
    return {
        name: to_final_state(networks, corpora[networks[0].recipe.corpus], measures, device=device)
        for name, networks in trained.items()
    }
