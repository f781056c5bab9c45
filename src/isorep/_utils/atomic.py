"""Write beside the target and move into place, so that no one ever sees half a file."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def _beside(path: Path) -> Path:
    """Name a hidden neighbour: the same folder is the same disk, so a move is a rename."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Have errors of the system, such as a full disk, say what was to be written.

    Not nothing, that is, and not the name of what stands in for it so far.
    """
    try:
        yield
    except OSError as error:
        told = error.filename
        hidden = temporary is not None and str(told).startswith(str(temporary))
        if error.errno is not None and (told is None or hidden):
            error.filename = str(path)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; it becomes `path` when the block ends well, and goes when it fails."""
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
    """Give a folder to fill; it becomes `path` when the block ends well, and goes when it fails.

    A folder cannot be renamed onto a full one, so the old one steps aside first and comes back if
    the new one cannot take its place. Without `replace`, what another process put there in the
    meantime stays, and is an OSError.
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
