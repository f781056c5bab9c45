"""Side by side: the same work on many things, a core for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from isorep._utils.one_thread import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")

MANY = 2
"""Items for each core from which on none stays idle for long."""


def cores() -> int:
    """Return how many threads work side by side: Dask's ``num_workers``, or one a core."""
    import dask
    from dask.system import CPU_COUNT

    return int(dask.config.get("num_workers", None) or CPU_COUNT)


def side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], at_once: int | None = None
) -> Generator[Result, None, None]:
    """Call a function on each item and hand on the results in order.

    Many items share the cores, with linear algebra on one thread each, which wastes none of the
    time that several threads wait for each other in a small product or decomposition. Of a few,
    each has all cores to itself. `at_once` says how many may be worked on, by default as many as
    there are cores. Closing the generator waits for what is running and drops the rest.
    """
    workers = at_once or cores()
    if workers == 1 or len(items) < MANY * workers:
        yield from map(function, items)
        return
    with one_thread(), ThreadPoolExecutor(workers, thread_name_prefix="isorep") as threads:
        yield from threads.map(function, items)
