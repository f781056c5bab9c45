"""Language networks: the trained language models that figures share, read from disk or trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from isorep._utils.optional import import_optional
from isorep.paper.data import text

if TYPE_CHECKING:
    from isorep.paper.data.text import Corpus
    from isorep.paper.run import Run
    from isorep.paper.training.language_recipe import LanguageModel
    from isorep.paper.training.trained_language_model import TrainedLanguageModel


def train(
    models: Sequence[LanguageModel], networks: int, seed: int, run: Run
) -> tuple[dict[str, list[TrainedLanguageModel]], dict[str, Corpus]]:
    """Return `networks` trained networks of each model, by its name, and the texts by corpus.

    Each network has a folder, from which a finished training is read and an interrupted one is
    resumed.
    """
    torch = import_optional("torch", "torch")
    from isorep.paper.training import language_training

    excerpts = {model.corpus: model.excerpt for model in models}
    if any(model.excerpt != excerpts[model.corpus] for model in models):
        raise ValueError("models on one corpus must use the same excerpt of it")
    corpora = {name: text.load(name, run.data, excerpt) for name, excerpt in excerpts.items()}
    for corpus in corpora.values():
        if corpus.note:
            run.console.print(corpus.note, highlight=False)
    tasks = []
    for model in models:
        for number in range(networks):
            network_seed = seed * networks + number
            folder = run.folder(
                {
                    "kind": "LanguageModel",
                    "recipe": asdict(model),
                    "seed": network_seed,
                    "corpus": corpora[model.corpus].digest,
                    "device": torch.device(run.device).type,
                    "threads": torch.get_num_threads() if run.device == "cpu" else 0,
                    "torch": torch.__version__,
                }
            )
            if folder is not None:
                folder.parent.mkdir(parents=True, exist_ok=True)
            corpus = corpora[model.corpus]
            tasks.append(language_training.Task(model, corpus, network_seed, folder))
    # The longest trainings start first, so that all threads finish at about the same time.
    order = sorted(range(len(tasks)), key=lambda i: tasks[i].recipe.layers, reverse=True)
    with run.console.status("training language models") as status:
        trained = language_training.train_language_models(
            [tasks[i] for i in order],
            device=run.device,
            on_epoch=_progress(status.update, [tasks[i].recipe for i in order]),
        )
    by_task = dict(zip(order, trained, strict=True))
    return {
        model.name: [by_task[i * networks + number] for number in range(networks)]
        for i, model in enumerate(models)
    }, corpora


def _progress(
    update: Callable[[str], None], recipes: Sequence[LanguageModel]
) -> Callable[[int, int, float], None]:
    """Return the callback that shows how far the trainings are."""
    done = [0] * len(recipes)
    total = sum(recipe.epochs for recipe in recipes)

    def on_epoch(task: int, epoch: int, perplexity: float) -> None:
        done[task] = epoch
        update(
            f"training {len(recipes)} language models: {sum(done)} of {total} epochs; "
            f"{recipes[task].name}, epoch {epoch}: perplexity {perplexity:.1f}"
        )

    return on_epoch
