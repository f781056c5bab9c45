"""Write beside the target and move into place, so that nobody ever sees half a file."""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_OLD = ".old"

# What systems and file systems say that cannot sync folders, or exchange two of them.
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


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


def _beside(path: Path, token: str, role: str = "") -> Path:
    """Name a hidden neighbour: the same folder is the same disk, so a move is a rename."""
    return path.with_name(f".{path.name}.{token}{role}.tmp")


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
    """Yield a file to write; it becomes `path` if the block succeeds and is removed if it fails.

    It has the permissions of the file that it replaces.
    """
    temporary = _beside(path, secrets.token_hex(4))
    with writing(path, temporary), open(temporary, "xb") as file:
        try:
            _copy_mode(path, temporary)
            yield file
            file.flush()
            os.fsync(file.fileno())  # a crash after the rename must not leave an empty file
        except BaseException:
            with suppress(OSError):  # Windows removes no open file
                file.close()
            temporary.unlink(missing_ok=True)
            raise
    try:
        with writing(path, temporary):
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a folder to fill; it becomes `path` if the block succeeds and is removed if it fails.

    It has the permissions of the folder that it replaces. Without `replace`, a folder that another
    process made at `path` in the meantime stays, and an OSError is raised.
    """
    token = secrets.token_hex(4)
    temporary, old = _beside(path, token), _beside(path, token, _OLD)
    with writing(path, temporary):
        temporary.mkdir()
    try:
        with writing(path, temporary):
            _copy_mode(path, temporary)
            yield temporary
            sync([temporary, *temporary.rglob("*")])
        if replace and path.exists():
            _swap(temporary, path, old)
        else:
            temporary.rename(path)
    except BaseException:
        if not old.exists():  # otherwise the error names both folders
            shutil.rmtree(temporary, ignore_errors=True)
        raise


def sync(paths: Iterable[Path]) -> None:
    """Wait until files and folders are on the disk, so that a loss of power does not undo them."""
    if os.name == "nt":  # it syncs no file that is open for reading
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _CANNOT:
                error.filename = str(path)
                raise
        finally:
            os.close(descriptor)


def interrupted_swap(path: Path) -> tuple[Path, Path] | None:
    """Return the old and the new folder, if a process was killed between moving one and the other.

    Nothing is at `path` then.
    """
    for old in path.parent.glob(f".{glob.escape(path.name)}.*{_OLD}.tmp"):
        new = old.with_name(old.name.removesuffix(f"{_OLD}.tmp") + ".tmp")
        if new.is_dir():
            return old, new
    return None


def _copy_mode(path: Path, temporary: Path) -> None:
    """Give `temporary` the permissions of `path`, if `path` exists."""
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(path.stat().st_mode)
        # The owner has to fill a folder.
        os.chmod(temporary, mode | stat.S_IRWXU if temporary.is_dir() else mode)


def _swap(new: Path, path: Path, old: Path) -> None:
    """Move the folder `new` to `path`, and remove the folder that was there.

    In one step where the system and the file system can exchange two folders. Elsewhere the folder
    at `path` first moves to `old`, since no folder can be renamed onto a full one.
    """
    if _exchange(new, path):
        shutil.rmtree(new, ignore_errors=True)
        return
    path.rename(old)
    try:
        new.rename(path)
    except BaseException as error:
        try:
            old.rename(path)
        except OSError:
            raise OSError(
                f"cannot move the new folder to {str(path)!r}: {error}. The old folder is "
                f"{str(old)!r} and the new one {str(new)!r}: rename one of them"
            ) from error
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Exchange two folders in one step; return False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # another C library
        return False
    at_cwd, exchange = -100, 2
    if renameat2(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), exchange) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(b))
