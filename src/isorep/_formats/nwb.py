"""NWB: the time series and the columns of the tables of a recording, by the format's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.hdf5_dataset import Dataset, check_own_data
from isorep._formats.header import Contents
from isorep._utils.damaged_file import damage_as
from isorep._utils.natural_order import natural_key
from isorep._utils.optional import import_optional

_DESCRIPTIONS = ("general", "specifications")
"""Groups that describe the recording."""

_TIMES = "timestamps"


def open_nwb(path: Path) -> Contents:
    """Open every time series, named by its path, and other datasets, such as columns of tables.

    The values are as stored: `conversion` and `offset`, which give the unit, are not applied.
    Columns with a varying number of values for each row, such as spike times, are left out.
    """
    h5py = import_optional("h5py", "hdf5")
    arrays: dict[str, Any] = {}
    orders: dict[str, Any] = {}
    hidden: set[str] = set()

    def visit(name: str, item: Any) -> None:
        if name.partition("/")[0] in _DESCRIPTIONS:
            return
        if not isinstance(item, h5py.Dataset):
            if _is_time_series(item):
                arrays[name] = Dataset(path, item["data"])
                orders[name] = _times(path, item)
                arrays[f"{name}/{_TIMES}"] = orders[name]
                hidden.update(f"{name}/{key}" for key in ("data", "starting_time"))
        elif "/" in name and item.shape is not None:  # those of the root describe the session
            arrays.setdefault(name, Dataset(path, item))
            if item.attrs.get("neurodata_type") == "VectorIndex":
                hidden.update((name, name.removesuffix("_index")))

    check_own_data(path, "an NWB file")
    with damage_as("an NWB file"), h5py.File(path) as file:
        if "nwb_version" not in file.attrs:
            raise ValueError("an HDF5 file without nwb_version")
        file.visititems(visit)
    names = sorted(arrays.keys() - hidden, key=natural_key)
    times = [f"{name}/{_TIMES}" for name in orders]
    return Contents({name: arrays[name] for name in names}, {"orders": orders, "described": times})


class _RegularTimes:
    """Times of samples that were taken at a constant rate."""

    dtype = np.dtype(np.float64)
    chunks = None

    def __init__(self, start: float, rate: float, n_samples: int) -> None:
        self.shape = (n_samples,)
        self._start = start
        self._rate = rate

    def __getitem__(self, rows: slice) -> NDArray[np.float64]:
        return self._start + np.arange(*rows.indices(self.shape[0])) / self._rate


def _is_time_series(group: Any) -> bool:
    return "data" in group and (_TIMES in group or "starting_time" in group)


def _times(path: Path, series: Any) -> Any:
    if _TIMES in series:
        return Dataset(path, series[_TIMES])
    start = series["starting_time"]
    return _RegularTimes(float(start[()]), float(start.attrs["rate"]), series["data"].shape[0])
