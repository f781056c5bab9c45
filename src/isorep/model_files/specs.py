"""Specs: the names of models that the shell, `isorep.diff` and `isorep.compare` take."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from isorep._formats.formats import has_format, one_of, suffixes
from isorep._utils.optional import import_optional
from isorep.model_files.checkpoints import load_weights
from isorep.model_files.huggingface_folder import is_model_folder, load_model
from isorep.model_files.module_objects import find_object, make_object
from isorep.model_files.peft_adapter import base_of, is_adapter_folder, load_adapted


def names_model(side: Any) -> bool:
    """Tell whether a side of a comparison is the name of a model.

    It is not if it is an object, or the path of a file of activations.

    Examples
    --------
    >>> names_model("nets:make"), names_model("nets:make@w.safetensors"), names_model("a.zarr")
    (True, True, False)
    """
    if not isinstance(side, str | PathLike):
        return False
    spec = fspath(side)
    name, at, _ = spec.rpartition("@")
    path = Path(spec)
    if is_model_folder(path) or is_adapter_folder(path) or not has_format(path):
        return True
    return at == "@" and (":" in name or is_model_folder(Path(name)))


def make_model(spec: str | PathLike[str], others: Sequence[Any] = ()) -> Any:
    """Return the PyTorch model that a spec names.

    Parameters
    ----------
    spec
        One of these, each but the adapter also with ``@weights`` after it, to load a checkpoint
        into the model (see `isorep.model_files.checkpoints.load_weights`):

        - ``module:name`` of a model or of a function that makes one;
        - a Hugging Face folder;
        - the folder of a PEFT adapter, which is merged into its model.
    others
        Other sides of the comparison. If the model of an adapter is not on this machine under the
        name that the adapter knows, the model folder among these is taken.

    Raises
    ------
    ValueError
        If `spec` has another form, or the model cannot be made or is not a PyTorch module.
    FileNotFoundError
        If the file of weights does not exist.
    """
    import_optional("torch", "torch")
    check_names_model(spec)
    name, weights = _parts(fspath(spec))
    if is_adapter_folder(Path(name)):
        return load_adapted(Path(name), base_of(Path(name), _model_folder(others)))
    if Path(name).is_dir():
        model = load_model(Path(name))
    else:
        _check_makes_model(name)
        model = make_object(name)
        if not isinstance(model, sys.modules["torch"].nn.Module):
            raise ValueError(f"{name} gave a {type(model).__name__}, expected a torch.nn.Module")
        if weights:
            model = copy.deepcopy(model)  # a second spec may stand for the same object
    if weights:
        load_weights(model, Path(weights))
    return model


def check_names_model(spec: str | PathLike[str]) -> None:
    """Check that `spec` has one of the forms that `make_model` takes, without making a model.

    Raises
    ------
    ValueError
        If it has another form.
    """
    text = fspath(spec)
    name, weights = _parts(text)
    path = Path(name)
    if is_adapter_folder(path):
        if weights:
            raise ValueError(f"{text!r}: weights cannot be loaded into an adapter")
    elif path.is_dir():
        if not is_model_folder(path):
            raise ValueError(
                f"{name!r} is a folder without config.json and without arrays: expected a Hugging "
                "Face model, a store with a name ending in .zarr, or a folder of arrays (isorep "
                "formats lists the formats)"
            )
    elif path.is_file():
        raise ValueError(
            f"{name!r} is a file, but no model: for a file of weights, name the model too, as "
            f"module:name@{name}; activations have a name ending in {one_of(suffixes())}"
        )
    elif ":" not in name:
        raise ValueError(
            f"{text!r} must be module:name, module:name@weights.safetensors, a Hugging Face folder "
            f"(no such folder exists), or activations in {one_of(suffixes())}"
        )


def _check_makes_model(name: str) -> None:
    """Raise ValueError for a function that has to be called with something, such as a batch."""
    named = find_object(name)
    if not inspect.isfunction(named):
        return
    needed = [
        parameter.name
        for parameter in inspect.signature(named).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise ValueError(
            f"{name} is a function of {', '.join(needed)}: expected a model, or a function without "
            "arguments that makes one. A function of batches is captured from Python only: "
            "isorep.capture(function, data)"
        )


def model_folders(specs: Sequence[Any]) -> list[Path]:
    """Return the folders of models and adapters among `specs`, and those that adapters adapt."""
    folders: dict[Path, None] = {}
    for spec in specs:
        if names_model(spec):
            folder = Path(_parts(fspath(spec))[0])
            if is_model_folder(folder):
                folders[folder] = None
            elif is_adapter_folder(folder):
                folders |= {folder: None, base_of(folder, _model_folder(specs)): None}
    return list(folders)


def _model_folder(specs: Sequence[Any]) -> Path | None:
    """Return the first folder of a whole model among specs."""
    names = [Path(_parts(fspath(spec))[0]) for spec in specs if names_model(spec)]
    return next(filter(is_model_folder, names), None)


def _parts(spec: str) -> tuple[str, str]:
    """Return the name of the model and the path of the weights, if there is one."""
    if Path(spec).is_dir() or "@" not in spec:
        return spec, ""
    name, _, weights = spec.partition("@")
    return name, weights
