"""Progress: one bar for a training of many networks, and one for each network in the making."""

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
    """Show bars for as long as the block runs; give the callback that `training.train` takes.

    How many epochs a network with a target will need is not known, so its bar says how far its loss
    has come down, on a logarithmic scale, from that of its first epoch to the target; or how many
    of its epochs are over, if that is more.

    Parameters
    ----------
    console : rich.console.Console
        Where to draw.
    names : sequence of str
        One for each network, in the order of the callback's first argument.
    recipes : sequence of Recipe
        When each network is done.
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
            come = epoch / recipe.max_epochs
            first = first_loss.setdefault(index, max(loss, 2 * recipe.target_loss))
            if recipe.target_loss > 0:
                left = max(loss, recipe.target_loss)
                come = max(come, log(first / left) / log(first / recipe.target_loss))
            ended = loss < recipe.target_loss or epoch >= recipe.max_epochs
            if ended:
                done.add(index)
                progress.update(overall, completed=len(done), state=f"{len(done)} of {len(names)}")
            progress.update(
                tasks[index],
                completed=come,
                visible=not ended,
                state=f"epoch {epoch}, loss {loss:.4f}",
            )

        yield on_epoch
