"""Importing is light, what is public is documented, and names of modules are not ambiguous."""

import ast
import inspect
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import isorep

PACKAGE = Path(isorep.__file__).parent
SUBMODULES = {
    "activations",
    "alignment",
    "inference",
    "measures",
    "monitor",
    "paper",
    "plot",
    "storage",
    "testing",
}
HEAVY = [
    "torch",
    "numpy",
    "scipy",
    "xarray",
    "pandas",
    "dask",
    "zarr",
    "matplotlib",
    "rich",
    "typer",
    "sklearn",
    "safetensors",
]


def run(code):
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return out.stdout.strip()


def modules():
    return [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]


def test_import_brings_none_of_the_heavy_libraries():
    assert run(f"import sys, isorep; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_a_comparison_of_arrays_brings_none_of_those_that_it_does_not_need():
    code = (
        "import sys, isorep; isorep.pwcca([[1, 2], [3, 5], [5, 4], [2, 2], [9, 9]], [[1], [2], "
        "[1], [3], [7]]); "
        f"print([m for m in {HEAVY} if m in sys.modules and m not in ('numpy', 'scipy')])"
    )
    assert run(code) == "[]"


CHECKS = {
    "capture": """
import sys, isorep
from torch import nn, rand
isorep.capture(nn.Sequential(nn.Linear(3, 2)), rand(4, 3), progress=False)
assert "torch._dynamo" not in sys.modules
""",
    "functions": """
import isorep, isorep.comparison.compare, isorep.core.overlap, isorep.measures.cka
import isorep.inference.chance, isorep.plot.clusters
from isorep.activations.recorder import Recorder
assert all(callable(f) for f in (isorep.compare, isorep.overlap, isorep.capture))
assert callable(isorep.measures.cka) and callable(isorep.inference.chance)
assert callable(isorep.plot.clusters)
import isorep.comparison.trajectory, isorep.activations.capture, isorep.explorer.report
assert all(callable(f) for f in (isorep.trajectory, isorep.capture, isorep.report))
""",
    "submodules": f"""
import sys
for name in {sorted(SUBMODULES)}:
    for module in [module for module in sys.modules if module.partition(".")[0] == "isorep"]:
        del sys.modules[module]
    import isorep
    assert getattr(isorep, name).__name__ == "isorep." + name
""",
}


@pytest.fixture(scope="module")
def failures():
    """Run the checks in one process, which imports PyTorch once; return their tracebacks."""
    return json.loads(
        run(
            "import json, traceback\n"
            "failures = {}\n"
            f"for name, check in {CHECKS}.items():\n"
            "    try:\n"
            "        exec(check, {})\n"
            "    except Exception:\n"
            "        failures[name] = traceback.format_exc()\n"
            "print(json.dumps(failures))"
        )
    )


@pytest.mark.slow
def test_a_capture_does_not_bring_the_compiler_of_pytorch(failures):
    pytest.importorskip("torch")
    assert "capture" not in failures, failures["capture"]


@pytest.mark.slow
def test_functions_stay_functions_after_their_modules_are_imported(failures):
    assert "functions" not in failures, failures["functions"]


@pytest.mark.slow
def test_every_public_submodule_is_reachable_after_import_isorep(failures):
    """Also if isorep has imported no other; its dependencies are imported once for all."""
    assert "submodules" not in failures, failures["submodules"]


def test_the_front_door_lists_its_names_once_for_python_and_once_for_type_checkers():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = (
        node.body
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    typed = {alias.name: imported.module for imported in block for alias in imported.names}
    assert typed == {name: isorep._MODULES.get(name) for name in isorep.__all__}
    assert {name for name in isorep.__all__ if name not in isorep._MODULES} == SUBMODULES
    assert set(isorep.__all__) <= set(dir(isorep))


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(isorep, "compared")


def test_the_front_door_is_small_and_documented():
    assert len(set(isorep.__all__) - SUBMODULES) <= 40
    assert sorted(isorep.__all__) == sorted(set(isorep.__all__))
    for name in isorep.__all__:
        thing = getattr(isorep, name)
        if name == "MEASURES":  # a mapping; its rows are checked where they are defined
            continue
        assert thing.__doc__, name
        if not inspect.isfunction(thing):
            continue
        assert "Examples\n" in thing.__doc__, name
        for parameter in inspect.signature(thing).parameters:
            assert parameter in thing.__doc__, (name, parameter)


def test_what_inference_offers_is_documented():
    for name in isorep.inference.__all__:
        thing = getattr(isorep.inference, name)
        assert thing.__doc__, name
        if not inspect.isfunction(inspect.unwrap(thing)):
            continue
        assert "Examples\n" in thing.__doc__, name
        assert "References\n" in thing.__doc__, name
        for parameter in inspect.signature(thing).parameters:
            assert parameter in thing.__doc__, (name, parameter)


def test_no_package_has_the_name_of_a_public_function():
    packages = {module.parent.name for module in modules() if module.parent.name}
    functions = {name for name in isorep.__all__ if inspect.isroutine(getattr(isorep, name))}
    assert not packages & functions
    assert not {path.stem for path in PACKAGE.glob("*.py")} & functions


def test_no_module_name_occurs_twice():
    """Command line and figures excepted: their modules are named after what they call or draw."""
    names = Counter(
        module.stem
        for module in modules()
        if module.parts[0] != "cli"
        and module.parts[:2] != ("paper", "figures")
        and module.name != "__init__.py"
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_few_modules_lie_outside_the_folders():
    assert len(list(PACKAGE.glob("*.py"))) <= 5


def test_a_missing_extra_says_what_brings_it(monkeypatch):
    import pytest

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"this needs torch: pip install 'isorep\[torch\]'"):
        isorep.capture(type("Module", (), {"named_modules": None})(), [])
