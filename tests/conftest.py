"""What holds for all tests: none depends on how fast the machine is."""

import copy
import gc
import math
import os
import shutil

import pytest

from isorep._utils import progress

gc.disable()  # of what is imported and collected, nothing is garbage


def pytest_collection_finish():
    """Look for garbage rarely, and never among the objects of all imported libraries."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True)
def _no_lines_about_time(monkeypatch):
    """Write no estimates and no line a minute, which a slow machine would add to its output."""
    monkeypatch.setattr(progress, "LONG", math.inf)
    monkeypatch.setattr(progress, "LINE_EVERY", math.inf)


@pytest.fixture(autouse=True)
def _same_draws_in_any_order(request, monkeypatch):
    """Have each test draw from the generator of its file as if it were the first."""
    for name in ("rng", "RNG"):
        if hasattr(request.module, name):
            generator = copy.deepcopy(getattr(request.module, name))
            monkeypatch.setattr(request.module, name, generator)


@pytest.fixture(scope="session", autouse=True)
def fsync():
    """Have no test wait for the disk, as none loses power; yield the function that would wait."""
    original = os.fsync
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # which fails where there is no such file either
        yield original


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; tests of the page in it are skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs Playwright for Python: pip install playwright"
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield opened
        opened.close()
