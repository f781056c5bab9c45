"""Order: which tile comes when, so that what is prepared is used often before it must go."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from isorep._utils.memory import readable
from isorep.comparison.sweeps.sweep import Sweep, Tile

_DOUBLE, _SINGLE = 8, 4


def slots(sweep: Sweep, tiles: Sequence[Tile], memory: int | None, running: int) -> int:
    """Return how many prepared layers `memory` bytes hold, beside what `running` tasks need.

    Parameters
    ----------
    sweep
        The sweep.
    tiles
        Those of one layer.
    memory
        None for no limit.
    running
        How many tasks run at a time.

    Raises
    ------
    ValueError
        When not even one tile fits; it says what would.
    """
    numbers = {number for tile in tiles for number in tile.numbers}
    if memory is None:
        return len(numbers)
    layer = sweep.layers[tiles[0].layer]
    shapes = [sweep.shapes[number][layer] for number in numbers]
    most = max(len(tile.numbers) for tile in tiles)
    held = max(_held(n, p, sweep) for n, p in shapes)
    columns = max(len(tile.y) for tile in tiles)
    working = running * max(_working(n, p, columns, sweep) for n, p in shapes)
    least = working + most * held
    if memory < least:
        raise ValueError(
            f"{readable(memory)} of memory are too few for layer {layer!r}: {running} tasks at a "
            f"time and the {most} networks of a tile need {readable(least)}; allow more, or "
            "take fewer threads (dask.config.set(num_workers=...))"
        )
    return min(len(numbers), (memory - working) // held)


def _held(n: int, p: int, sweep: Sweep) -> int:
    """Bytes of a prepared layer: its orthonormal basis, or the centred data, and two maps."""
    return n * p * (_SINGLE if sweep.precision == "single" else _DOUBLE) + 2 * p * p * _DOUBLE


def _working(n: int, p: int, columns: int, sweep: Sweep) -> int:
    """Bytes that a task takes for a while."""
    preparing = 5 * n * p * _DOUBLE  # as stored, as read, in float64, centred, whitened
    decomposing = 5 * p * p * _DOUBLE
    if sweep.precision == "single":  # the columns side by side, their product, decomposed
        return max(preparing, columns * (n * p * _SINGLE + p * p * _SINGLE + decomposing))
    return max(preparing, decomposing)


def in_groups(tiles: Sequence[Tile], held: int, window: int) -> list[Tile]:
    """Order tiles of one layer so that each y is prepared once for as many x as can be held.

    Parameters
    ----------
    tiles
        Of one layer.
    held
        How many prepared layers may be held.
    window
        How many tiles are under way at a time.
    """
    numbers = {number for tile in tiles for number in tile.numbers}
    starts = sorted({tile.x.start for tile in tiles})
    widest = max(max(len(tile.x), len(tile.y)) for tile in tiles)
    # Ranges of x that stay while every y goes by, beside those of y that are under way.
    staying = len(starts)
    if held < len(numbers):
        while staying > 1 and staying + 1 + ceil(window / staying) > held // widest:
            staying -= 1
    place = {start: k for k, start in enumerate(starts)}
    return sorted(tiles, key=lambda t: (place[t.x.start] // staying, t.y.start, t.x.start))
