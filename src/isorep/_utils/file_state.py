"""File state: whether a file or folder is still what it was when it was opened."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

_MOST_ENTRIES = 1000
"""Entries of a folder whose states are compared, so that a read of a few rows stays fast."""


class FileState:
    """Size and time of change of a file, or of what lies directly in a folder.

    Entries that were added to the folder since are no change.

    Parameters
    ----------
    path
        Path of the file or folder.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "fc.npy"
    ...     _ = path.write_bytes(b"1234")
    ...     state = FileState(path)
    ...     state.check()
    ...     _ = path.write_bytes(b"12")
    ...     state.check()
    Traceback (most recent call last):
    ValueError: it was changed or replaced after it was opened; open it again
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()  # the working folder may change
        self._entries = _entries(self._path) if path.is_dir() else []
        self._stamps = self._read()

    def check(self) -> None:
        """Raise ValueError if the file was changed since, or OSError if it is not there."""
        if self._read() != self._stamps:
            raise ValueError("it was changed or replaced after it was opened; open it again")

    def _read(self) -> list[tuple[int, int]]:
        # New entries do not matter, so the state of the folder itself, which they change, does not.
        return [_stamp(os.stat(path)) for path in self._entries or [self._path]]


def _entries(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [folder / entry.name for entry in islice(entries, _MOST_ENTRIES)]


def _stamp(state: os.stat_result) -> tuple[int, int]:
    # Inodes are left out: other machines may number the files of a shared disk differently.
    return state.st_size, state.st_mtime_ns
