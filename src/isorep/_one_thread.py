"""One thread: thousands of small products, which several threads at each only hold up."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


def one_thread() -> AbstractContextManager[Any]:
    """Keep linear algebra to one thread for as long as the block runs.

    With several, they wait for one another more than they work: ten times longer where the cores
    are not idle.
    """
    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits
