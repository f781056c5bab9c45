"""Shards: folders of .npy, .safetensors or .pt files, which are layers or parts of layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isorep._formats.header import Contents
from isorep._formats.joined_array import JoinedArray
from isorep._formats.json_members import member, read_json
from isorep._formats.npy import open_npy
from isorep._formats.safetensors import open_safetensors
from isorep._formats.shard_names import are_numbered, rows_alone_differ, shards_of_layers
from isorep._formats.torch_file import open_tensors
from isorep._formats.unchanged_array import UnchangedArray
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.file_state import FileState
from isorep._utils.name_list import listed
from isorep._utils.natural_order import natural_key

INDEX = ".safetensors.index.json"
_OPEN: dict[str, Callable[[Path], Contents]] = {
    ".npy": open_npy,
    ".safetensors": open_safetensors,
    ".pt": open_tensors,
    ".pth": open_tensors,
}
_DESCRIPTIONS = (".json", ".jsonl", ".md", ".txt", ".toml", ".yaml", ".yml", ".log")
"""Suffixes of files that describe a folder and that no one takes for activations."""


def is_folder_of_arrays(path: Path) -> bool:
    """Return whether a folder holds files of arrays."""
    return bool(_files(path))


def open_folder(path: Path) -> Contents:
    """Open a folder of files of arrays.

    Files whose names say that they are parts ("shard3", "00001-of-00004") are joined along their
    rows, in the order of their numbers; so are files whose names differ in a number alone, if they
    have other numbers of rows. All other files are layers with the names of the files.

    Raises
    ------
    ValueError
        A part is missing, parts do not fit together, or it is unknown what the files are.
    """
    indices = sorted(path.glob(f"*{INDEX}"))
    if len(indices) == 1:
        indexed = open_index(indices[0])
        used = {indices[0], *_files_of_index(indices[0]).values()}
        _warn_of_others(path, used, f"that {indices[0].name} does not list")
        return indexed
    files = _files(path)
    kinds = sorted({file.suffix.lower() for file in files})
    if len(kinds) > 1:
        raise ValueError(
            f"it is a folder of {' and '.join(kinds)} files: put each kind into a folder of its own"
        )
    _warn_of_others(path, set(files), f"that are not {kinds[0]}")
    contents = {file.stem: _arrays_of(file) for file in files}
    parts = shards_of_layers(list(contents))
    if parts is None and are_numbered(contents):
        shapes = [{name: x.shape for name, x in arrays.items()} for arrays in contents.values()]
        are_parts = rows_alone_differ(shapes)
        if are_parts is None:
            raise ValueError(
                f"its files {files[0].name}, {files[1].name}, ... have arrays of the same shapes, "
                "and may be parts or layers: give them names such as shard0 or layer0"
            )
        parts = {"": list(contents)} if are_parts else None
    if parts is None:
        parts = {stem: [stem] for stem in contents}
    return Contents(
        {
            _name(layer, array_name, path, len(parts)): array
            for layer, stems in parts.items()
            for array_name, array in _joined(stems, contents).items()
        }
    )


def open_index(path: Path) -> Contents:
    """Open the tensors that the index of sharded safetensors lists, each in the file it names."""
    files = _files_of_index(path)
    opened: dict[Path, Mapping[str, Any]] = {}
    for file in files.values():
        if not file.is_file():
            raise ValueError(f"the file {file.name} of {path.name} is missing")
        if file not in opened:
            opened[file] = _opened(file)
    for name, file in files.items():
        if name not in opened[file]:
            raise ValueError(f"{path.name} expects {name!r} in {file.name}, which does not have it")
    return Contents({name: opened[files[name]][name] for name in sorted(files, key=natural_key)})


def _files_of_index(path: Path) -> dict[str, Path]:
    """Return the file of each tensor, which lies beside the index."""
    try:
        places = member(read_json(path), "weight_map", dict, path.name)
        return {name: path.parent / Path(place).name for name, place in places.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"expected an index of .safetensors files with a weight_map, got {error!r}"
        ) from error


def _warn_of_others(folder: Path, used: set[Path], which: str) -> None:
    """Warn of what the folder holds beside the files that are read, other than descriptions."""
    others = sorted(
        file.name
        for file in folder.iterdir()
        if file not in used
        and not file.name.startswith(".")
        and file.suffix.lower() not in _DESCRIPTIONS
    )
    if others:
        warnings.warn(
            f"files and folders {which} are left out: {listed(others)}. Load them by their own "
            "names",
            UserWarning,
            stacklevel=stacklevel_of_caller(),
        )


def _files(folder: Path) -> list[Path]:
    """Return the files of arrays in a folder, in natural order; hidden ones are left out."""
    files = [x for x in folder.iterdir() if x.suffix.lower() in _OPEN and x.is_file()]
    return sorted(
        (x for x in files if not x.name.startswith(".")), key=lambda x: natural_key(x.name)
    )


def _opened(file: Path) -> dict[str, Any]:
    """Return the arrays of a file by name, which are read while the file is what it was."""
    state = FileState(file)
    return {
        name: array if array.dtype.kind == "O" else UnchangedArray(array, state)
        for name, array in _OPEN[file.suffix.lower()](file).layers.items()
    }


def _arrays_of(file: Path) -> dict[str, Any]:
    """Return the arrays of a file by name; a single one without a name of its own is called ""."""
    try:
        arrays = _opened(file)
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error
    return {"": arrays[file.stem]} if list(arrays) == [file.stem] else arrays


def _joined(stems: Sequence[str], contents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the arrays of files that are parts of the same arrays, or that have different ones."""
    if len({name for stem in stems for name in contents[stem]}) == sum(
        len(contents[stem]) for stem in stems
    ):  # no array lies in two files
        return {name: array for stem in stems for name, array in contents[stem].items()}
    first = stems[0]
    for stem in stems:
        if contents[stem].keys() != contents[first].keys():
            name = sorted(contents[stem].keys() ^ contents[first].keys())[0]
            raise ValueError(f"only one of {first} and {stem} has an array {name!r}")
    return {
        name: JoinedArray(
            [contents[stem][name] for stem in stems],
            [f"{stem} {name!r}" if name else stem for stem in stems],
        )
        if array.shape
        else array  # a number that each part has
        for name, array in contents[first].items()
    }


def _name(layer: str, array_name: str, folder: Path, n_layers: int) -> str:
    if n_layers > 1 and array_name:
        return f"{layer}/{array_name}"
    return array_name or layer or folder.resolve().name
