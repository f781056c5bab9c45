"""NetCDF: the variables of a file, with what xarray knows of the samples."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from isorep._formats.hdf5_dataset import check_own_data
from isorep._formats.header import Contents
from isorep._formats.xarray_groups import open_dataset, open_groups
from isorep._utils.memory import check_fits
from isorep._utils.optional import import_optional

_CLASSIC = b"CDF"  # netCDF 3; later versions are HDF5
_EXPECTED = "a netCDF file"


def open_netcdf(path: Path) -> Contents:
    """Open the variables and coordinates of all groups; samples come first."""
    with path.open("rb") as file:
        is_classic = file.read(len(_CLASSIC)) == _CLASSIC
    if not is_classic:
        import_optional("h5netcdf", "netcdf")
    openers = (
        {"": partial(open_dataset, path, "scipy")}
        if is_classic
        else {x: partial(open_dataset, path, "h5netcdf", group=x or None) for x in _groups(path)}
    )
    return open_groups(openers, path.stem, _EXPECTED)


def _groups(path: Path) -> list[str]:
    """Return the path of each group of a netCDF 4 file, "" for its root."""
    h5py = import_optional("h5py", "netcdf")
    groups = [""]
    sizes = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            groups.append(name)
        elif len(item.shape or ()) == 1:  # xarray may read it whole, as an index
            sizes.append(item.nbytes)

    check_own_data(path, _EXPECTED)
    with h5py.File(path) as file:
        file.visititems(visit)
    check_fits(max(sizes, default=0))
    return groups
