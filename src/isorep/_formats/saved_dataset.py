"""Saved dataset: a folder that `save_to_disk` of Hugging Face datasets wrote."""

from __future__ import annotations

from pathlib import Path

from isorep._formats.arrow import open_arrow_files
from isorep._formats.header import Contents
from isorep._formats.json_members import member, read_json

_STATE = "state.json"
_SPLITS = "dataset_dict.json"


def is_saved_dataset(path: Path) -> bool:
    """Return whether a folder is a dataset, or holds one for each split."""
    return (path / _STATE).is_file() or (path / _SPLITS).is_file()


def open_saved_dataset(path: Path) -> Contents:
    """Open every column of a dataset; lists of one length are the further axes of its array."""
    if (path / _SPLITS).is_file():
        splits = list(map(str, member(read_json(path / _SPLITS), "splits", list, _SPLITS)))
        raise ValueError(
            f"expected one dataset, got the splits {', '.join(splits)}: pass the folder of a "
            f"split, such as {str(path / splits[0] if splits else path)!r}"
        )
    state = read_json(path / _STATE)
    if state.get("_indices_data_files"):
        raise ValueError(
            "an old version of datasets saved its rows in another order than they have: load it "
            "with datasets.load_from_disk and save it again"
        )
    names = [
        member(file, "filename", str, _STATE) for file in member(state, "_data_files", list, _STATE)
    ]
    if not names:
        raise ValueError(f"{_STATE} lists no file: the dataset has no samples")
    for name in names:
        if Path(name).name != name:  # a file elsewhere is no part of what was saved
            raise ValueError(f"{_STATE} is damaged: expected names of files, got {name!r}")
        if not (path / name).is_file():
            raise ValueError(f"it is incomplete: {name} is missing")
    return open_arrow_files([path / name for name in names], path.name)
