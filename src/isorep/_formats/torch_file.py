"""Torch file: what `torch.save` wrote, read without running code of the file.

Only PyTorch reads its files, so it is imported here, when such a file is read.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isorep._formats.header import Contents
from isorep._utils.arrays import to_numpy
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.name_list import listed
from isorep._utils.optional import import_optional

_SAFE_LOAD = (2, 6)
"""First version of PyTorch whose ``torch.load(weights_only=True)`` runs no code of a file."""

_DEEPEST = 32
"""Levels of containers in containers that are looked into."""

_TENSORS = "tensors, as torch.save({'fc': tensor}, path) writes them"


def read_tensors(path: Path) -> Contents:
    """Read the tensors of a file of `torch.save`.

    Tensors in dicts and lists are named by their paths, such as "encoder/0"; a single tensor is
    named after the file. Lists of numbers or of texts are arrays.
    """
    return Contents(dict(_arrays(path.stem, "", read_torch(path, _TENSORS), 0)))


def open_tensors(path: Path) -> Contents:
    """Map the tensors that `read_tensors` reads into memory; unused parts are not read."""
    return Contents(dict(_arrays(path.stem, "", read_torch(path, _TENSORS, mmap=True), 0)))


def read_torch(path: Path, expected: str, *, mmap: bool = False) -> Any:
    """Return what `torch.save` wrote; only tensors and plain containers are unpickled.

    Parameters
    ----------
    path
        Path of the file.
    expected
        What the file should hold, for the error.
    mmap
        Whether to map tensors into memory, if the file has the format of PyTorch 1.6 or later.

    Raises
    ------
    ValueError
        If the file is damaged or holds other objects, or PyTorch is older than 2.6.
    """
    torch = import_optional("torch", "torch")
    version = re.match(r"(\d+)\.(\d+)", torch.__version__)
    if version is not None and (int(version[1]), int(version[2])) < _SAFE_LOAD:
        raise ValueError(
            f"PyTorch {torch.__version__} can run code of such a file even with "
            "weights_only=True (CVE-2025-32434): install PyTorch 2.6 or newer, or save the tensors "
            "as .safetensors"
        )
    try:
        mmap = mmap and zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:
        # PyTorch's message goes on to advise to allow code to run.
        message = str(error).partition(". ")[0]
        objects = _objects_in(path, error)
        if "TorchScript" in str(error):
            message = (
                "it is a TorchScript program; save the weights of the model that it was made from, "
                "torch.save(model.state_dict(), path)"
            )
        elif any(name.startswith("torch.nn.") for name in objects):
            message = (
                f"it holds a whole model ({listed(objects)}), and loading it could run code. If "
                f"you trust it, save its weights: torch.save(torch.load({str(path)!r}, "
                "weights_only=False).state_dict(), 'weights.pt')"
            )
        elif objects and all(name.startswith("numpy.") for name in objects):
            message = (
                f"it holds arrays of NumPy ({listed(objects)}), and loading them could run code. "
                f"If you trust it, save them without objects: arrays = torch.load({str(path)!r}, "
                "weights_only=False), then numpy.savez('arrays.npz', **arrays) for a dict, or "
                "numpy.save('array.npy', arrays) for one array"
            )
        elif objects:
            message = (
                f"besides tensors it holds {listed(objects)}, and loading such objects could run "
                f"code. If you trust it, save its tensors alone: contents = torch.load("
                f"{str(path)!r}, weights_only=False); torch.save(contents['state_dict'], "
                "'tensors.pt'), with the key under which it has them"
            )
        else:
            message = f"expected {expected}, got {type(error).__name__}: {message}"
        raise ValueError(message) from error


def _objects_in(path: Path, error: Exception) -> list[str]:
    """Return the names of the classes and functions that a file needs, beside tensors."""
    torch = import_optional("torch", "torch")
    listing = getattr(torch.serialization, "get_unsafe_globals_in_checkpoint", None)
    try:
        names = sorted(listing(path)) if listing is not None else []
    except Exception:  # the legacy format cannot be listed
        names = []
    return names or re.findall(r"GLOBAL (\S+) was not", str(error))


def _arrays(stem: str, name: str, value: Any, level: int) -> Iterator[tuple[str, Any]]:
    """Yield the arrays in a value that was saved, with their paths."""
    if level > _DEEPEST:
        raise ValueError(f"{name!r} lies in more than {_DEEPEST} containers")
    is_sequence = isinstance(value, list | tuple)
    if is_sequence and value and all(isinstance(x, int | float | str) for x in value):
        yield name or stem, np.array(value)
    elif isinstance(value, Mapping) or is_sequence:
        if is_sequence:
            _warn_of_batches(name or stem, value)
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _arrays(stem, f"{name}/{key}" if name else str(key), item, level + 1)
    elif hasattr(value, "layout"):
        if value.is_sparse or value.is_quantized or str(value.layout) != "torch.strided":
            raise ValueError(
                f"tensor {name or stem!r} is sparse or quantised: save tensor.to_dense(), or "
                "tensor.dequantize()"
            )
        yield name or stem, to_numpy(value)
    elif value is not None:
        yield name or stem, np.array(value if isinstance(value, int | float | str) else str(value))


def _warn_of_batches(name: str, values: Sequence[Any]) -> None:
    """Warn of a list of tensors that are read as layers and may be batches of one layer."""
    kinds = {
        (tuple(x.shape[1:]), str(x.dtype)) if len(getattr(x, "shape", ())) > 1 else None
        for x in values
    }
    if len(values) < 2 or len(kinds) > 1 or None in kinds:
        return
    warnings.warn(
        f"{name!r} is a list of {len(values)} tensors of the same features, which are read as "
        f"{len(values)} layers: if they are batches of one layer, save torch.cat(tensors)",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )
