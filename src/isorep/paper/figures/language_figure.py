"""Language figure: gives the figures of language models the parts that the runner calls.

The modules of these figures have ``SETUPS``, ``compute``, ``claims`` and ``draw`` in terms of
trained models, texts and labelled arrays. `language_figure` adds what they share: training, rows
and facts.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from isorep._utils.parallel import one_thread
from isorep.paper.training.language_networks import train

if TYPE_CHECKING:
    import xarray

    from isorep.paper.run import Run
    from isorep.paper.training.trained_language_model import TrainedLanguageModel


@dataclass(frozen=True)
class SetUp:
    """The set-up of a figure's module, and the random seed."""

    figure: Any
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Result:
    """What a figure computed.

    Attributes
    ----------
    tables : dict of model's name to xarray.Dataset
        The distances of each model.
    computed : dict or xarray.Dataset
        What the module's ``compute`` returned.
    networks : dict of model's name to list of dict
        The final perplexities of each network.
    texts : dict of corpus to dict
        What the networks were trained on.
    """

    tables: Mapping[str, xarray.Dataset]
    computed: Any
    networks: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, Any] = field(default_factory=dict)


def language_figure(module: Any) -> Any:
    """Return the parts of a figure, as `isorep.paper` describes them, for a module."""

    def compute(setup: SetUp, run: Run) -> Result:
        figure_setup = setup.figure
        if not hasattr(figure_setup, "models"):  # untrained toys: the set-up has the seed
            with one_thread(), run.console.status("computing"):
                table = module.compute(replace(figure_setup, seed=setup.seed))
            return Result({"": table}, table)
        trained, corpora = train(figure_setup.models, figure_setup.networks, setup.seed, run)
        arguments: list[Any] = [trained, corpora]
        if "setup" in inspect.signature(module.compute).parameters:
            arguments.append(figure_setup)
        # The CPU's threads feed a GPU. On the CPU, they would wait for one another.
        threads = one_thread() if run.device == "cpu" else nullcontext()
        with threads, run.console.status("comparing states"):
            tables = module.compute(*arguments, device=run.device)
        return Result(
            tables,
            tables,
            {name: _perplexities(nets) for name, nets in trained.items()},
            {name: corpus.facts() for name, corpus in corpora.items()},
        )

    return SimpleNamespace(
        SETUPS={scale: SetUp(setup) for scale, setup in module.SETUPS.items()},
        compute=compute,
        claims=lambda result: module.claims(result.computed),
        controls=lambda result: module.controls(result.computed),
        draw=lambda result: module.draw(result.computed),
        rows=rows,
        facts=facts,
    )


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Yield a row for each model and number of its table, with all coordinates."""
    names = dict.fromkeys(
        str(name) for table in result.tables.values() for name in table.coords if table[name].ndim
    )
    for model, table in result.tables.items():
        for variable, values in table.data_vars.items():
            for record in values.to_series().reset_index(name="value").to_dict("records"):
                yield {
                    "model": model,
                    "quantity": str(variable),
                    **{name: record.get(name, "") for name in names},
                    "value": record["value"],
                }


def facts(result: Result) -> dict[str, Any]:
    """Return the texts with their digests, and the final perplexities."""
    return {
        "data": {
            model: str(table.attrs.get("note") or table.attrs.get("corpus", "none"))
            for model, table in result.tables.items()
        },
        "texts": dict(result.texts),
        "networks": dict(result.networks),
    }


def _perplexities(networks: Sequence[TrainedLanguageModel]) -> list[dict[str, Any]]:
    return [
        {
            "seed": network.seed,
            "train_perplexity": float(network.train_perplexity[-1]),
            "valid_perplexity": float(network.valid_perplexity[-1]),
        }
        for network in networks
    ]
