"""Real path: a path without symbolic links."""

from __future__ import annotations

import errno
import os
from os import PathLike
from pathlib import Path


def real_path(path: str | PathLike[str]) -> Path:
    """Return the absolute path of a file or folder, without symbolic links.

    Raises
    ------
    OSError
        If links lead back to themselves.
    """
    try:
        os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(
                f"cannot use {os.fspath(path)!r}: its symbolic links lead back to themselves; make "
                "it a link to a file or folder"
            ) from error
    return Path(os.path.realpath(path))
