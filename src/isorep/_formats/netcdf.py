"""NetCDF: the variables of a file, with what xarray knows of the samples."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from isorep._formats.damage import damage_as
from isorep._formats.hdf5_dataset import check_no_external_storage
from isorep._formats.header import Contents
from isorep._formats.xarray_groups import open_dataset, open_groups
from isorep._utils.optional import import_optional

_CLASSIC = b"CDF"  # netCDF 3; later versions are HDF5


def open_netcdf(path: Path) -> Contents:
    """Open the variables and coordinates of all groups; samples come first."""
    with path.open("rb") as file:
        is_classic = file.read(len(_CLASSIC)) == _CLASSIC
    if not is_classic:
        import_optional("h5netcdf", "netcdf")

    def open_group(group: str) -> Any:
        if is_classic:
            return open_dataset(path, "scipy")
        return open_dataset(path, "h5netcdf", group=group or None)

    with damage_as("a netCDF file"):
        groups = [""] if is_classic else _groups(path)
        return open_groups({group: partial(open_group, group) for group in groups}, path.stem)


def _groups(path: Path) -> list[str]:
    """Return the path of each group of a netCDF 4 file, "" for its root."""
    h5py = import_optional("h5py", "netcdf")
    groups = [""]

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            groups.append(name)

    with h5py.File(path) as file:
        check_no_external_storage(file)
        file.visititems(visit)
    return groups
