"""Specs: the names of models that the shell and `isorep.diff` take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from isorep._utils.optional import import_optional
from isorep.model_files.checkpoints import load_weights
from isorep.model_files.huggingface_folder import is_model_folder, load_model
from isorep.model_files.module_objects import make_object


def make_model(spec: str) -> Any:
    """Return the PyTorch model that an argument names.

    Parameters
    ----------
    spec : str
        ``module:name`` of a model or of a function that makes one;
        ``module:name@weights.safetensors`` (or ``.pt``, ``.pth``) to load a state dict into it; or
        a Hugging Face folder.

    Raises
    ------
    ValueError
        If `spec` has another form, or the model cannot be made or is not a PyTorch module.
    FileNotFoundError
        If the file of weights does not exist.
    """
    import_optional("torch", "torch")
    check_names_model(spec)
    if Path(spec).is_dir():
        return load_model(Path(spec))
    object_spec, at, weights = spec.partition("@")
    model = make_object(object_spec)
    if not isinstance(model, sys.modules["torch"].nn.Module):
        raise ValueError(f"{object_spec} gave a {type(model).__name__}, expected a torch.nn.Module")
    if at:
        load_weights(model, Path(weights))
    return model


def check_names_model(spec: str) -> None:
    """Check that `spec` has one of the forms that `make_model` takes, without making a model.

    Raises
    ------
    ValueError
        If it has another form.
    """
    if Path(spec).is_dir():
        if not is_model_folder(Path(spec)):
            raise ValueError(
                f"{spec!r} is a folder without config.json: expected a Hugging Face model, or a "
                "store with a name ending in .zarr"
            )
    elif ":" not in spec.partition("@")[0]:
        raise ValueError(
            f"{spec!r} must be module:name, module:name@weights.safetensors, or a Hugging Face "
            "folder (no such folder exists)"
        )
