"""What is written takes its place whole: permissions stay, and no half is lost."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from isorep._utils import atomic
from isorep.storage import load, save

A, B = {"fc": np.eye(3)}, {"fc": np.ones((3, 2))}


@pytest.fixture(autouse=True)
def _waits_for_the_disk(fsync, monkeypatch):
    monkeypatch.setattr(os, "fsync", fsync)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "a.npz"
    save(A, path)
    (tmp_path / "other").touch()
    assert mode_of(path) == mode_of(tmp_path / "other")
    path.chmod(mode)
    save(B, path)
    assert mode_of(path) == mode
    assert load(path)["fc"].shape == (3, 2)


@pytest.mark.skipif(os.name == "nt", reason="no such permissions")
@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_keeps_its_permissions(tmp_path, exchange, monkeypatch):
    if not exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda a, b: False)
    path = tmp_path / "a.zarr"
    save(A, path)
    path.chmod(0o700)
    save(B, path)
    assert mode_of(path) == 0o700
    assert load(path)["fc"].shape == (3, 2)
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_file_is_never_readable_by_more_than_before(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("secret")
    path.chmod(0o600)
    with atomic.new_file(path) as file:
        assert mode_of(Path(file.name)) == 0o600
        file.write(b"new secret")


def test_folders_are_exchanged_in_one_step(tmp_path):
    """At no moment is there nothing at the path."""
    path, other = tmp_path / "a", tmp_path / "b"
    for folder in (path, other):
        folder.mkdir()
        (folder / folder.name).touch()
    if not atomic._exchange(path, other):
        pytest.skip("the system or the file system exchanges no folders")
    assert (os.listdir(path), os.listdir(other)) == (["b"], ["a"])
    with pytest.raises(FileNotFoundError, match="gone"):
        atomic._exchange(other, tmp_path / "gone")


def test_a_swap_that_fails_half_way_names_both_halves(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    save(A, path)
    monkeypatch.setattr(atomic, "_exchange", lambda a, b: False)
    rename = Path.rename

    def only_away(self, target):
        if target == path:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", only_away)
    with pytest.raises(OSError, match=r"Input/output error\. The old folder is '(.*)' and the n"):
        save(B, path)
    monkeypatch.undo()
    # The same folders are left by a process that is killed between the two moves.
    with pytest.raises(ValueError, match=r"a save was interrupted\. The old store is ") as caught:
        load(path)
    _, _, _, old, _, new, _ = str(caught.value).split("'")
    assert load_as(old, tmp_path / "old.zarr")["fc"].shape == (3, 3)
    assert load_as(new, tmp_path / "new.zarr")["fc"].shape == (3, 2)
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        load(path)


def load_as(hidden, name):
    return load(Path(hidden).rename(name))


def test_a_folder_with_the_hidden_name_is_not_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: "0")
    (tmp_path / ".a.zarr.0.tmp").mkdir()
    (tmp_path / ".a.zarr.0.tmp" / "mine").touch()
    (tmp_path / ".a.npz.0.tmp").write_text("mine")
    for name in ("a.zarr", "a.npz"):
        with pytest.raises(FileExistsError):
            save(A, tmp_path / name)
    assert (tmp_path / ".a.zarr.0.tmp" / "mine").exists()
    assert (tmp_path / ".a.npz.0.tmp").read_text() == "mine"
