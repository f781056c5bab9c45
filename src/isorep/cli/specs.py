"""What arguments of the shell name: objects in modules, models, their weights, and data."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from isorep._utils.optional import import_optional
from isorep._utils.validation import check_name
from isorep.cli import huggingface

_ARRAYS = (".npy", ".npz", ".safetensors")

_LONGEST_MESSAGE = 400
"""Characters of PyTorch's message about weights that do not fit, which names each of them."""


def make_object(spec: str) -> Any:
    """Return the object that ``module:name`` names; if it is a function, return its result.

    Modules in the current folder are found, too. A PyTorch module is returned as it is.

    Raises
    ------
    ValueError
        If the module or the name does not exist, or if importing the module or calling the function
        fails.
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
    named = getattr(module, name)
    is_module = "torch" in sys.modules and isinstance(named, sys.modules["torch"].nn.Module)
    if is_module or not callable(named):
        return named
    try:
        return named()
    except (Exception, SystemExit) as error:  # an exit status of user code would be a verdict
        raise ValueError(f"calling {spec} failed: {type(error).__name__}: {error}") from error


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
        return huggingface.load_model(Path(spec))
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
        if not huggingface.is_model_folder(Path(spec)):
            raise ValueError(
                f"{spec!r} is a folder without config.json: expected a Hugging Face model, or a "
                "store with a name ending in .zarr"
            )
    elif ":" not in spec.partition("@")[0]:
        raise ValueError(
            f"{spec!r} must be module:name, module:name@weights.safetensors, or a Hugging Face "
            "folder (no such folder exists)"
        )


def make_data(spec: str, models: Sequence[str]) -> Any:
    """Return the batches that an argument names.

    Parameters
    ----------
    spec : str
        ``module:name`` of the batches or of a function that makes them; ``.npy``, ``.npz`` or
        ``.safetensors`` with arrays of inputs; or ``.txt`` with one text per line. If a file holds
        several arrays, each is a keyword argument of the model under its name, except ``labels``
        and ``label``. Arrays in float64 are converted to float32.
    models : sequence of str
        Arguments that name the models. The tokenizer of a Hugging Face folder among them cuts texts
        into tokens.

    Raises
    ------
    ValueError
        If `spec` has another form, or the file is damaged or does not suit the models.
    FileNotFoundError
        If the file does not exist.
    """
    path = Path(spec)
    if path.suffix not in (*_ARRAYS, ".txt"):
        if ":" in spec:
            return make_object(spec)
        raise ValueError(
            f"{spec!r} names no data: expected module:name, or a name ending in "
            f"{', '.join(_ARRAYS)} or .txt"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no data file {spec!r}")
    if path.suffix == ".txt":
        folders = [folder for folder in map(Path, models) if huggingface.is_model_folder(folder)]
        return huggingface.tokenize(_read_texts(path), folders)
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


def _read_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file as tensors; pickles are not loaded."""
    torch = import_optional("torch", "torch")
    if path.suffix == ".safetensors":
        tensors = import_optional("safetensors.torch", "safetensors").load_file(path)
    elif path.suffix == ".npy":
        tensors = {path.stem: torch.from_numpy(np.load(path, allow_pickle=False))}
    else:
        with np.load(path, allow_pickle=False) as file:
            tensors = {name: torch.from_numpy(array) for name, array in file.items()}
    return {name: x.float() if x.dtype == torch.float64 else x for name, x in tensors.items()}


def _read_texts(path: Path) -> list[str]:
    """Return the texts of a file, one per line, without blank lines."""
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text: {error}") from error
    texts = [line for line in content.split("\n") if line.strip()]
    if not texts:
        raise ValueError(f"{str(path)!r} holds no text")
    return texts


def _is_parent(name: str | None, module_name: str) -> bool:
    """Tell whether `name` is the module or a package that the module is in."""
    return name is not None and f"{module_name}.".startswith(f"{name}.")


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
