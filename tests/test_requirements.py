"""What pyproject.toml says of dependencies agrees with what other files say of them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
UNTESTED = {"torch"}
"""Packages whose oldest version the tests have not passed with."""


def bounds(requirements):
    """Return the oldest version of each package."""
    pattern = r"([\w-]+)(?:\[\w+\])?>=([\w.]+)"
    matches = [re.fullmatch(pattern, text) for text in requirements]
    return {match[1]: match[2] for match in matches if match}


def extras_in(name):
    """Return the extras of isorep that an extra brings, in their order."""
    for text in EXTRAS[name]:
        if text.startswith("isorep["):
            for inner in text[len("isorep[") : -1].split(","):
                yield inner
                yield from extras_in(inner)


ALL = bounds([*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)])


def test_all_brings_every_extra():
    assert set(extras_in("all")) | {"all", "parquet"} == set(EXTRAS)
    assert set(extras_in("parquet")) <= set(extras_in("all"))


def test_the_page_on_installation_lists_every_extra():
    text = (ROOT / "docs/install.md").read_text()
    rows = re.findall(r"^\| (`.*?`) \|.* MB \|$", text, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(EXTRAS) - {"all"}


def test_the_oldest_versions_that_are_tested_are_those_that_are_required():
    text = (ROOT / "constraints-minimum.txt").read_text()
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)$", text, flags=re.MULTILINE))
    for package, version in ALL.items():
        if package not in UNTESTED:
            assert re.match(rf"{re.escape(version)}(\.0|\.post1)*$", pins[package]), package


def test_the_recipe_of_conda_requires_the_same():
    recipe = ROOT / "recipe/recipe.yaml"
    if not recipe.exists():
        pytest.skip("needs the repository")
    lines = re.findall(r"^    - ([\w-]+) >=([\d.]+)$", recipe.read_text(), flags=re.MULTILINE)
    required = {name.removesuffix("-base"): version for name, version in lines}
    build = {"hatchling", "hatch-fancy-pypi-readme", "hatch-vcs"}
    run = {name: version for name, version in required.items() if name not in build}
    expected = bounds([*PROJECT["dependencies"], *EXTRAS["cli"], *EXTRAS["plot"], *EXTRAS["store"]])
    assert run == expected


def test_the_workflows_test_the_versions_of_python_that_are_declared():
    workflow = ROOT / ".github/workflows/tests.yml"
    if not workflow.exists():
        pytest.skip("needs the repository")
    declared = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    (tested,) = re.findall(r"python: \[(.*)\]", workflow.read_text())
    assert re.findall(r"3\.\d+", tested) == declared
    assert PROJECT["requires-python"] == f">={declared[0]}"
