"""Pending HDF5: what this process has changed in an HDF5 file, but not written yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def write_pending(path: Path) -> None:
    """Write the changes of an HDF5 file that this process has open for writing.

    HDF5 would write them at some later read, and the file would seem to be changed by others.
    """
    h5py = sys.modules.get("h5py")
    if h5py is None:
        return
    for file in h5py.h5f.get_obj_ids(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE):
        name = os.fsdecode(file.name)
        if os.path.exists(name) and os.path.samefile(name, path):  # some files are in memory alone
            h5py.h5f.flush(file)
