"""One BLAS thread: many small factorisations at once, each on a core of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

_lock = Lock()
_inside = 0
_limited = ExitStack()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep linear algebra to one thread a call for as long as anyone is in such a block.

    The limit is the process's: where several threads come and go, the first sets it and the last
    lifts it.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    global _inside
    with _lock:
        if _inside == 0:
            _limited.enter_context(threadpool_limits(1))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limited.close()
