"""Pool: where a sweep's tasks run, threads of this process or the workers of a Dask cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Protocol

from isorep._utils.optional import import_optional
from isorep._utils.parallel import full_precision, n_workers, one_thread

Future = Any
"""A `concurrent.futures.Future` or a `distributed.Future`: both have `result` and callbacks."""


_LOOK_AGAIN = 1.0
"""Seconds after which a cluster may have other workers."""


class Pool(Protocol):
    """What runs tasks. Futures among the arguments, also in lists, arrive as their results."""

    @property
    def size(self) -> int:
        """How many tasks run at a time; a cluster's workers come and go."""
        ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Start a task as soon as there is room; those handed in first start first."""
        ...

    def result(self, task: Future) -> Any:
        """Wait for what a task returns, or raise what it raised."""
        ...

    def cancel(self, tasks: Sequence[Future]) -> None:
        """Give up what is not needed any more."""
        ...


@contextmanager
def pool(scheduler: Any) -> Iterator[Pool]:
    """Give threads, or the cluster of a `distributed.Client` or of a scheduler's address.

    Raises
    ------
    TypeError
        When `scheduler` is neither.
    OSError
        When no scheduler answers at the address.
    """
    if scheduler is None:
        with _threads() as threads:
            yield threads
    elif isinstance(scheduler, str):
        distributed = import_optional("distributed", "distributed")
        try:
            client = distributed.Client(scheduler, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise OSError(f"no Dask scheduler answers at {scheduler!r}: {error}") from error
        with client:
            yield _Cluster(client)
    elif hasattr(scheduler, "submit") and hasattr(scheduler, "nthreads"):
        yield _Cluster(scheduler)
    else:
        raise TypeError(
            "expected the scheduler to be an address such as 'tcp://10.0.0.1:8786', a "
            f"distributed.Client or None for threads, got {type(scheduler).__name__}"
        )


class _Threads:
    def __init__(self, executor: futures.ThreadPoolExecutor, size: int) -> None:
        self._executor, self.size = executor, size

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        # No task waits for one that was handed in later, so that however few the threads are, one
        # of them can go on.
        return self._executor.submit(_call, function, arguments)

    def result(self, task: Future) -> Any:
        return task.result()

    def cancel(self, tasks: Sequence[Future]) -> None:
        for task in tasks:
            task.cancel()


def _call(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    return function(*map(_result, arguments))


def _result(argument: Any) -> Any:
    if isinstance(argument, futures.Future):
        return argument.result()
    if isinstance(argument, list):
        return [_result(part) for part in argument]
    return argument


@contextmanager
def _threads() -> Iterator[_Threads]:
    size = n_workers()
    executor = futures.ThreadPoolExecutor(size, thread_name_prefix="isorep")
    try:
        with one_thread(), full_precision():  # once, rather than at each task
            yield _Threads(executor, size)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class _Cluster:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._size, self._asked = 1, -math.inf

    @property
    def size(self) -> int:
        now = time.monotonic()
        if now > self._asked + _LOOK_AGAIN:
            self._asked = now
            self._size = max(1, sum(self._client.nthreads().values()))
        return self._size

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        import dask

        # What is in memory must be sent, however large; the docs advise stores.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            return self._client.submit(function, *arguments, pure=False)

    def result(self, task: Future) -> Any:
        from distributed import KilledWorker

        try:
            return task.result()
        except (futures.CancelledError, KilledWorker) as error:
            raise OSError(
                f"the Dask cluster lost a task ({error}). What is finished stays in `out`: call "
                "again to go on, with more memory for the workers if that is what they lacked"
            ) from error

    def cancel(self, tasks: Sequence[Future]) -> None:
        left = [task for task in tasks if not task.done()]
        if left:
            self._client.cancel(left, force=True)
