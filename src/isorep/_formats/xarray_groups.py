"""Groups of xarray: the variables of datasets on disk, with samples on the first axis."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._formats.kept_dataset import KeptDataset
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.damaged_file import damage_as
from isorep._utils.memory import check_fits
from isorep._utils.sample_dims import named_dims, stored_sample_dim
from isorep._utils.table_index import coordinate_labels, index_labels
from isorep._utils.tables import as_labels

OpenGroup = Callable[[], AbstractContextManager[Any]]

_NAMELESS = "__xarray_dataarray_variable__"


def open_dataset(path: Path, engine: Literal["h5netcdf", "scipy", "zarr"], **options: Any) -> Any:
    """Return a lazy `xarray.Dataset`, in which numbers with a unit such as "ms" are numbers."""
    import xarray

    return xarray.open_dataset(path, engine=engine, decode_timedelta=False, cache=False, **options)


def open_groups(groups: Mapping[str, OpenGroup], name: str, expected: str) -> Contents:
    """Open the variables and coordinates of each group.

    The coordinate of the sample dimension, or else a coordinate whose values are all different, has
    the sample ids.

    Parameters
    ----------
    groups
        Path of each group in the file, "" for the root, to a function that opens its dataset.
    name
        Name of a DataArray that was stored without one.
    expected
        What the file should be, in the error for a file that is damaged.
    """
    arrays: dict[str, Any] = {}
    ids: dict[str, tuple[str, ...]] = {}
    described = []
    for group, open_group in groups.items():
        kept = KeptDataset(open_group)
        with damage_as(expected), open_group() as dataset:
            dim = _sample_dim(dataset)
            for key, variable in dataset.variables.items():
                path = f"{group}/{key if key != _NAMELESS else name}".lstrip("/")
                arrays[path] = _array(kept, key, path, variable, dim)
            is_result = "isorep_version" in dataset.attrs
            index = dataset.indexes.get(dim)
            coordinates = {
                str(key): coordinate.to_numpy()
                for key, coordinate in dataset.coords.items()
                if index is None and dim is not None and coordinate.dims == (dim,)
            }
        if is_result:
            raise ValueError(
                "expected representations, got similarities that isorep computed: load what they "
                "were computed from"
            )
        labels = (
            coordinate_labels(coordinates)
            if index is None
            else index_labels(index.tolist(), True, f"dimension {dim!r}")
        )
        if labels is not None:
            ids[group] = labels
            described.append(f"{group}/{dim}".lstrip("/"))
    if len(set(ids.values())) > 1:
        warnings.warn(
            f"the groups {', '.join(ids)} have different samples, so the sample ids of the file "
            "are ignored: load layers of one group and pass ids=",
            UserWarning,
            stacklevel=stacklevel_of_caller(),
        )
        ids = {}
    if not ids:
        return Contents(arrays)
    return Contents(arrays, {"sample_ids": next(iter(ids.values())), "described": described})


class _Variable:
    """A variable with its samples on the first axis."""

    def __init__(
        self, dataset: KeptDataset, key: str, path: str, variable: Any, dim: str | None
    ) -> None:
        self._dataset = dataset
        self._key = key
        self.refusal = ""
        if dim not in variable.dims:
            dim = stored_sample_dim([variable.dims])
            if dim is None and variable.ndim > 1 and named_dims(variable.dims):
                self.refusal = (
                    f"{path} has dims {variable.dims}, and it is unknown which of them holds the "
                    "samples: rename that dimension to 'sample' before you save the array"
                )
            dim = dim or variable.dims[0]
        self._dim = str(dim)
        sizes = dict(zip(variable.dims, variable.shape, strict=True))
        self.shape: tuple[int, ...] = (sizes.pop(dim), *sizes.values())
        self.dims: tuple[str, ...] = (str(dim), *map(str, sizes))
        self.dtype: np.dtype[Any] = variable.dtype
        chunks = variable.encoding.get("chunksizes") or variable.encoding.get("chunks")
        self.chunks = (chunks[variable.dims.index(dim)],) if chunks else None

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        if not range(*rows.indices(self.shape[0])):  # which not every xarray reads
            return np.empty((0, *self.shape[1:]), dtype=self.dtype)
        return self._dataset.read(self._key, self._dim, rows)


def _array(
    dataset: KeptDataset, key: str, path: str, variable: Any, dim: str | None
) -> NDArray[Any] | _Variable:
    # Texts have the dtype object in some files, which only their values tell from other objects.
    if variable.ndim == 0 or variable.dtype.kind in "OT" or key in variable.dims:
        check_fits(variable.nbytes)
        return as_labels(variable.to_numpy())
    return _Variable(dataset, key, path, variable, dim)


def _sample_dim(dataset: Any) -> str | None:
    """Return the dimension that holds the samples of the dataset; None if it is unknown."""
    arrays = [
        variable.dims
        for variable in dataset.data_vars.values()
        if variable.ndim > 1 and variable.dtype.kind in "fiub"
    ]
    return stored_sample_dim(arrays)
