"""The site, built once for all tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """Build the site as `make docs` does; any warning, broken link or missing name fails."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":  # the folder that all processes of this run share
        folder = folder.parent
    with FileLock(folder / "site.lock"):
        if not (folder / "site" / "objects.inv").exists():
            command = [sys.executable, "-m", "sphinx", "--builder", "html", "--quiet"]
            command += ["--fresh-env", "--nitpicky", "--fail-on-warning", "--keep-going"]
            command += ["--doctree-dir", folder / "doctrees", ROOT / "docs", folder / "site"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"
