"""Run: the tiles of a sweep that are left to do, and the table they make."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from heapq import nlargest
from itertools import groupby
from os import PathLike
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, get_args

from isorep._utils.memory import memory_budget
from isorep._utils.progress import track
from isorep._utils.validation import check_name
from isorep.comparison.sweeps.executor import Future, Pool, pool
from isorep.comparison.sweeps.order import in_groups, slots
from isorep.comparison.sweeps.results import InMemory, Results, in_store
from isorep.comparison.sweeps.sweep import Sweep, Tile
from isorep.comparison.sweeps.tile import Cells, compare_layers, prepare_layer
from isorep.core.basis import Solver

if TYPE_CHECKING:
    import xarray


def run(
    sweep: Sweep,
    *,
    out: str | PathLike[str] | None,
    scheduler: Any,
    memory: int | str | None,
    progress: bool,
) -> xarray.Dataset:
    """Compute what is left to do of a sweep and return its table; see `isorep.pairwise`."""
    check_name("solver", sweep.solver, get_args(Solver))
    budget = None if memory is None else memory_budget(memory)
    with pool(scheduler) as workers:
        _check_memory(sweep, budget, workers)
        results: Results
        if out is None:
            results = InMemory(sweep)
        else:
            results = in_store(sweep, out, _digests(sweep, workers, progress))
        with results:
            left = [tile for tile in sweep.tiles if not results.has(tile)]
            done = _tiles(sweep, left, workers, budget)
            with closing(track(done, sweep.kind, len(left), progress)) as tracked:
                for tile, cells in tracked:
                    results.write(tile, cells)
            return results.dataset()


def _check_memory(sweep: Sweep, memory: int | None, workers: Pool) -> None:
    """Refuse too small a budget before anything is written."""
    if memory is not None:
        for _, of_layer in groupby(sweep.tiles, key=lambda tile: tile.layer):
            slots(sweep, list(of_layer), memory, workers.size)


def _digests(sweep: Sweep, workers: Pool, progress: bool) -> list[str]:
    """Take the fingerprint of each source, there where it is read."""
    tasks = []
    for source in sweep.sources:
        if source.in_store:
            tasks.append(workers.submit(source.digest, sweep.layers))
        else:
            tasks.append(source.digest(sweep.layers))
    try:
        found = track(tasks, "looking at the data", len(tasks), progress)
        return [task if isinstance(task, str) else workers.result(task) for task in found]
    finally:
        workers.cancel([task for task in tasks if not isinstance(task, str)])


def _tiles(
    sweep: Sweep, tiles: Sequence[Tile], workers: Pool, memory: int | None
) -> Iterator[tuple[Tile, Cells]]:
    """Compute tiles, layer by layer, and hand each on when it is finished."""
    for _, of_layer in groupby(tiles, key=lambda tile: tile.layer):
        some = list(of_layer)
        held = slots(sweep, some, memory, workers.size)
        yield from _layer(sweep, in_groups(some, held, _window(workers)), held, workers)


def _window(workers: Pool) -> int:
    """Return how many tiles to hand out: more than can run, so that no one waits for us."""
    return 2 * workers.size


def _layer(
    sweep: Sweep, tiles: Sequence[Tile], slots: int, workers: Pool
) -> Iterator[tuple[Tile, Cells]]:
    """Compute tiles of one layer in this order, with so many of its layers prepared as `slots`."""
    layer = sweep.layers[tiles[0].layer]
    measures = [measure.label for measure in sweep.measures]
    prepared: dict[int, Future] = {}
    users: Counter[int] = Counter()
    uses: defaultdict[int, deque[int]] = defaultdict(deque)  # when each source is needed next
    for moment, tile in enumerate(tiles):
        for k in tile.numbers:
            uses[k].append(moment)
    running: dict[int, Future] = {}
    finished: SimpleQueue[Tile] = SimpleQueue()

    def make_room(tile: Tile) -> bool:
        """Let go of what will not be needed for longest; tell if the tile has room then.

        Where that is still in use, it is waited for, rather than to let go of what comes sooner.
        """
        needed = set(tile.numbers)
        over = len(prepared) + len(needed - prepared.keys()) - slots
        if over <= 0:
            return True
        others = (k for k in prepared if k not in needed)
        for k in nlargest(over, others, lambda k: uses[k][0] if uses[k] else len(tiles)):
            if users[k]:
                return False
            del prepared[k]
        return True

    def start(tile: Tile) -> None:
        for k in tile.numbers:
            if k not in prepared:
                source = sweep.sources[k].only(layer)
                prepared[k] = workers.submit(
                    prepare_layer, source, layer, sweep.solver, sweep.precision
                )
            users[k] += 1
            uses[k].popleft()
        needed = [prepared[k] for k in tile.numbers]
        running[tile.number] = workers.submit(
            compare_layers, tile, needed, measures, sweep.precision
        )
        running[tile.number].add_done_callback(lambda _: finished.put(tile))

    waiting = deque(tiles)
    try:
        while waiting or running:
            window = _window(workers)  # workers come and go
            while waiting and len(running) < window and make_room(waiting[0]):
                start(waiting.popleft())
            tile = finished.get()
            users.subtract(tile.numbers)
            yield tile, workers.result(running.pop(tile.number))
    finally:
        workers.cancel(list(running.values()))
