"""What the shell names: ``module:name`` objects and files of weights."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from isorep._names import unknown_name
from isorep._optional import need


def make(spec: str) -> Any:
    """Return what ``module:name`` names; a function is called without arguments.

    Modules are also looked for in the current folder. A PyTorch module is returned as it is, though
    it can be called.

    Raises
    ------
    ValueError
        When the module or the name is not there, or the function fails.
    """
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise ValueError(f"{spec!r} must be module:name, such as mymodels:make_resnet")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise ValueError(f"no module {module_name!r} in {here} or among the installed") from error
    if not hasattr(module, name):
        names = [known for known in vars(module) if not known.startswith("_")]
        raise ValueError(unknown_name(f"name in {module_name}", name, names))
    found = getattr(module, name)
    is_module = "torch" in sys.modules and isinstance(found, sys.modules["torch"].nn.Module)
    if is_module or not callable(found):
        return found
    try:
        return found()
    except Exception as error:
        raise ValueError(f"calling {spec} failed: {type(error).__name__}: {error}") from error


def load_weights(model: Any, path: Path) -> None:
    """Load a state dict into a PyTorch model; nothing is unpickled but tensors.

    Raises
    ------
    ValueError
        When the file is damaged, of a kind unknown, or fits another model.
    FileNotFoundError
        When it is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {str(path)!r}")
    torch = need("torch", "torch")
    try:
        if path.suffix == ".safetensors":
            state = need("safetensors.torch", "safetensors").load_file(path)
        elif path.suffix in (".pt", ".pth"):
            state = torch.load(path, map_location="cpu", weights_only=True)
        else:
            raise ValueError("expected a name ending in .pt, .pth or .safetensors")
        model.load_state_dict(state)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"cannot load weights from {str(path)!r}: {error}") from error
