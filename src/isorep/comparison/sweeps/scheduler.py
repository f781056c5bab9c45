"""Scheduler: the order in which the tiles of a sweep run, within a limit of memory."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from heapq import nlargest
from itertools import groupby
from math import ceil
from os import PathLike
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from isorep._utils.memory import memory_budget, readable
from isorep._utils.progress import track
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.provenance import describe_networks
from isorep.comparison.sweeps.executor import Executor, Future, open_executor
from isorep.comparison.sweeps.network import Identity
from isorep.comparison.sweeps.results import Results, ResultsInMemory
from isorep.comparison.sweeps.sweep import Sweep
from isorep.comparison.sweeps.sweep_store import open_sweep_store
from isorep.comparison.sweeps.tile import Cells, Tile, compare_layers, prepare_layer
from isorep.core import orders as orders_of_samples
from isorep.inference import shared_parts
from isorep.inference.jackknife import BLOCKS
from isorep.inference.null_distribution import BATCH

if TYPE_CHECKING:
    import xarray

_DOUBLE, _SINGLE = 8, 4
"""Bytes of a number."""


def run(
    sweep: Sweep,
    *,
    out: str | PathLike[str] | None,
    scheduler: Any,
    memory: int | str | None,
    progress: bool,
) -> xarray.Dataset:
    """Compute the tiles of a sweep that are not finished and return the table.

    The parameters are those of `isorep.pairwise`.
    """
    with open_executor(scheduler) as executor:
        limit = None if memory is None else memory_budget(memory)
        for layer_tiles in _by_layer(sweep.tiles):  # before anything is written
            max_prepared(sweep, layer_tiles, limit or executor.default_memory, executor.n_threads)
        identities = _identities(sweep, executor, out is not None, progress)
        names = [network.name for network in sweep.inputs.networks]
        described = {name: x.description for name, x in zip(names, identities, strict=True)}
        sweep = replace(sweep, data=describe_networks(described))
        if out is None:
            results: Results = ResultsInMemory(sweep)
        else:
            results = open_sweep_store(sweep, out, [x.fingerprint for x in identities])
        with results:
            tiles = [tile for tile in sweep.tiles if not results.has(tile)]
            computed = _compute(sweep, tiles, executor, limit)
            with closing(
                track(
                    computed,
                    sweep.kind,
                    len(tiles),
                    progress,
                    unit="tiles",
                    work=sweep.inputs.inference.work(len(sweep.inputs.measures)),
                    timed=executor.n_threads,
                )
            ) as tracked:
                for tile, cells in tracked:
                    results.write(tile, cells)
            return results.dataset()


def _identities(sweep: Sweep, executor: Executor, whole: bool, progress: bool) -> list[Identity]:
    """Return what identifies each network, computed where the network is read.

    `whole` means that all values are read; see `Network.identify`.
    """
    layers = sweep.inputs.layers
    tasks = [
        executor.submit(network.identify, layers, whole)
        if network.in_store
        else network.identify(layers, whole)
        for network in sweep.inputs.networks
    ]
    shown = progress and whole
    try:
        return [
            task if isinstance(task, Identity) else executor.result(task)
            for task in track(tasks, "checking the data", len(tasks), shown, unit="networks")
        ]
    finally:
        executor.cancel([task for task in tasks if not isinstance(task, Identity)])


def _by_layer(tiles: Sequence[Tile]) -> Iterator[list[Tile]]:
    for _, layer_tiles in groupby(tiles, key=lambda tile: tile.layer):
        yield list(layer_tiles)


def max_prepared(sweep: Sweep, tiles: Sequence[Tile], memory: int, n_tasks: int) -> int:
    """Return how many prepared layers fit in memory beside the tasks that run.

    Parameters
    ----------
    sweep
        The sweep.
    tiles
        Tiles of one layer.
    memory
        Memory limit in bytes.
    n_tasks
        Number of tasks that run at a time.

    Raises
    ------
    ValueError
        If not even one tile fits.
    """
    networks = {network for tile in tiles for network in tile.networks}
    layer = sweep.inputs.layers[tiles[0].layer]
    shapes = [sweep.inputs.shapes[network][layer] for network in networks]
    most = max(len(tile.networks) for tile in tiles)
    columns = max(len(tile.y) for tile in tiles)
    single = sweep.inputs.precision == "single"
    prepared = max(_prepared_bytes(n, p, single) for n, p in shapes)
    inference = sweep.inputs.inference
    working = n_tasks * max(
        _working_bytes(n, p, columns, single) + _inference_bytes(n, p, most, inference)
        for n, p in shapes
    )
    least = working + most * prepared
    if memory < least:
        tasks = "1 task" if n_tasks == 1 else f"{n_tasks} tasks"
        raise ValueError(
            f"a memory limit of {readable(memory)} is too low for layer {layer!r}: {tasks} at a "
            f"time and the {most} networks of a tile need {readable(least)}. Pass a higher "
            "memory=, or use fewer threads (dask.config.set(num_workers=...))"
        )
    return min(len(networks), (memory - working) // prepared)


def _prepared_bytes(n: int, p: int, single: bool) -> int:
    """Bytes of a prepared layer: its orthonormal basis, or the centred data, and two maps."""
    return n * p * (_SINGLE if single else _DOUBLE) + 2 * p * p * _DOUBLE


def _working_bytes(n: int, p: int, columns: int, single: bool) -> int:
    """Bytes that a task allocates while it runs."""
    preparing = 5 * n * p * _DOUBLE  # as stored, as read, in float64, centred, whitened
    decomposing = 5 * p * p * _DOUBLE
    if single:  # the stacked y layers, their product with x, its decomposition
        return max(preparing, columns * (n * p * _SINGLE + p * p * _SINGLE + decomposing))
    return max(preparing, decomposing)


def _inference_bytes(n: int, p: int, networks: int, inference: InferenceOptions) -> int:
    """Bytes that a task allocates for the inference of a tile of these networks."""
    n_bytes = 0
    if inference.correct or inference.interval:  # simulated samples
        n_bytes += 10 * p * p * _DOUBLE
    if inference.interval:  # a basis without a block, and those that are kept
        kept = networks * BLOCKS * 3 * p * p * _DOUBLE
        n_bytes += n * p * _DOUBLE + min(kept, shared_parts.KEPT)
    if inference.chance:  # the orders, and permuted rows with their products
        orders = inference.n_draws * n * _DOUBLE
        n_bytes += min(orders, orders_of_samples.KEPT) + 4 * BATCH
    return n_bytes


def order_tiles(tiles: Sequence[Tile], n_prepared: int, window: int) -> list[Tile]:
    """Order the tiles of one layer so that few layers are prepared more than once.

    Several ranges of x stay prepared while every y goes by, as many as `n_prepared` layers allow.

    Parameters
    ----------
    tiles
        Tiles of one layer.
    n_prepared
        Maximal number of prepared layers.
    window
        Number of tiles in progress at a time.
    """
    networks = {network for tile in tiles for network in tile.networks}
    starts = sorted({tile.x.start for tile in tiles})
    widest = max(max(len(tile.x), len(tile.y)) for tile in tiles)
    staying = len(starts)
    if n_prepared < len(networks):
        # The ranges of y in progress need room beside the staying ranges of x.
        while staying > 1 and staying + 1 + ceil(window / staying) > n_prepared // widest:
            staying -= 1
    place = {start: k for k, start in enumerate(starts)}
    return sorted(tiles, key=lambda t: (place[t.x.start] // staying, t.y.start, t.x.start))


def _compute(
    sweep: Sweep, tiles: Sequence[Tile], executor: Executor, limit: int | None
) -> Iterator[tuple[Tile, Cells]]:
    """Compute tiles, layer by layer, and yield each when it is finished."""
    for layer_tiles in _by_layer(tiles):
        memory = limit or executor.default_memory
        n_prepared = max_prepared(sweep, layer_tiles, memory, executor.n_threads)
        ordered = order_tiles(layer_tiles, n_prepared, _window(executor))
        yield from _compute_layer(sweep, ordered, n_prepared, executor)


def _window(executor: Executor) -> int:
    """Return how many tiles to submit: more than can run, so that no thread waits for us."""
    return 2 * executor.n_threads


def _compute_layer(
    sweep: Sweep, tiles: Sequence[Tile], n_prepared: int, executor: Executor
) -> Iterator[tuple[Tile, Cells]]:
    """Compute tiles of one layer in this order, with at most `n_prepared` prepared layers."""
    inputs = sweep.inputs
    layer = inputs.layers[tiles[0].layer]
    labels = [measure.label for measure in inputs.measures]
    prepared: dict[int, Future] = {}
    users: Counter[int] = Counter()  # running tiles that use a prepared layer
    uses: defaultdict[int, deque[int]] = defaultdict(deque)  # places of the tiles still to start
    for place, tile in enumerate(tiles):
        for network in tile.networks:
            uses[network].append(place)
    running: dict[int, Future] = {}
    finished: SimpleQueue[Tile] = SimpleQueue()

    def make_room(tile: Tile) -> bool:
        """Release the layers that are needed again last; return whether the tile has room then.

        If a running tile uses such a layer, the tile has to wait, because to release a layer that
        is needed sooner would prepare more layers twice.
        """
        needed = set(tile.networks)
        excess = len(prepared) + len(needed - prepared.keys()) - n_prepared
        if excess <= 0:
            return True
        others = (network for network in prepared if network not in needed)
        for network in nlargest(excess, others, lambda k: uses[k][0] if uses[k] else len(tiles)):
            if users[network]:
                return False
            del prepared[network]
        return True

    def start(tile: Tile) -> None:
        for k in tile.networks:
            if k not in prepared:
                prepared[k] = executor.submit(
                    prepare_layer,
                    inputs.networks[k].with_layer(layer),
                    layer,
                    inputs.solver,
                    inputs.precision,
                )
            users[k] += 1
            uses[k].popleft()
        needed = [prepared[k] for k in tile.networks]
        running[tile.number] = executor.submit(
            compare_layers, tile, needed, labels, inputs.precision, inputs.inference
        )
        running[tile.number].add_done_callback(lambda _: finished.put(tile))

    waiting = deque(tiles)
    try:
        while waiting or running:
            window = _window(executor)  # a cluster's workers come and go
            while waiting and len(running) < window and make_room(waiting[0]):
                start(waiting.popleft())
            tile = finished.get()
            users.subtract(tile.networks)
            yield tile, executor.result(running.pop(tile.number))
    finally:
        executor.cancel(list(running.values()))
