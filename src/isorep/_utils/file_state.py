"""File state: whether a file is still what it was when it was opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_METADATA = ("zarr.json", ".zgroup", ".zarray")
"""Files that zarr writes anew with a store."""


class FileState:
    """Size and time of change of a file; of a folder of zarr those of its metadata.

    Other folders only have to exist: their readers know the state of each file that they read. A
    new file in such a folder does not count as a change.

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
    ValueError: fc.npy was changed or replaced after it was opened; open it again
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        path = path.absolute()  # the working folder may change
        files = (path / name for name in _METADATA)
        self._path = next((file for file in files if file.is_file()), path)
        self._stamp = self._read()

    def check(self) -> None:
        """Raise ValueError if the file was changed since, or OSError if it is not there."""
        if self._read() != self._stamp:
            raise ValueError(
                f"{self._name} was changed or replaced after it was opened; open it again"
            )

    def _read(self) -> tuple[int, int] | None:
        # Inodes are left out: other machines may number the files of a shared disk differently.
        state = os.stat(self._path)
        return None if stat.S_ISDIR(state.st_mode) else (state.st_size, state.st_mtime_ns)
