"""Training progress: one bar for all networks, and one for each network in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import log

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from isorep.paper.training.recipe import Recipe


@contextmanager
def training_bars(
    console: Console, names: Sequence[str], recipes: Sequence[Recipe]
) -> Iterator[Callable[[int, int, float], None]]:
    """Show bars while the block runs; yields the callback ``on_epoch`` of `train`.

    The number of epochs of a network with a target loss is not known in advance. Its bar shows how
    far the loss has fallen, on a logarithmic scale, from its first value to the target, or the
    share of `max_epochs` if that is larger.

    Parameters
    ----------
    console : rich.console.Console
        Console to draw on.
    names : sequence of str
        Name of each network, in the order of the callback's first argument.
    recipes : sequence of Recipe
        Recipe of each network.
    """
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
    )
    with progress:
        overall = progress.add_task("networks", total=len(names), state=f"0 of {len(names)}")
        tasks = [
            progress.add_task(name, total=1.0, visible=False, start=False, state="")
            for name in names
        ]
        first_loss: dict[int, float] = {}
        done: set[int] = set()

        def on_epoch(index: int, epoch: int, loss: float) -> None:
            if index not in first_loss:
                progress.start_task(tasks[index])
            recipe = recipes[index]
            share = epoch / recipe.max_epochs
            first = first_loss.setdefault(index, max(loss, 2 * recipe.target_loss))
            if recipe.target_loss > 0:
                current = max(loss, recipe.target_loss)
                share = max(share, log(first / current) / log(first / recipe.target_loss))
            ended = loss < recipe.target_loss or epoch >= recipe.max_epochs
            if ended:
                done.add(index)
                progress.update(overall, completed=len(done), state=f"{len(done)} of {len(names)}")
            progress.update(
                tasks[index],
                completed=share,
                visible=not ended,
                state=f"epoch {epoch}, loss {loss:.4f}",
            )

        yield on_epoch
