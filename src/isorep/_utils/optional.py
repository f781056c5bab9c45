"""Optional dependencies: import them, or say which `pip install` line installs them."""

from __future__ import annotations

from importlib import import_module
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
        raise ImportError(f"this needs {top}: pip install 'isorep[{extra}]'") from error
