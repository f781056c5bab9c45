"""Executor: runs a sweep's tasks in threads of this process or on a Dask cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any, Protocol

from isorep._utils.cached_property import cached_property
from isorep._utils.memory import memory_budget
from isorep._utils.optional import import_optional
from isorep._utils.parallel import full_precision, n_workers, one_thread

Future = Any
"""A `concurrent.futures.Future` or a `distributed.Future`: both have `result` and callbacks."""

_REFRESH_SECONDS = 1.0
"""Time after which we ask the cluster again for its number of threads."""


class Executor(Protocol):
    """Runs tasks. Futures among the arguments, also in lists, are replaced by their results."""

    @property
    def n_threads(self) -> int:
        """Number of tasks that run at a time; it changes as workers of a cluster come and go."""
        ...

    @property
    def default_memory(self) -> int:
        """Default memory limit of a sweep in bytes; it grows with a cluster."""
        ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Start a task as soon as a thread is free; tasks start in the order of submission."""
        ...

    def result(self, task: Future) -> Any:
        """Wait for a task, and return its result or raise its error."""
        ...

    def cancel(self, tasks: Sequence[Future]) -> None:
        """Cancel tasks that are not needed any more."""
        ...


@contextmanager
def open_executor(scheduler: Any) -> Iterator[Executor]:
    """Return threads, or the cluster of a `distributed.Client` or of a scheduler's address.

    Raises
    ------
    TypeError
        If `scheduler` is neither.
    OSError
        If no scheduler answers at the address.
    """
    if scheduler is None:
        with _thread_executor() as threads:
            yield threads
    elif isinstance(scheduler, str):
        if not scheduler:
            raise ValueError(
                "expected the address of a scheduler, such as 'tcp://10.0.0.1:8786', got ''; leave "
                "it out for threads"
            )
        distributed = import_optional("distributed", "cluster")
        try:
            client = distributed.Client(scheduler, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise OSError(f"no Dask scheduler answers at {scheduler!r}: {error}") from error
        with client:
            yield DaskExecutor(client)
    elif hasattr(scheduler, "submit") and hasattr(scheduler, "nthreads"):
        yield DaskExecutor(scheduler)
    else:
        raise TypeError(
            "expected the scheduler to be an address such as 'tcp://10.0.0.1:8786', a "
            f"distributed.Client or None for threads, got {type(scheduler).__name__}"
        )


class ThreadExecutor:
    """Runs tasks in threads of this process."""

    def __init__(self, threads: futures.ThreadPoolExecutor, n_threads: int) -> None:
        self._threads, self.n_threads = threads, n_threads

    @cached_property
    def default_memory(self) -> int:
        """Half of the memory that is free when the sweep starts."""
        return memory_budget(None)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Start a task as soon as a thread is free."""
        # A task waits only for tasks submitted before it, so even one thread makes progress.
        return self._threads.submit(_call, function, arguments)

    def result(self, task: Future) -> Any:
        """Wait for a task, and return its result or raise its error."""
        return task.result()

    def cancel(self, tasks: Sequence[Future]) -> None:
        """Cancel tasks that have not started."""
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
def _thread_executor() -> Iterator[ThreadExecutor]:
    n_threads = n_workers()
    threads = futures.ThreadPoolExecutor(n_threads, thread_name_prefix="isorep")
    try:
        with one_thread(), full_precision():  # once, rather than in each task
            yield ThreadExecutor(threads, n_threads)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


class DaskExecutor:
    """Runs tasks on the workers of a Dask cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._n_threads, self._refreshed = 1, -math.inf

    @property
    def n_threads(self) -> int:
        """Number of threads of all workers, at least 1."""
        now = time.monotonic()
        if now > self._refreshed + _REFRESH_SECONDS:
            self._refreshed = now
            self._n_threads = max(1, sum(self._client.nthreads().values()))
        return self._n_threads

    @property
    def default_memory(self) -> int:
        """Half of the workers' limits; if one has none, half of the free memory of this machine."""
        self._client.wait_for_workers(1)
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        limits = [worker["memory_limit"] for worker in workers]
        return sum(limits) // 2 if all(limits) else memory_budget(None)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future:
        """Start a task as soon as a worker is free."""
        import dask

        # Arrays in memory have to be sent, however large; the docs advise stores.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
            return self._client.submit(function, *arguments, pure=False)

    def result(self, task: Future) -> Any:
        """Wait for a task, and return its result or raise its error.

        Raises
        ------
        OSError
            If the cluster lost the task.
        """
        from distributed import KilledWorker

        try:
            return task.result()
        except (futures.CancelledError, KilledWorker) as error:
            raise OSError(
                f"the Dask cluster lost a task ({error}). Finished tiles stay in `out`: call again "
                "to continue, with more memory for the workers if they ran out of it"
            ) from error

    def cancel(self, tasks: Sequence[Future]) -> None:
        """Cancel tasks that are not finished."""
        unfinished = [task for task in tasks if not task.done()]
        if unfinished:
            self._client.cancel(unfinished, force=True)
