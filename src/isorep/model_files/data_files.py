"""Batches of inputs that a name stands for: an object of a module, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from isorep._utils.optional import import_optional
from isorep._utils.tokens import are_texts
from isorep.model_files.module_objects import make_object
from isorep.model_files.specs import model_folders
from isorep.model_files.texts import STDIN, read_texts, tokenize

_ARRAYS = (".npy", ".npz", ".safetensors")


def make_data(data: Any, models: Sequence[Any]) -> Any:
    """Return the batches that a name stands for; other data are unchanged.

    Parameters
    ----------
    data
        One of these:

        - ``module:name`` of the batches or of a function that makes them;
        - ``.npy``, ``.npz`` or ``.safetensors`` with arrays of inputs. If a file holds several
          arrays, each is a keyword argument of the model under its name, except ``labels`` and
          ``label``. Arrays in float64 are converted to float32;
        - texts, for models in Hugging Face folders: a list of strings, or one per line of a
          ``.txt``, a pipe, or standard input (``-``). A list is unchanged if no folder is among
          the models.
    models
        The models, or their names. The tokenizer of a Hugging Face folder among them cuts texts
        into tokens.

    Raises
    ------
    ValueError
        If the name has another form, or the file is damaged or does not suit the models.
    FileNotFoundError
        If the file does not exist.
    """
    if are_texts(data) and (folders := model_folders(models)):
        return tokenize(data, folders)
    if not isinstance(data, str | PathLike):
        return data
    path, spec = Path(data), fspath(data)
    is_pipe = path == STDIN or (path.exists() and not path.is_file() and not path.is_dir())
    if path.suffix not in (*_ARRAYS, ".txt") and not is_pipe:
        if ":" in spec:
            return make_object(spec)
        raise ValueError(
            f"{spec!r} names no data: expected module:name, - or a pipe of texts, or a name ending "
            f"in {', '.join(_ARRAYS)} or .txt"
        )
    if path.suffix == ".txt" or is_pipe:
        if not (is_pipe or path.is_file()):
            raise FileNotFoundError(f"no data file {spec!r}")
        return tokenize(read_texts(path), model_folders(models))
    if not path.is_file():
        raise FileNotFoundError(f"no data file {spec!r}")
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
