"""Language tables: a table for each language model, with its networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from isorep.paper.data.text import Corpus

if TYPE_CHECKING:
    import xarray

    from isorep.paper.training.trained_language_model import TrainedLanguageModel


def by_model(
    trained: Mapping[str, Sequence[TrainedLanguageModel]],
    corpora: Mapping[str, Corpus],
    table_of: Callable[[TrainedLanguageModel, Corpus], xarray.Dataset],
) -> dict[str, xarray.Dataset]:
    """Compute a table for each network, and join those of a model along "network".

    Parameters
    ----------
    trained : dict of model's name to sequence of TrainedLanguageModel
        Networks of each model, which differ only in their seeds.
    corpora : dict of corpus to Corpus
        Training and evaluation texts.
    table_of : callable
        Called as ``table_of(network, its corpus)`` for each network.

    Returns
    -------
    dict of model's name to xarray.Dataset
        The coordinate "network" holds the seeds. The attributes describe the model.
    """
    import xarray

    tables = {}
    for name, networks in trained.items():
        corpus = corpora[networks[0].recipe.corpus]
        runs = []
        for network in networks:
            check_corpus(network, corpus)
            runs.append(table_of(network, corpus))
        seeds = xarray.DataArray([network.seed for network in networks], dims="network")
        joined = xarray.concat(runs, seeds, join="outer")
        tables[name] = joined.assign_attrs(describe(networks[0]))
    return tables


def describe(trained: TrainedLanguageModel) -> dict[str, str]:
    """Return the attributes of a table that describe its model."""
    return {"model": trained.recipe.name, "corpus": trained.corpus, "note": trained.note}


def check_corpus(trained: TrainedLanguageModel, corpus: Corpus) -> None:
    """Raise ValueError if a network was trained on another text."""
    if trained.corpus_digest != corpus.digest:
        raise ValueError(
            f"the network was trained on {trained.corpus} with digest {trained.corpus_digest}, but "
            f"the text is {corpus.name} with digest {corpus.digest}. Pass the text that the "
            "network was trained on"
        )
