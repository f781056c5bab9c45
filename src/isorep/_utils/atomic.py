"""Write beside the target and move into place, so that nobody ever sees half a file."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def target_of(path: Path, action: str) -> Path:
    """Return the path to move a new file or folder to: for a link, the path that it points to.

    Parameters
    ----------
    path
        The path that the caller asked for.
    action
        What the caller does, for the error: "save to", "capture into".

    Raises
    ------
    FileNotFoundError
        The folder to write into does not exist.
    """
    if path.is_symlink():  # moving a file onto the link would replace the link
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot {action} {str(path)!r}: no folder {str(path.parent)!r}")
    return path


def _beside(path: Path) -> Path:
    """Name a hidden neighbour: the same folder is the same disk, so a move is a rename."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Report `path`, not the temporary path, in errors of the system such as a full disk."""
    try:
        yield
    except OSError as error:
        is_temporary = temporary is not None and str(error.filename).startswith(str(temporary))
        if error.errno is not None and (error.filename is None or is_temporary):
            error.filename = str(path)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it becomes `path` if the block succeeds and is removed if it fails."""
    temporary = _beside(path)
    try:
        with writing(path, temporary), open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # a crash after the rename must not leave an empty file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a folder to fill; it becomes `path` if the block succeeds and is removed if it fails.

    A folder cannot be renamed onto a full one. So the old folder is moved aside first, and is moved
    back if the new one cannot take its place. Without `replace`, a folder that another process made
    at `path` in the meantime stays, and an OSError is raised.
    """
    temporary, old = _beside(path), _beside(path)
    try:
        with writing(path, temporary):
            temporary.mkdir()
            yield temporary
        if replace and path.exists():
            path.rename(old)
        try:
            temporary.rename(path)
        except BaseException:
            if old.exists():
                old.rename(path)
            raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
