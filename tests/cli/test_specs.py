"""Arguments of the shell that name objects of the user, models and weights."""

import sys

import pytest
import torch
from torch import nn

from isorep.cli.specs import load_weights, make_object


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


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_that_are_none(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"\x80\x02junk, no weights")
    with pytest.raises(ValueError, match=rf"w{suffix}': expected a state dict, as .*, got \w+: "):
        load_weights(nn.Linear(2, 2), path)


def test_weights_of_another_model(tmp_path):
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w.pt': RuntimeError: .*size mismatch for weight"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"w.pt': TypeError: Expected state_dict to be dict"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(ValueError, match=r"expected a state dict, .* Weights only load failed$"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pt")
