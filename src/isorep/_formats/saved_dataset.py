"""Saved dataset: a folder that `save_to_disk` of Hugging Face datasets wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isorep._formats.arrow import open_arrow_files
from isorep._formats.header import Contents

STATE = "state.json"
SPLITS = "dataset_dict.json"


def is_saved_dataset(path: Path) -> bool:
    """Return whether a folder is a dataset, or holds one for each split."""
    return (path / STATE).is_file() or (path / SPLITS).is_file()


def open_saved_dataset(path: Path) -> Contents:
    """Open every column of a dataset; lists of one length are the further axes of its array."""
    if (path / SPLITS).is_file():
        splits = _read_json(path / SPLITS, "splits", list)
        raise ValueError(
            f"expected one dataset, got its splits {', '.join(map(str, splits))}: pass the folder "
            f"of one of them, such as {str(path / str(splits[0]) if splits else path)!r}"
        )
    files = _read_json(path / STATE, "_data_files", list)
    names = [file.get("filename") if isinstance(file, dict) else None for file in files]
    for name in names:
        # A file elsewhere is no part of what was saved.
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"{STATE} is damaged: expected names of files, got {name!r}")
        if not (path / name).is_file():
            raise ValueError(f"it is incomplete: {name}, which {STATE} lists, is missing")
    if not names:
        raise ValueError(f"{STATE} lists no file: the dataset has no samples")
    return open_arrow_files([path / name for name in names])


def _read_json(path: Path, key: str, expected: type) -> Any:
    try:
        value = json.loads(path.read_bytes())[key]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    if not isinstance(value, expected):
        raise ValueError(f"{path.name} is damaged: {key} is {value!r}")
    return value
