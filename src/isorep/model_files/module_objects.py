"""Objects of the user's modules, named ``module:name``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from isorep._utils.validation import check_name


def make_object(spec: str) -> Any:
    """Return the object that ``module:name`` names; if it is a function, return its result.

    A PyTorch module is returned as it is.

    Raises
    ------
    ValueError
        If the object cannot be found, or if calling the function fails.
    """
    named = find_object(spec)
    is_module = "torch" in sys.modules and isinstance(named, sys.modules["torch"].nn.Module)
    if is_module or not callable(named):
        return named
    try:
        return named()
    except (Exception, SystemExit) as error:  # an exit status of user code would be a verdict
        raise ValueError(f"calling {spec} failed: {type(error).__name__}: {error}") from error


def find_object(spec: str) -> Any:
    """Return the object that ``module:name`` names. Modules in the current folder are found, too.

    Raises
    ------
    ValueError
        If the module or the name does not exist, or if importing the module fails.
    """
    module_name, _, name = spec.partition(":")
    if not (module_name and name):
        raise ValueError(f"{spec!r} must be module:name, such as mymodels:make_resnet")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # user code may raise anything, and a script may exit
        if isinstance(error, ModuleNotFoundError) and _is_parent(error.name, module_name):
            message = f"no module {module_name!r} in {folder} or among the installed packages"
        else:
            message = f"importing {module_name!r} failed: {type(error).__name__}: {error}"
        raise ValueError(message) from error
    public_names = [known for known in vars(module) if not known.startswith("_")]
    if not hasattr(module, name):
        check_name(f"name in {module_name}", name, public_names)
    return getattr(module, name)


def _is_parent(name: str | None, module_name: str) -> bool:
    """Tell whether `name` is the module or a package that the module is in."""
    return name is not None and f"{module_name}.".startswith(f"{name}.")
