"""Atomic writes: fill a temporary file or folder beside the target, then rename it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def _beside(path: Path) -> Path:
    """Return a hidden name in the same folder, so on the same disk: a move is then a rename."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Name the target path, not the temporary one, in OSErrors such as "disk full"."""
    try:
        yield
    except OSError as error:
        filename = error.filename
        hidden = temporary is not None and str(filename).startswith(str(temporary))
        if error.errno is not None and (filename is None or hidden):
            error.filename = str(path)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write; it becomes `path` if the block succeeds and is deleted if it fails."""
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
    """Make a folder to fill; it becomes `path` if the block succeeds and is deleted if it fails.

    A folder cannot be renamed onto one that has files, so the old folder is renamed first, and
    renamed back if the new one cannot take its place. Without `replace`, if another process created
    `path` in the meantime, it stays and an OSError is raised.
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
