"""isorep doctor: what it finds, and that it runs where something is missing or broken."""

import importlib
import importlib.metadata
import json
import subprocess
import sys

import pytest
from helpers.shell import command_runner

import isorep
from isorep._utils.cores import available_cores
from isorep.cli import installation


@pytest.fixture
def shell(monkeypatch, capsys):
    return command_runner(monkeypatch, capsys)


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes distributions look as if they were not installed."""

    def hide(*distributions):
        def version(name):
            if name in distributions:
                raise importlib.metadata.PackageNotFoundError(name)
            return importlib.metadata.version(name)

        monkeypatch.setattr(installation, "version", version)

    return hide


def test_an_installation_that_works(shell, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    status, out, err = shell("doctor")
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].startswith(f"isorep {isorep.__version__}, Python {sys.version.split()[0]}, ")
    assert "self-check by NumPy: PWCCA of a known pair is right" in lines
    assert lines[-1] == "isorep works here"
    assert "  threads  OMP_NUM_THREADS=3" in lines
    assert f"numpy {importlib.metadata.version('numpy')}" in " ".join(out.split())


def test_json_says_everything(shell):
    status, out, _ = shell("doctor", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["ok"] is True
    assert found["problems"] == []
    assert found["isorep"] == isorep.__version__
    assert found["cores"] == available_cores()
    packages = {(package["extra"], package["name"]): package for package in found["packages"]}
    assert packages["", "numpy"]["installed"] == importlib.metadata.version("numpy")
    assert packages["torch", "torch"]["needed"].startswith(">=")
    assert not any(extra in ("dev", "all") for extra, _ in packages)
    (check, *_) = found["self_checks"]
    assert abs(check["computed"] - 2.2 / 3) < 1e-9


def test_an_extra_that_is_not_installed_is_no_problem(shell, without):
    without("plotly", "torch")
    status, out, _ = shell("doctor")
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[lines.index("[report]: pip install 'isorep[report]'") + 1] == (
        "plotly not installed"
    )
    assert "GPU unknown without PyTorch" in lines


def test_a_package_that_is_needed_and_missing_is_a_problem(shell, without):
    without("xarray")
    status, out, _ = shell("doctor")
    assert status == 1
    assert "problem: xarray is missing: pip install 'xarray>=" in out
    assert out.splitlines()[-1] == "isorep has a problem here"


def test_a_package_that_is_too_old_is_a_problem(shell, monkeypatch):
    monkeypatch.setattr(installation, "version", lambda name: "0.0.1")
    monkeypatch.setattr(installation, "import_module", lambda name: 1 / 0)
    status, out, _ = shell("doctor", "--json")
    problems = json.loads(out)["problems"]
    assert status == 1
    assert any(text.startswith("numpy 0.0.1 is too old: pip install 'numpy>=") for text in problems)
    assert any(text.startswith("PyTorch does not work (division by zero)") for text in problems)


def test_a_wrong_number_is_a_problem(shell, monkeypatch):
    monkeypatch.setattr(installation, "TOLERANCE", -1.0)
    status, out, _ = shell("doctor")
    assert status == 1
    assert "problem: PWCCA of a known pair by NumPy is 0.73333" in out


def test_helpers_that_are_missing_leave_gaps(shell, monkeypatch):
    for module in ("psutil", "threadpoolctl"):
        monkeypatch.setitem(sys.modules, module, None)
    status, out, _ = shell("doctor")
    assert status == 1
    assert "problem: psutil cannot be imported (ModuleNotFoundError: " in out
    assert "memory   unknown without psutil" in out
    assert ": unknown without threadpoolctl" in out


def test_python_m_isorep_is_the_shell():
    ended = subprocess.run(
        [sys.executable, "-m", "isorep", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout == f"isorep {isorep.__version__}\n"


def test_a_needed_package_that_cannot_be_imported_is_a_problem(shell, monkeypatch):
    def import_module(name):
        if name == "array_api_compat":
            raise OSError("a library is damaged")
        return importlib.import_module(name)

    monkeypatch.setattr(installation, "import_module", import_module)
    status, out, _ = shell("doctor")
    assert status == 1
    problem = "problem: array-api-compat cannot be imported (OSError: a library is damaged): pip "
    assert problem in out


@pytest.mark.slow  # a process of its own, which imports PyTorch
def test_it_ends_with_all_problems_if_several_packages_are_broken(tmp_path):
    broken = ("psutil", "threadpoolctl", "xarray")
    for package in broken:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise OSError('a library is damaged')\n")
    command = "import sys; sys.path.insert(0, sys.argv.pop(1)); from isorep.__main__ import main"
    ended = subprocess.run(
        [sys.executable, "-c", f"{command}; main()", str(tmp_path), "doctor"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    for package in broken:
        assert f"problem: {package} cannot be imported (OSError: a library is " in ended.stdout
    assert ended.stdout.splitlines()[-1] == "isorep has a problem here"
