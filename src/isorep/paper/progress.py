"""Progress: one bar for a training of many networks, and one for each network in the making."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import log

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def training_bars(
    console: Console, names: Sequence[str], target_loss: float
) -> Iterator[Callable[[int, int, float], None]]:
    """Show bars for as long as the block runs; give the callback that `training.train` takes.

    How many epochs a network will need is not known, so its bar says how far its loss has come
    down, on a logarithmic scale, from that of its first epoch to the target.

    Parameters
    ----------
    console : rich.console.Console
        Where to draw.
    names : sequence of str
        One for each network, in the order of the callback's first argument.
    target_loss : float
        Where each network is done.
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
            first = first_loss.setdefault(index, max(loss, 2 * target_loss))
            come = log(first / max(loss, target_loss)) / log(first / target_loss)
            if loss < target_loss:
                done.add(index)
                progress.update(overall, completed=len(done), state=f"{len(done)} of {len(names)}")
            progress.update(
                tasks[index],
                completed=come,
                visible=loss >= target_loss,
                state=f"epoch {epoch}, loss {loss:.4f}",
            )

        yield on_epoch
