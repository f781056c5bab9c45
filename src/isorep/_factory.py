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
        When the module or the name is not there, or importing the one or calling the other fails.
    """
    module_name, colon, name = spec.partition(":")
    if not (module_name and colon and name):
        raise ValueError(f"{spec!r} must be module:name, such as mymodels:make_resnet")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # it is the user's code; a script may exit, too
        if isinstance(error, ModuleNotFoundError) and _is_parent(error.name, module_name):
            message = f"no module {module_name!r} in {here} or among the installed"
        else:
            message = f"importing {module_name!r} failed: {type(error).__name__}: {error}"
        raise ValueError(message) from error
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


def _is_parent(name: str | None, module_name: str) -> bool:
    """Tell whether `name` is `module_name` or a package that it is in."""
    return name is not None and f"{module_name}.".startswith(f"{name}.")


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
    cannot = f"cannot load weights from {str(path)!r}"
    if path.suffix not in (".pt", ".pth", ".safetensors"):
        raise ValueError(f"{cannot}: expected a name ending in .pt, .pth or .safetensors")
    try:
        if path.suffix == ".safetensors":
            state = need("safetensors.torch", "safetensors").load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except Exception as error:
        writer = {".safetensors": "safetensors.torch.save_file(model.state_dict(), path)"}
        wanted = writer.get(path.suffix, "torch.save(model.state_dict(), path)")
        raise ValueError(
            f"{cannot}: expected a state dict, as {wanted} writes it, got "
            f"{type(error).__name__}: {error}"
        ) from error
    try:
        model.load_state_dict(state)
    except Exception as error:
        raise ValueError(f"{cannot}: {type(error).__name__}: {error}") from error
