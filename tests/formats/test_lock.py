"""One process at a time writes to a folder, and a file system without locks stops nobody."""

import errno
import subprocess
import sys

import filelock
import pytest

from isorep._formats.lock import locked

HOLD = """
import sys
from pathlib import Path
from isorep._formats.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_until_the_first_is_done(tmp_path):
    refused = pytest.raises(ValueError, match=r"another process is writing to .*; wait until")
    with locked(tmp_path), refused, locked(tmp_path):
        pytest.fail("both have the lock")
    with locked(tmp_path):
        pass
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass


def test_a_killed_process_leaves_no_lock(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "locked\n"
        refused = pytest.raises(ValueError, match="another process is writing to")
        with refused, locked(tmp_path):
            pytest.fail("both have the lock")
        holder.kill()
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks(tmp_path, monkeypatch, code):
    def no_lock(self):
        raise OSError(code, "no locks here")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_lock)
    with locked(tmp_path), locked(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(OSError, match="lock"), locked(tmp_path):
        pytest.fail("the lock is a folder")
