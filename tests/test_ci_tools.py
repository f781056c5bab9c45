"""The GitHub Action and the hooks of pre-commit: their steps run as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ACTION.exists(), reason="a source distribution has no action"),
]
RNG = np.random.default_rng(0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, with activations before and after two changes."""
    monkeypatch.chdir(tmp_path)
    x = RNG.standard_normal((300, 4))
    np.savez("base.npz", conv=x, fc=x[:, :2])
    np.savez("turned.npz", conv=2 * x[:, ::-1], fc=x[:, :2])
    np.savez("changed.npz", conv=x, fc=RNG.standard_normal((300, 2)))
    return tmp_path


def steps():
    return yaml.safe_load(ACTION.read_text())["runs"]["steps"]


def run_step(step, folder, **inputs):
    """Run a step of the action in bash, as GitHub does; return the process and its summary."""
    defaults = {
        name: given.get("default", "")
        for name, given in yaml.safe_load(ACTION.read_text())["inputs"].items()
    }
    given = defaults | {name.replace("_", "-"): value for name, value in inputs.items()}
    variables = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: given[match[1]], value)
        for name, value in step["env"].items()
    }
    summary = folder / "summary.md"
    paths = [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    (folder / "step.sh").write_text(step["run"])
    ended = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"],
        cwd=folder,
        env=os.environ
        | variables
        | {"PATH": os.pathsep.join(paths), "GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended, summary.read_text() if summary.exists() else ""


def test_no_input_is_code_of_the_shell():
    for step in steps():
        assert "${{" not in step["run"]
        assert all(re.fullmatch(r"\$\{\{ [\w.-]+ \}\}", value) for value in step["env"].values())
    used = set(re.findall(r"inputs\.([\w-]+)", ACTION.read_text()))
    assert used == yaml.safe_load(ACTION.read_text())["inputs"].keys()


def test_packages_are_installed_one_a_line(here):
    (here / "bin").mkdir()
    (here / "bin/python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (here / "bin/python").chmod(0o755)
    ended, _ = run_step(steps()[0], here, install="isorep[cli]\n\n$(touch harm)\n")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-2:] == ["isorep[cli]", "$(touch harm)"]
    assert not (here / "harm").exists()


def test_a_step_passes_and_shows_the_table(here):
    os.rename("base.npz", "$(touch harm).npz")
    ended, summary = run_step(
        steps()[1],
        here,
        base="$(touch harm).npz",
        changed="turned.npz",
        layers="co*\nfc\n",
        output="diff.json\na b.csv",
        options="--no-interval",
    )
    assert ended.returncode == 0, ended.stderr
    assert not (here / "harm").exists()
    assert {"diff.json", "a b.csv"} <= set(os.listdir(here))
    rows = [line.split()[:2] for line in ended.stdout.splitlines()]
    assert ["conv", "1.0000"] in rows
    assert "\n    conv" in summary
    assert "Exit status 0" in summary


def test_a_step_fails_and_still_writes(here):
    ended, summary = run_step(
        steps()[1],
        here,
        base="base.npz",
        changed="changed.npz",
        measure="cka",
        fail_below="0.9",
        output="diff.html",
        options="--no-interval",
    )
    assert ended.returncode == 1, ended.stderr
    assert (here / "diff.html").exists()
    assert "below 0.9" in summary
    assert "Exit status 1" in summary


def test_the_hook_of_the_projects_environment(here):
    pytest.importorskip("pre_commit")

    def git(*words):
        identity = ("-c", "user.name=x", "-c", "user.email=x@x.invalid")
        subprocess.run(["git", *identity, *words], check=True, capture_output=True)

    git("init", "-q", "hooks")
    (here / "hooks/.pre-commit-hooks.yaml").write_text(HOOKS.read_text())
    git("-C", "hooks", "add", "-A")
    git("-C", "hooks", "commit", "-qm", "hooks")
    rev = subprocess.run(
        ["git", "-C", "hooks", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    hook = {
        "id": "isorep-diff-system",
        "args": ["base.npz", "changed.npz", "--fail-below", "0.9", "--no-interval"],
    }
    config = {"repos": [{"repo": "./hooks", "rev": rev.stdout.strip(), "hooks": [hook]}]}
    (here / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git("init", "-q", ".")
    git("add", ".pre-commit-config.yaml", "base.npz", "changed.npz")
    (here / "bin").mkdir()
    shell = here / "bin/isorep"  # of the isorep that is tested
    shell.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m isorep "$@"\n')
    shell.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files"],
        env=os.environ
        | {
            "PRE_COMMIT_HOME": str(here / "home"),
            "PATH": os.pathsep.join([str(here / "bin"), os.environ["PATH"]]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "fc" in ended.stdout
    assert "below 0.9" in ended.stdout
