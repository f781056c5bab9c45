"""Sample table: an array of xarray, pandas or AnnData, with samples in rows and their labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.sample_dims import common_sample_dim, named_dims
from isorep._utils.table_index import coordinate_labels, index_labels
from isorep._utils.tables import dense_numbers
from isorep.representations.sample_order import common_order, difference


@dataclass(frozen=True, eq=False)
class SampleTable:
    """Samples in rows, and what a table says of them.

    Attributes
    ----------
    values : (n, ...) array
        Samples in rows.
    ids : tuple of str or None
        Label of each sample; None if the table has no labels. A default index of pandas, which
        counts the rows, is no label. If a dimension of xarray has no index, a coordinate whose
        values are all different has the labels.
    coordinates : mapping of str to (n,) array-like
        What else the table says of each sample: coordinates of xarray, levels of a pandas index,
        columns of AnnData's ``obs``.

    Examples
    --------
    >>> import pandas
    >>> frame = pandas.DataFrame({"unit": [0.5, 1.5]}, index=["cat", "dog"])
    >>> SampleTable.from_value(frame, "x").ids
    ('cat', 'dog')
    """

    values: NDArray[Any]
    ids: tuple[str, ...] | None
    coordinates: Mapping[str, Any]

    @classmethod
    def from_value(cls, value: Any, name: str, sample_dim: str | None = None) -> SampleTable:
        """Read a DataArray, data frame or AnnData.

        Parameters
        ----------
        value
            The table; see `is_table`.
        name : str
            Name of the table in errors.
        sample_dim : str, optional
            Dimension of a DataArray that holds the samples; by default found by its name.

        Raises
        ------
        TypeError, ValueError
            If it is unknown which dimension holds the samples, a sample has no label, or a value is
            not a number.
        """
        if has_dims(value):
            dim = _sample_dim_of(value, name, sample_dim)
            others = [other for other in value.dims if other != dim]
            index = value.indexes.get(dim)
            coordinates = {
                str(key): coordinate.to_numpy()
                for key, coordinate in value.coords.items()
                if coordinate.dims == (dim,)
            }
            values = value.transpose(dim, *others).to_numpy()
            if index is None:
                return cls(values, coordinate_labels(coordinates), coordinates)
        elif _is_anndata(value):
            index = value.obs_names
            coordinates = {str(key): value.obs[key] for key in value.obs.columns}
            values = np.asarray(dense_numbers(value.X, f"X of {name}"))
        else:
            index = value.index
            coordinates = {
                str(level): index.get_level_values(i)
                for i, level in enumerate(index.names)
                if level is not None
            }
            values = np.asarray(dense_numbers(value, name))
        return cls(values, _index_labels(index, name), coordinates)

    def take(self, rows: NDArray[np.int64]) -> SampleTable:
        """Return the table with its rows in another order."""
        ids = None if self.ids is None else tuple(self.ids[i] for i in rows)
        coordinates = {key: np.asarray(values)[rows] for key, values in self.coordinates.items()}
        return SampleTable(self.values[rows], ids, coordinates)

    def coordinate(self, name: str) -> Any:
        """Return a coordinate; raise ValueError, with the known names, if there is none."""
        if name not in self.coordinates:
            known = ", ".join(map(repr, self.coordinates)) or "none"
            raise ValueError(
                f"the tables have no coordinate {name!r} along their samples; they have: {known}"
            )
        return self.coordinates[name]


def is_table(value: Any) -> bool:
    """Return whether a value is a DataArray, a data frame with an index, or AnnData."""
    return has_dims(value) or _is_frame(value) or _is_anndata(value)


def has_dims(value: Any) -> bool:
    """Return whether a value is a DataArray of xarray, whose dimensions have names."""
    return all(hasattr(value, name) for name in ("dims", "coords", "indexes", "to_numpy"))


def has_coordinate(value: Any, name: str) -> bool:
    """Return whether a table has a coordinate of this name along its samples.

    Examples
    --------
    >>> import pandas
    >>> frame = pandas.DataFrame({"unit": [0.5]}, index=pandas.Index(["cat"], name="image"))
    >>> has_coordinate(frame, "image"), has_coordinate([[0.5]], "image")
    (True, False)
    """
    if has_dims(value):
        return name in value.coords
    if _is_anndata(value):
        return name in value.obs.columns
    return _is_frame(value) and name in value.index.names


def read_tables(
    arrays: Mapping[str, Any], sample_dim: str | None = None
) -> tuple[dict[str, Any], SampleTable | None]:
    """Return layers with samples in rows, in one order, and the table that knows the samples.

    Parameters
    ----------
    arrays : mapping of str to array or table
        The layers. Arrays are returned unchanged.
    sample_dim : str, optional
        Dimension that holds the samples; by default found by the names of all dimensions.

    Returns
    -------
    dict, SampleTable or None
        Layers as arrays, and the first table that has labels, else the first; None without tables.

    Raises
    ------
    ValueError
        If two layers hold different samples, or it is unknown which dimension holds the samples.
    """
    read = dict(arrays)
    data_arrays = [value for value in arrays.values() if has_dims(value)]
    if sample_dim is not None and not data_arrays:
        raise ValueError(
            f"sample_dim={sample_dim!r} needs layers with named dimensions (xarray), and there are "
            "none"
        )
    sample_dim = sample_dim or shared_sample_dim(data_arrays)
    tables = {
        name: SampleTable.from_value(value, f"layer {name!r}", sample_dim)
        for name, value in arrays.items()
        if is_table(value)
    }
    if not tables:
        return read, None
    witness = next((name for name, x in tables.items() if x.ids is not None), next(iter(tables)))
    ids = tables[witness].ids
    for name, table in tables.items():
        if ids is not None and table.ids is not None:
            table = _in_order(table, ids, f"layer {witness!r}", f"layer {name!r}")
        read[name] = table.values
    unlabelled = [name for name in arrays if name not in tables or tables[name].ids is None]
    if ids is not None and unlabelled:
        _warn_of_unlabelled(f"layer {witness!r}", f"layer {unlabelled[0]!r}")
    return read, tables[witness]


class Paired(NamedTuple):
    """Two representations with the same sample in each row.

    Attributes
    ----------
    x, y : array or Basis
    ids : tuple of str or None
        Labels of the samples; None if neither side has labels.
    coordinates : mapping of str to (n,) array-like
        What else tables say of each sample.
    """

    x: Any
    y: Any
    ids: tuple[str, ...] | None = None
    coordinates: Mapping[str, Any] = MappingProxyType({})

    def labels(self, values: Any, name: str) -> Any:
        """Return the groups or the order, called `name`, of the samples in their order.

        A string is the name of a coordinate; a Series with the labels of the samples is brought
        into their order.

        Raises
        ------
        ValueError
            If there is no such coordinate, or a Series has other labels.
        """
        if not isinstance(values, str):
            return by_label(values, self.ids, name)
        return SampleTable(self.x, self.ids, self.coordinates).coordinate(values)


def paired(x: Any, y: Any) -> Paired:
    """Pair two representations of the same samples.

    Parameters
    ----------
    x, y
        Arrays, tables, or a `Basis` of a table. The rows of y are brought into the order of x if
        both have the same labels; those of x if y is a Basis.

    Raises
    ------
    ValueError
        If the labels differ, some repeat in another order, or it is unknown which dimension holds
        the samples.

    Examples
    --------
    >>> import pandas
    >>> frame = pandas.DataFrame({"unit": [0.5, 1.5]}, index=["cat", "dog"])
    >>> paired(frame, frame[::-1]).y
    array([[0.5],
           [1.5]])
    """
    if not any(is_table(side) or _ids_of_basis(side) for side in (x, y)):
        return Paired(x, y)
    sides = {"x": x, "y": y}
    dim = shared_sample_dim([side for side in sides.values() if has_dims(side)])
    tables = {
        name: SampleTable.from_value(side, name, dim)
        if is_table(side)
        else SampleTable(side, _ids_of_basis(side), {})
        for name, side in sides.items()
    }
    moved, fixed = ("y", "x") if is_table(y) else ("x", "y")
    ids, moved_ids = tables[fixed].ids, tables[moved].ids
    if ids is None or moved_ids is None:
        if ids != moved_ids:
            _warn_of_unlabelled(*((moved, fixed) if ids is None else (fixed, moved)))
    elif is_table(sides[moved]):
        tables[moved] = _in_order(tables[moved], ids, fixed, moved)
    coordinates = {**tables["y"].coordinates, **tables["x"].coordinates}
    return Paired(tables["x"].values, tables["y"].values, ids or moved_ids, coordinates)


def _ids_of_basis(side: Any) -> tuple[str, ...] | None:
    return side.sample_ids if hasattr(side, "singular_values") else None


def rows_of(x: Any, name: str) -> tuple[Any, tuple[str, ...] | None]:
    """Return a table that errors call `name` as an array, and its labels; else x itself."""
    if not is_table(x):
        return x, None
    table = SampleTable.from_value(x, name)
    return table.values, table.ids


def by_label(values: Any, ids: Sequence[str] | None, name: str) -> Any:
    """Return a pandas Series in the order of samples with these ids; else the values themselves.

    Raises
    ------
    ValueError
        If the Series has other labels.

    Examples
    --------
    >>> import pandas
    >>> groups = pandas.Series(["even", "odd"], index=["two", "one"])
    >>> by_label(groups, ("one", "two"), "groups").tolist()
    ['odd', 'even']
    """
    index = getattr(values, "index", None)
    if ids is None or not hasattr(values, "iloc") or not hasattr(index, "tolist"):
        return values
    labels = _index_labels(index, name)
    if labels is None or labels == tuple(ids):
        return values
    order = common_order(ids, labels)
    if order is None:
        raise ValueError(
            difference(
                ids,
                labels,
                "x",
                name,
                if_reordered="; repeated labels need the order of x",
                if_different=f"label {name} as the samples, or pass an array in the order of x",
            )
        )
    return values.iloc[order]


def shared_sample_dim(values: Iterable[Any]) -> str | None:
    """Return the dimension that holds the samples of all DataArrays; None if it is unknown."""
    return common_sample_dim(value.dims for value in values if has_dims(value))


def _in_order(table: SampleTable, ids: Sequence[str], name: str, table_name: str) -> SampleTable:
    """Return a table with labels in the order of `ids`, or raise ValueError."""
    assert table.ids is not None
    if table.ids == ids:
        return table
    order = common_order(ids, table.ids)
    if order is None:
        raise ValueError(
            difference(
                ids,
                table.ids,
                name,
                table_name,
                if_reordered="",
                if_different="select the same samples on both sides by their labels",
            )
        )
    return table.take(order)


def _sample_dim_of(array: Any, name: str, sample_dim: str | None) -> Any:
    """Return the dimension of a DataArray that holds the samples."""
    if sample_dim is not None and sample_dim in array.dims:
        return sample_dim
    dims = f"dims {tuple(array.dims)}"
    if sample_dim is not None and named_dims(array.dims):
        raise ValueError(
            f"{name} has {dims}, and no dimension {sample_dim!r} of samples: rename it, or leave "
            "the array out"
        )
    dim = array.dims[0] if array.ndim and not named_dims(array.dims) else shared_sample_dim([array])
    if dim is None:
        raise ValueError(
            f"{name} has {dims}, and it is unknown which of them holds the samples: pass "
            "isorep.Representations.from_mapping({'layer': array}, sample_dim=...), rename the "
            "dimension to 'sample', or pass an array (n_samples, n_features)"
        )
    return dim


def _index_labels(index: Any, name: str) -> tuple[str, ...] | None:
    """Return the labels of a pandas index as text; None for an index that only counts the rows."""
    return index_labels(index.tolist(), getattr(index, "name", None) is not None, name)


def _warn_of_unlabelled(known: str, unknown: str) -> None:
    warnings.warn(
        f"{known} has labels of its samples and {unknown} has none, so that it cannot be checked "
        f"that row i of both is the same sample: label the rows of {unknown}, or pass both as "
        "arrays without labels",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )


def _is_frame(value: Any) -> bool:
    names = ("index", "columns", "to_numpy")
    return all(hasattr(value, name) for name in names) and hasattr(value.index, "nlevels")


def _is_anndata(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("obs_names", "obs", "X"))
