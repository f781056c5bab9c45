"""Lock: one process at a time writes to a folder. The system drops the lock of a killed process."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isorep._utils.optional import import_optional

# A file system without locks, such as Lustre or NFS where they are switched off.
_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock `folder` while the block runs; do nothing where the file system has no locks.

    Raises
    ------
    ValueError
        Another process holds the lock.
    """
    filelock = import_optional("filelock", "store")
    # Without the fallback: a file that only marks the folder as taken would outlive a killed run.
    lock = filelock.FileLock(folder / "lock", timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ValueError(
            f"another process is writing to {str(folder)!r}; wait until it is done, or choose "
            "another name"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()
