"""The packages of the index: files, metadata and the README as the index shows it."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository"),
]

ONLY_IN_REPOSITORY = re.compile(
    r"\.ci/|\.github/|recipe/|action\.yml"
    r"|\.git_archival\.txt|\.gitattributes|\.pre-commit-|\.readthedocs\.yaml"
)
"""Tracked files that the sdist leaves out."""


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build both packages as a release does, the wheel from the sdist, but with installed tools."""
    for module in ("build", "twine", "hatchling", "hatch_vcs", "hatch_fancy_pypi_readme"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel[name])


def test_the_index_accepts_them(built):
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir()))


def test_the_sdist_has_what_git_has(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    tracked = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    assert names == {x for x in tracked if not ONLY_IN_REPOSITORY.match(x)} | {"PKG-INFO"}


def test_the_wheel_has_the_package_alone(wheel):
    packaged = {name for name in wheel if not name.partition("/")[0].endswith(".dist-info")}
    files = {path for path in (ROOT / "src").rglob("*") if path.is_file()}
    files -= {path for path in files if path.suffix == ".pyc"}
    assert packaged == {path.relative_to(ROOT / "src").as_posix() for path in files}
    assert {"isorep/py.typed", "isorep/explorer/page.html"} <= packaged


def test_the_version_is_one_that_the_index_takes(metadata):
    assert re.fullmatch(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.dev\d+)?", metadata["Version"])


def test_every_link_of_the_readme_works_on_the_index(metadata):
    targets = re.findall(r"\]\(([^)]+)\)", metadata.get_payload())
    assert len(targets) > 20
    assert [target for target in targets if not target.startswith("https://")] == []
    images = re.findall(r"!\[[^]]*\]\(([^)]+)\)", metadata.get_payload())
    assert images
    assert [image for image in images if "/raw.githubusercontent.com/" not in image] == []


def test_the_core_is_lean(metadata):
    required = [text for text in metadata.get_all("Requires-Dist") if "extra ==" not in text]
    assert sorted(re.split(r"[>=]", text)[0] for text in required) == [
        "array-api-compat",
        "numpy",
        "pandas",
        "psutil",
        "scipy",
        "threadpoolctl",
        "xarray",
    ]
