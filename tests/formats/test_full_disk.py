"""A save that fails leaves nothing behind, although zarr writes in threads of its own."""

import asyncio
import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from zarr.storage import LocalStore

from isorep.storage import load, save

# Noise, which zstd cannot pack: 24 chunks of 4,096 rows.
LAYERS = {"fc": np.random.default_rng(0).standard_normal((24 * 4096, 8))}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB, if this process may mount one."""
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("only root mounts a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("suffix", [".npz", ".zarr"])
def test_a_full_disk(small_disk, suffix):
    path = small_disk / f"a{suffix}"
    save({"fc": np.eye(3)}, path)
    for _ in range(3):
        with pytest.raises(OSError, match=r"No space left on device: '.*a\.\w+'$"):
            save(LAYERS, path)
        assert os.listdir(small_disk) == [path.name]
    assert load(path)["fc"].shape == (3, 3)


def test_threads_that_go_on_after_a_failure(tmp_path, monkeypatch):
    """One chunk fails at once, while others are being written."""
    write = LocalStore.set
    begun = []

    async def slow(self, key, value):
        if "/c/" in key:
            begun.append(key)
            if len(begun) == 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            await asyncio.sleep(0.1)
        await write(self, key, value)

    monkeypatch.setattr(LocalStore, "set", slow)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.zarr'"):
        save(LAYERS, tmp_path / "a.zarr")
    assert os.listdir(tmp_path) == []
    assert len(begun) < 24
