"""Turn: a lock of threads that a forked process finds open."""

from __future__ import annotations

import os
from threading import Lock
from types import TracebackType
from weakref import WeakSet


class Turn:
    """A lock whose ``with`` block one thread at a time is in.

    A fork copies no thread but the one that forks. If another thread held a plain lock then, the
    new process would wait for ever.

    Examples
    --------
    >>> turn = Turn()
    >>> with turn:
    ...     print("one thread at a time")
    one thread at a time
    """

    def __init__(self) -> None:
        self._lock = Lock()
        _turns.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[Turn], tuple[()]]:
        return Turn, ()


_turns: WeakSet[Turn] = WeakSet()


def _open_all() -> None:
    for turn in list(_turns):
        turn._lock = Lock()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_open_all)
