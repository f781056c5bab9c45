"""No file runs code: nothing in the sources unpickles or evaluates what it reads."""

import ast
from pathlib import Path

import pytest

import isorep

SOURCES = sorted(Path(isorep.__file__).parent.rglob("*.py"))
NEVER = {
    "eval", "exec", "compile", "__import__",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "cloudpickle.load",
    "joblib.load", "marshal.load", "marshal.loads", "shelve.open", "yaml.load", "yaml.unsafe_load",
    "pandas.read_pickle", "torch.jit.load", "torch.package.PackageImporter",
}  # fmt: skip
# Each needs this keyword, with this value.
ONLY_WITH = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
MODULES = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


@pytest.fixture(scope="module")
def nodes():
    """The imports and calls of every source, by its path."""
    kinds = ast.Import | ast.ImportFrom | ast.Call
    return {
        path: [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]
        for path in SOURCES
    }


def dotted(function):
    """Return the name of a function, such as "np.load", and "" for one that an expression gives."""
    if isinstance(function, ast.Name):
        return function.id
    before = dotted(function.value) if isinstance(function, ast.Attribute) else ""
    return f"{before}.{function.attr}" if before else ""


def test_the_sources_are_found():
    assert len(SOURCES) > 200


def test_nothing_unpickles_or_evaluates(nodes):
    for path in SOURCES:
        for node in nodes[path]:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
                assert not MODULES & {name.split(".")[0] for name in names}, path
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            assert name not in NEVER, f"{path}:{node.lineno} calls {name}"
            if name in ONLY_WITH:
                keyword, value = ONLY_WITH[name]
                values = {x.arg: getattr(x.value, "value", None) for x in node.keywords}
                assert values.get(keyword) is value, f"{path}:{node.lineno}: {name} {keyword}="
            for keyword in node.keywords:
                if keyword.arg in ("allow_pickle", "trust_remote_code", "weights_only"):
                    safe = keyword.arg == "weights_only"
                    assert getattr(keyword.value, "value", None) is safe, f"{path}:{node.lineno}"


def test_zarr_is_opened_after_a_look_at_the_codecs(nodes):
    for path in SOURCES:
        text = path.read_text()
        for node in nodes[path]:
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            if name in ("zarr.open_group", "zarr.open", "zarr.open_array", "xarray.open_zarr"):
                assert "check_codecs(" in text, f"{path}:{node.lineno}: {name}"
