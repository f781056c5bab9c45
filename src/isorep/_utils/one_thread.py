"""One thread: thousands of small products, which several threads at each only hold up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

_lock = Lock()
_inside = 0
_limited = ExitStack()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread for as long as anyone is in such a block.

    With several, they wait for one another more than they work: ten times longer where the cores
    are not idle. The limit is the process's: where several threads come and go, the first sets it
    and the last lifts it.
    """
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
