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
    ValueError
        If the path contains a character that no file name can.
    """
    try:
        os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(
                f"cannot use {os.fspath(path)!r}: its symbolic links lead back to themselves; make "
                "it a link to a file or folder"
            ) from error
    except UnicodeEncodeError as error:
        raise ValueError(
            f"cannot use {os.fspath(path)!r} as a path: no file name can contain "
            f"{error.object[error.start]!r}; check the name"
        ) from error
    return Path(os.path.realpath(path))
