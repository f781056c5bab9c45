"""Write: contents to a file, in the format that the suffix of its name asks for."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from isorep._formats import npz, zarr
from isorep._formats.header import Contents


def write(contents: Contents, path: str | PathLike[str]) -> None:
    """Write contents to an ``.npz`` file or a ``.zarr`` folder; see `isorep.storage.save`."""
    path = Path(path)
    writers = {".npz": npz.write, ".zarr": zarr.write}
    write_format = writers.get(path.suffix.lower())
    if write_format is None:
        raise ValueError(f"cannot save to {str(path)!r}: expected a name ending in .npz or .zarr")
    if path.is_symlink():  # the move into place would replace the link
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {str(path)!r}: no folder {str(path.parent)!r}")
    write_format(contents, path)
