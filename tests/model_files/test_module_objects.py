"""Names of objects in modules of the user."""

import sys

import pytest

from isorep.model_files.module_objects import make_object


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield lambda text: (tmp_path / "users_nets.py").write_text(text)
    sys.modules.pop("users_nets", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def make(:", "SyntaxError: invalid syntax"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import no_such_dependency", "ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("import users", "ModuleNotFoundError: No module named 'users'"),
    ],
)
def test_a_module_that_cannot_be_imported(module, text, message):
    module(text)
    with pytest.raises(ValueError, match=f"importing 'users_nets' failed: {message}"):
        make_object("users_nets:make")


@pytest.mark.parametrize("name", ["no_such_nets", "no_such.nets"])
def test_a_module_that_is_not_there(module, name):
    with pytest.raises(ValueError, match=f"no module '{name}' in "):
        make_object(f"{name}:make")
