"""Optional dependencies: import them, or say which `pip install` line installs them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def import_optional(module: str, extra: str) -> Any:
    """Import `module`, which the extra `extra` of isorep installs.

    Raises
    ------
    ImportError
        If it is not installed; the message names the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        raise _missing(top, extra) from error


def check_installed(module: str, extra: str) -> None:
    """Raise the ImportError of `import_optional` if a top-level module is missing; import nothing.

    For work that needs the module only at its end.
    """
    if find_spec(module) is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> ImportError:
    return ImportError(f"this needs {module}: pip install 'isorep[{extra}]'")
