"""Lock: one process at a time, told by the system, so that a killed one leaves no lock behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have `folder` to oneself while the block lasts; Windows has no such locks, and no wait.

    Raises
    ------
    ValueError
        Another process has it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process is writing to {str(folder)!r}; wait until it is done, or choose "
                "another name"
            ) from None
        except OSError:  # a file system without locks, such as Lustre where they are switched off
            pass
        yield
