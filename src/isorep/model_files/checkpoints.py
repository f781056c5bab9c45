"""Checkpoints: state dicts in files, loaded into PyTorch models."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import Any

from isorep._utils.optional import import_optional

_LONGEST_MESSAGE = 400
"""Characters of PyTorch's message about weights that do not fit, which names each of them."""


def load_weights(model: Any, path: Path) -> None:
    """Load a state dict into a PyTorch model; only tensors are unpickled.

    Raises
    ------
    ValueError
        If the file is damaged, has an unknown ending, or fits another model.
    FileNotFoundError
        If the file does not exist.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights file {str(path)!r}")
    torch = import_optional("torch", "torch")
    cannot = f"cannot load weights from {str(path)!r}"
    if path.suffix not in (".pt", ".pth", ".safetensors"):
        raise ValueError(f"{cannot}: expected a name ending in .pt, .pth or .safetensors")
    try:
        if path.suffix == ".safetensors":
            writer = "safetensors.torch.save_file(model.state_dict(), path)"
            state = import_optional("safetensors.torch", "safetensors").load_file(path)
        else:
            writer = "torch.save(model.state_dict(), path)"
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except Exception as error:
        # After its first sentence, PyTorch's message advises to allow code to run.
        message = str(error).partition(". ")[0]
        raise ValueError(
            f"{cannot}: expected a state dict, as {writer} writes it, got "
            f"{type(error).__name__}: {message}"
        ) from error
    try:
        model.load_state_dict(state)
    except Exception as error:
        message = shorten(str(error), _LONGEST_MESSAGE, placeholder=" ...")
        raise ValueError(f"{cannot}: {type(error).__name__}: {message}") from error
