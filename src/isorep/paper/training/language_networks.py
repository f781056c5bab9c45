"""Language: how the runner makes a language-model figure, all of which share their networks.

The modules of these figures have ``SETUPS``, ``compute``, ``claims`` and ``draw`` in terms of
trained models, texts and labelled arrays. `figure` gives such a module the shape that
`isorep.paper` describes: training, rows and facts are the same for all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from isorep._utils.optional import import_optional
from isorep._utils.parallel import one_thread

if TYPE_CHECKING:
    import xarray

    from isorep.paper.data.text import Corpus
    from isorep.paper.models.language_model import TrainedLanguageModel
    from isorep.paper.run import Run
    from isorep.paper.training.language_recipe import LanguageModel


@dataclass(frozen=True)
class SetUp:
    """A figure's own set-up, and the seed of the run."""

    figure: Any
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Result:
    """What a figure found, a table for each model, and what was trained for it."""

    tables: Mapping[str, xarray.Dataset]
    found: Any
    networks: Mapping[str, Any] = field(default_factory=dict)


def figure(module: Any) -> Any:
    """Give a language-model figure's module the parts that the runner calls."""

    def compute(setup: SetUp, run: Run) -> Result:
        own = setup.figure
        if not hasattr(own, "models"):  # toys without training, whose set-up has the seed
            own = replace(own, seed=setup.seed)
            with one_thread(), run.console.status("computing"):
                found = module.compute(own)
            return Result({"": found}, found)
        trained, corpora = train(own.models, own.networks, setup.seed, run)
        arguments: list[Any] = [trained, corpora]
        if "setup" in inspect.signature(module.compute).parameters:
            arguments.append(own)
        # A GPU is fed by the CPU's threads; on the CPU, they would wait for one another.
        alone = one_thread() if run.device == "cpu" else nullcontext()
        with alone, run.console.status("comparing states"):
            found = module.compute(*arguments, device=run.device)
        return Result(found, found, {name: _ends(models) for name, models in trained.items()})

    return SimpleNamespace(
        SETUPS={scale: SetUp(own) for scale, own in module.SETUPS.items()},
        compute=compute,
        claims=lambda result: module.claims(result.found),
        draw=lambda result: module.draw(result.found),
        rows=rows,
        facts=facts,
    )


def train(
    models: Sequence[LanguageModel], networks: int, seed: int, run: Run
) -> tuple[dict[str, list[TrainedLanguageModel]], dict[str, Corpus]]:
    """Read or train `networks` of each model, and the texts that they learn.

    Each network keeps its own folder, where a training that was stopped goes on.
    """
    torch = import_optional("torch", "torch")
    from isorep.paper.data.text import load
    from isorep.paper.models.language_model import Task, train_language_models

    excerpts = {model.corpus: model.excerpt for model in models}
    if any(model.excerpt != excerpts[model.corpus] for model in models):
        raise ValueError("models on one corpus must use the same excerpt of it")
    corpora = {name: load(name, run.data, excerpt) for name, excerpt in excerpts.items()}
    for corpus in corpora.values():
        if corpus.note:
            run.console.print(corpus.note, highlight=False)
    tasks = []
    for model in models:
        for number in range(networks):
            own_seed = seed * networks + number
            folder = run.folder(
                {
                    "kind": "LanguageModel",
                    "recipe": asdict(model),
                    "seed": own_seed,
                    "corpus": corpora[model.corpus].digest,
                    "device": torch.device(run.device).type,
                    "threads": torch.get_num_threads() if run.device == "cpu" else 0,
                    "torch": torch.__version__,
                }
            )
            if folder is not None:
                folder.parent.mkdir(parents=True, exist_ok=True)
            tasks.append(Task(model, corpora[model.corpus], own_seed, folder))
    # What takes longest goes first: no thread is left with a long one alone.
    order = sorted(range(len(tasks)), key=lambda i: tasks[i].recipe.layers, reverse=True)
    with run.console.status("training language models") as status:
        ended = train_language_models(
            [tasks[i] for i in order],
            device=run.device,
            on_epoch=_tell(status.update, [tasks[i].recipe for i in order]),
        )
    by_task = dict(zip(order, ended, strict=True))
    return {
        model.name: [by_task[at * networks + number] for number in range(networks)]
        for at, model in enumerate(models)
    }, corpora


def _tell(
    update: Callable[[str], None], recipes: Sequence[LanguageModel]
) -> Callable[[int, int, float], None]:
    done = [0] * len(recipes)
    total = sum(recipe.epochs for recipe in recipes)

    def on_epoch(task: int, epoch: int, perplexity: float) -> None:
        done[task] = epoch
        update(
            f"training {len(recipes)} language models: {sum(done)} of {total} epochs; "
            f"{recipes[task].name}, epoch {epoch}: perplexity {perplexity:.1f}"
        )

    return on_epoch


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Give a row for each model and number of its table, with all its coordinates."""
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
    """Say what was trained on what, and how far it came."""
    return {
        "data": {
            model: str(table.attrs.get("note") or table.attrs.get("corpus", "none"))
            for model, table in result.tables.items()
        },
        "networks": dict(result.networks),
    }


def _ends(models: Sequence[TrainedLanguageModel]) -> list[dict[str, Any]]:
    return [
        {
            "seed": one.seed,
            "train_perplexity": float(one.train_perplexity[-1]),
            "valid_perplexity": float(one.valid_perplexity[-1]),
        }
        for one in models
    ]
