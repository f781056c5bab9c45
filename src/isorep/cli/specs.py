"""What the shell names: ``module:name`` objects, models, their weights, and data for them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from isorep._utils.optional import import_optional
from isorep._utils.validation import unknown_name
from isorep.cli import huggingface


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
    except (Exception, SystemExit) as error:  # a status 0 of its own would be a verdict of ours
        raise ValueError(f"calling {spec} failed: {type(error).__name__}: {error}") from error


def make_model(spec: str) -> Any:
    """Return the PyTorch model that the shell names.

    ``module:name``, a model or a function that makes one; ``module:name@weights.safetensors`` (or
    ``.pt``, ``.pth``), with a state dict loaded into it; or a Hugging Face folder.

    Raises
    ------
    ValueError
        When it is none of these, cannot be made, or is no model.
    FileNotFoundError
        When a weights file is not there.
    """
    import_optional("torch", "torch")
    check_names_model(spec)
    if Path(spec).is_dir():
        return huggingface.load_model(Path(spec))
    named, at, weights = spec.partition("@")
    model = make(named)
    if not isinstance(model, sys.modules["torch"].nn.Module):
        raise ValueError(f"{named} gave a {type(model).__name__}, expected a torch.nn.Module")
    if at:
        load_weights(model, Path(weights))
    return model


def check_names_model(spec: str) -> None:
    """Refuse what no model can be made of, before anything is made.

    Raises
    ------
    ValueError
        When `spec` has none of the forms that `make_model` takes.
    """
    if Path(spec).is_dir():
        if not huggingface.is_model_folder(Path(spec)):
            raise ValueError(
                f"{spec!r} is a folder without config.json, so no Hugging Face model, and no .zarr"
            )
    elif ":" not in spec.partition("@")[0]:
        raise ValueError(
            f"{spec!r} must be module:name, module:name@weights.safetensors, or a Hugging Face "
            "folder (there is no such folder)"
        )


def make_data(spec: str, models: Sequence[str]) -> Any:
    """Return the batches that the shell names, for the models of these names.

    ``module:name``, the batches or a function that makes them; ``.npy``, ``.npz`` or
    ``.safetensors``, arrays of inputs; or ``.txt``, a text a line, which the tokenizer of a Hugging
    Face folder among the models cuts into tokens. Of several arrays in a file, each is the keyword
    of its name, and ``labels`` or ``label`` no input. What a file holds in float64 is given to the
    model in float32.

    Raises
    ------
    ValueError
        When it is none of these, or the file is damaged or does not suit the models.
    FileNotFoundError
        When the file is not there.
    """
    path = Path(spec)
    if path.suffix not in (*_ARRAYS, ".txt"):
        if ":" in spec:
            return make(spec)
        raise ValueError(
            f"{spec!r} names no data: expected module:name, or a name ending in "
            f"{', '.join(_ARRAYS)} or .txt"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no data file {spec!r}")
    if path.suffix == ".txt":
        folders = [folder for folder in map(Path, models) if huggingface.is_model_folder(folder)]
        return huggingface.tokenized(_lines(path), folders)
    try:
        arrays = _read_arrays(path)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"cannot read inputs from {spec!r}: {type(error).__name__}: {error}"
        ) from error
    inputs = [name for name in arrays if name not in ("labels", "label")]
    if not inputs:
        raise ValueError(f"{spec!r} holds no inputs, only {', '.join(arrays) or 'nothing'}")
    if len(inputs) > 1:
        return arrays
    labels = [arrays[name] for name in arrays if name not in inputs and arrays[name].ndim == 1]
    return (arrays[inputs[0]], labels[0]) if labels else arrays[inputs[0]]


_LONGEST = 400
"""Letters of PyTorch's message on weights that do not fit: it names every one of them."""

_ARRAYS = (".npy", ".npz", ".safetensors")


def _read_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file as tensors; no pickle is loaded."""
    torch = import_optional("torch", "torch")
    if path.suffix == ".safetensors":
        found = import_optional("safetensors.torch", "safetensors").load_file(path)
    elif path.suffix == ".npy":
        found = {path.stem: torch.from_numpy(np.load(path, allow_pickle=False))}
    else:
        with np.load(path, allow_pickle=False) as file:
            found = {name: torch.from_numpy(array) for name, array in file.items()}
    return {name: x.float() if x.dtype == torch.float64 else x for name, x in found.items()}


def _lines(path: Path) -> list[str]:
    """Return the texts of a file, one a line; a blank line is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is no UTF-8 text: {error}") from error
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        raise ValueError(f"{str(path)!r} holds no text")
    return lines


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
    torch = import_optional("torch", "torch")
    cannot = f"cannot load weights from {str(path)!r}"
    if path.suffix not in (".pt", ".pth", ".safetensors"):
        raise ValueError(f"{cannot}: expected a name ending in .pt, .pth or .safetensors")
    try:
        if path.suffix == ".safetensors":
            state = import_optional("safetensors.torch", "safetensors").load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except Exception as error:
        writer = {".safetensors": "safetensors.torch.save_file(model.state_dict(), path)"}
        wanted = writer.get(path.suffix, "torch.save(model.state_dict(), path)")
        # PyTorch goes on with how to load what may run code.
        told = str(error).partition(". ")[0]
        raise ValueError(
            f"{cannot}: expected a state dict, as {wanted} writes it, got "
            f"{type(error).__name__}: {told}"
        ) from error
    try:
        model.load_state_dict(state)
    except Exception as error:
        told = shorten(str(error), _LONGEST, placeholder=" ...")
        raise ValueError(f"{cannot}: {type(error).__name__}: {told}") from error
