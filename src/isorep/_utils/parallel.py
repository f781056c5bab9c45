"""Threads: one task per core, with linear algebra limited to one thread, and full precision."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from threading import Event, local
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from isorep._utils.cores import available_cores
from isorep._utils.turn import Turn

Item = TypeVar("Item")
Result = TypeVar("Result")

ITEMS_PER_WORKER = 2
"""With at least this many items per worker, no worker is idle for long."""

_lock = Turn()
_this_thread = local()
_open_blocks = 0
_limit = ExitStack()
_full_blocks = 0
_full = ExitStack()


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit linear algebra to one thread while at least one such block is open.

    For many small products: with several threads each, the threads wait for each other more than
    they work, ten times longer if other programs use the cores. The limit holds for the whole
    process. If several threads open blocks, the first sets the limit and the last lifts it.
    """
    global _open_blocks
    with _lock:
        if _open_blocks == 0:
            _limit.enter_context(_thread_pools(len(sys.modules)).limit(limits=1))
        _open_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _open_blocks -= 1
            if _open_blocks == 0:
                _limit.close()


@lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> ThreadpoolController:
    """Find the loaded libraries, which takes milliseconds, again only after another import."""
    return ThreadpoolController()


@contextmanager
def full_precision() -> Iterator[None]:
    """Make PyTorch multiply float32 matrices in full precision while such a block is open.

    After ``torch.set_float32_matmul_precision("high")``, usual in training, GPUs multiply in
    TensorFloat-32. Its 10 bits would move a correlation by about 1e-3 rather than 1e-7. The
    setting holds for the whole process. If several threads open blocks, the first changes it and
    the last restores it.
    """
    global _full_blocks
    torch = sys.modules.get("torch")  # if it is not loaded, no array is a tensor
    if torch is None:
        yield
        return
    with _lock:
        if _full_blocks == 0:
            _full.callback(_set_full_precision(torch))
        _full_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _full_blocks -= 1
            if _full_blocks == 0:
                _full.close()


def _set_full_precision(torch: Any) -> Callable[[], None]:
    """Set full precision, and return the function that restores what was set before."""
    try:
        precision = torch.get_float32_matmul_precision()
    except RuntimeError:  # the precision was set for single backends, as PyTorch 2.9 allows
        precision = "highest"
    matmuls = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    by_backend = [(x, x.fp32_precision) for x in matmuls if hasattr(x, "fp32_precision")]
    torch.set_float32_matmul_precision("highest")

    def restore() -> None:
        torch.set_float32_matmul_precision(precision)
        for matmul, backend_precision in by_backend:
            matmul.fp32_precision = backend_precision

    return restore


def n_workers() -> int:
    """Return the number of threads that work in parallel: Dask's ``num_workers``, or all cores.

    Without Dask, which is an extra, it is the number of cores.
    """
    try:
        import dask
    except ModuleNotFoundError:
        return available_cores()
    return int(dask.config.get("num_workers", None) or available_cores())


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], at_once: int | None = None
) -> Generator[Result, None, None]:
    """Call a function on each item and yield the results in order.

    Many items run in parallel, with linear algebra limited to one thread each: in small products
    and decompositions, several threads would wait for each other. A few items run in turn, and
    each may use all cores. Closing the generator, or an exception such as KeyboardInterrupt, drops
    the items that have not begun and stops running calls at their next `check_stopped`.

    Parameters
    ----------
    function
        Function of one item.
    items
        Its arguments.
    at_once
        Largest number of items processed at the same time; by default `n_workers`.
    """
    workers = at_once or n_workers()
    if workers == 1 or len(items) < ITEMS_PER_WORKER * workers:
        yield from map(function, items)
        return
    stopped = Event()
    with (
        one_thread(),
        ThreadPoolExecutor(
            workers, "isorep", initializer=setattr, initargs=(_this_thread, "stopped", stopped)
        ) as threads,
    ):
        try:
            yield from threads.map(function, items)
        finally:
            stopped.set()


class StoppedError(Exception):
    """The caller no longer wants the result of this thread."""


def check_stopped() -> None:
    """Raise StoppedError if this thread works for a `parallel_map` that has ended.

    Long functions call it between their parts, so that Ctrl-C need not wait for the whole.
    """
    stopped: Event | None = getattr(_this_thread, "stopped", None)
    if stopped is not None and stopped.is_set():
        raise StoppedError
